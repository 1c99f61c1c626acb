--- The report page from a plain table: no engine, no study, only text. See report/init.lua for what goes in.
-- SPDX-License-Identifier: MIT
local html = require "brink.report.html"
local svg = require "brink.report.svg"

local M = {}

local UNSURE = 0.02 -- errors above it are worth a word

local function percent(v) return ("%.1f %%"):format(v * 100) end
local function fixed(v) return ("%.2f"):format(v) end

--- "0.42 (0.38 to 0.47), 12 px" or the words for never.
local function bound_text(b, never)
  if not b or not b.i then return never end
  local s = fixed(b.i)
  if b.lo and b.hi then s = s .. (" (%.2f to %.2f)"):format(b.lo, b.hi) end
  if b.physical then s = s .. ", " .. b.physical end
  return s
end

local function side_name(row) return row.side and row.side ~= "" and row.name .. " " .. row.side or row.name end
local function anchor(row) return (side_name(row):gsub("[^%w]", function(c) return ("-%02x"):format(c:byte()) end)) end

--- What the curve says, in words a person uses.
local function verdict(row, settings)
  if not row.onset then
    return ("Never costs more than %s of the answers up to intensity 1."):format(percent(settings.onset))
  end
  local start = ("The first non-negligible loss comes at intensity %s%s"):format(fixed(row.onset.i), row.onset.physical and " (" .. row.onset.physical .. ")" or "")
  if not row.break_ then
    return start .. ("; it stays below %s to the end."):format(percent(settings.break_at))
  end
  local gap = row.break_.i - row.onset.i
  local how = gap < 0.06 and "a cliff: almost no warning before" or gap < 0.25 and "a steep fall to" or "a gradual fall to"
  return ("%s; then %s the brink at %s%s."):format(start, how, fixed(row.break_.i), row.break_.physical and " (" .. row.break_.physical .. ")" or "")
end

local FIGURE = [[<figure class="{{class}}"><div class="shot"><img src="{{src}}" alt="{{alt}}" loading="lazy"{{{size}}}>{{{over}}}</div><figcaption>{{{caption}}}</figcaption></figure>]]

local function figure(class, picture, alt, caption)
  return html.fill(FIGURE, { class = class, src = picture.src, alt = alt, caption = caption, over = picture.overlay or "",
    size = picture.width and (' width="%d" height="%d"'):format(picture.width, picture.height) or "" })
end

--- What was expected and what came. The same and yet an error: the answer was right and not sure, or lies elsewhere.
local function answer(p)
  local label, prediction, off = html.escape(p.label), html.escape(p.prediction), p.error and (", error %.2f"):format(p.error) or ""
  if p.overlay and p.overlay ~= "" then return ("expected <b>%s</b> (green), got <b>%s</b> (orange)%s"):format(label, prediction, off) end
  if label ~= prediction then return ("expected <b>%s</b>, got <b>%s</b>%s"):format(label, prediction, off) end
  local unsure = p.error and p.error > UNSURE
  return ("<b>%s</b>, as expected%s"):format(label, unsure and " but not sure" .. off or "")
end

--- First failure or last success with what was expected and what came.
local function picture(row, which, title, class)
  local p = row[which]
  if not p then
    return ('<figure><figcaption><b>%s</b><br>%s</figcaption></figure>'):format(html.escape(title),
      which == "first_failure" and "none seen" or "none stored")
  end
  local lines = { "<b>" .. html.escape(title) .. "</b> at " .. fixed(p.i) .. (p.physical and ", " .. html.escape(p.physical) or "") }
  lines[#lines + 1] = html.escape(p.sample)
  lines[#lines + 1] = answer(p)
  if p.note then lines[#lines + 1] = html.escape(p.note) end
  if p.hash ~= "" then lines[#lines + 1] = html.fill('<code title="hash of the tested pixels: {{full}}">{{short}}</code>', { full = p.hash, short = p.hash:sub(1, 12) }) end
  return figure(class, p, title .. ", " .. p.sample, table.concat(lines, "<br>"))
end

local function strip(row)
  local out = {}
  for k, p in ipairs(row.strip or {}) do
    out[k] = figure(p.ok == nil and "" or p.ok and "ok" or "ko", p, ("intensity %.2f"):format(p.i), p.i == 0 and "original" or fixed(p.i))
  end
  return #out > 0 and ('<div class="strip" tabindex="0" role="group" aria-label="the same picture from intensity 0 to 1">%s</div>'):format(table.concat(out)) or ""
end

local function class_table(row, classes)
  if not row.per_class or #classes < 2 then return "" end
  local out = {}
  for _, c in ipairs(row.per_class) do
    out[#out + 1] = html.fill('<tr><td>{{name}}</td><td class="num">{{n}}</td><td class="num">{{onset}}</td><td class="num">{{brk}}</td></tr>', {
      name = c.name, n = c.n, onset = c.onset and fixed(c.onset) or "none", brk = c.break_ and fixed(c.break_) or "none" })
  end
  return [[<details><summary>per class</summary><div class="scroll" tabindex="0"><table><thead><tr><th>class</th><th class="num">images</th>
<th class="num">onset</th><th class="num">break</th></tr></thead><tbody>]] .. table.concat(out) .. "</tbody></table></div></details>"
end

local ARTICLE = [[
<article id="{{anchor}}"><div class="head"><h3>{{name}}</h3><span class="tag">{{family}}</span><span class="soft small">{{doc}}</span><a class="up" href="#overview">overview</a></div>
<p class="verdict">{{verdict}}</p>
<div class="pair"><div>{{{chart}}}</div>{{{success}}}{{{failure}}}</div>
{{{strip}}}
{{{islands}}}{{{classes}}}</article>]]

local function article(row, report)
  local islands = ""
  if row.islands and #row.islands > 0 then
    local parts = {}
    for k, i in ipairs(row.islands) do parts[k] = (i[2] - i[1] < 0.005 and "%.2f" or "%.2f to %.2f"):format(i[1], i[2]) end
    islands = '<p class="small soft">Not monotone: the error is small again at ' .. table.concat(parts, ", ") .. ". The bounds stop before; the island is not used.</p>"
  end
  return html.fill(ARTICLE, {
    anchor = anchor(row), name = side_name(row), family = row.family, doc = row.doc, verdict = verdict(row, report.settings_used),
    chart = svg.curve(row.curve, { title = side_name(row) .. ": rise of the error over intensity", onset = row.onset, break_ = row.break_,
      onset_at = report.settings_used.onset, break_at = report.settings_used.break_at, units = row.units, islands = row.islands }),
    success = picture(row, "last_success", "last success", "good"),
    failure = picture(row, "first_failure", "first failure", "bad"),
    strip = strip(row), islands = islands, classes = class_table(row, report.classes),
  })
end

local OVERVIEW_ROW = [[<tr><td><a href="#{{anchor}}">{{name}}</a></td><td class="wide">{{{bar}}}</td><td class="num">{{{onset}}}</td><td class="num">{{{brk}}}</td><td class="num">{{loss}}</td></tr>]]

-- A bound with its interval beside it.
local function cell(b)
  if not b then return "none" end
  return fixed(b.i) .. (b.lo and b.hi and ('<span class="ci">%.2f to %.2f</span>'):format(b.lo, b.hi) or "")
end

local function overview(report)
  local out = {}
  for k, row in ipairs(report.rows) do
    local last = row.curve[#row.curve]
    out[k] = html.fill(OVERVIEW_ROW, { anchor = anchor(row), name = side_name(row),
      bar = svg.range(row.onset and row.onset.i, row.break_ and row.break_.i, side_name(row) .. ": onset " .. bound_text(row.onset, "none") .. "; break " .. bound_text(row.break_, "none"),
        row.break_ and row.break_.lo and row.break_.hi and { row.break_.lo, row.break_.hi }),
      onset = cell(row.onset), brk = cell(row.break_), loss = last and percent(last.rise) or "" })
  end
  return table.concat(out, "\n")
end

local MOST = 300 -- entries of a list on the page; all of them are in the analysis

local function pairs_table(title, head, list)
  if #list == 0 then return "" end
  local out = {}
  for k = 1, math.min(#list, MOST) do
    out[k] = html.fill("<tr><td><code>{{a}}</code></td><td>{{b}}</td></tr>", { a = list[k][1], b = list[k][2] })
  end
  if #list > MOST then out[#out + 1] = html.fill("<tr><td>and {{n}} more</td><td>all are in the analysis, the JSON file</td></tr>", { n = #list - MOST }) end
  return html.fill("<h2>{{title}}</h2><div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>{{h1}}</th><th>{{h2}}</th></tr></thead><tbody>{{{rows}}}</tbody></table></div>",
    { title = title, h1 = head[1], h2 = head[2], rows = table.concat(out) })
end

local PAGE = [[<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{{title}}</title>
<style>{{{style}}}</style></head><body>
<header><h1>{{title}}</h1><p class="soft">{{lead}}</p>{{{warning}}}
<ul class="facts">{{{facts}}}</ul></header>
<main>
<h2 id="overview">Where it breaks</h2>
<p class="small soft"><span class="key safe"></span>safe up to the onset<span class="key doubt"></span>the model loses answers<span class="key broken"></span>beyond the brink;
the thin line is the break's 95 % interval. Sorted by fragility; the axis is intensity 0 to 1.</p>
<div class="scroll" tabindex="0"><table><thead><tr><th>augmentation</th><th>intensity</th><th class="num">onset</th><th class="num">break</th><th class="num">rise at 1</th></tr></thead>
<tbody>
{{{overview}}}
</tbody></table></div>
<h2>One by one</h2>
{{{articles}}}
{{{failures}}}
{{{settings}}}
</main>
<footer>{{{foot}}}</footer></body></html>
]]

local FOOT = [[<p>How to read a curve: the line is the mean rise of the error over the baseline, measured on the same images; the shaded band is its 95 % interval.
<b>Onset</b> is where the rise first exceeds {{onset}}, <b>break</b> where it first exceeds {{brk}}; their own 95 % intervals are shaded.
Small grey dots and thin lines were measured on few of the images only; where the curve rises, their band is bounded by that of their neighbours, and the line keeps to it; a glance (under eight images) counts with its neighbours.
The <b>first failure</b> is a picture that fails at the lowest intensity at which any does, the <b>last success</b> one that is still answered well at the highest intensity up to the break. A curve says what happens to these images, one effect at a time; it cannot speak for other data or for effects together.</p>
<p>Made by brink. The pictures are the very pixels that were tested; the short code under each begins their hash.</p>]]

local function facts(report)
  local out = {}
  for k, f in ipairs(report.facts) do out[k] = html.fill("<li><b>{{value}}</b><span class=\"small soft\">{{name}}</span></li>", { value = f[2], name = f[1] }) end
  return table.concat(out)
end

--- The whole page.
-- @param report see report/init.lua
-- @return HTML text; the same table gives the same bytes
function M.render(report)
  local articles = {}
  for k, row in ipairs(report.rows) do articles[k] = article(row, report) end
  return html.fill(PAGE, {
    title = report.title, lead = report.lead, warning = report.warning and html.fill('<p class="warning">{{text}}</p>', { text = report.warning }) or "", style = require "brink.report.style", facts = facts(report), overview = overview(report),
    articles = table.concat(articles, "\n"), failures = pairs_table("Files that were left out", { "file", "reason" }, report.failures),
    settings = pairs_table("Settings", { "name", "value" }, report.settings),
    foot = html.fill(FOOT, { onset = percent(report.settings_used.onset), brk = percent(report.settings_used.break_at) }),
  })
end

return M
