--- The page of a comparison: both curves of each row in one chart. Static and offline; equal comparisons give equal bytes.
-- SPDX-License-Identifier: MIT
local compare = require "brink.compare"
local core = require "brink.core"
local html = require "brink.report.html"
local svg = require "brink.report.svg"

local M = {}

local PAGE = [[<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{{title}}</title>
<style>{{{style}}}</style></head><body>
<header><h1>{{title}}</h1><p class="soft"><span class="key first"></span>a: {{a}}<span class="key second"></span>b: {{b}}</p>
<ul class="facts">{{{facts}}}</ul></header>
<main>
<h2>Who holds out longer</h2>
<p class="small soft">Differences are b less a, positive where b holds out longer, with their 95 % intervals; what b loses most comes first.</p>
<div class="scroll" tabindex="0"><table><thead><tr><th>augmentation</th><th class="num">break a</th><th class="num">break b</th><th class="num">difference</th>
<th class="num">onset difference</th><th class="num">area</th><th class="num">p</th></tr></thead>
<tbody>
{{{rows}}}
</tbody></table></div>
<h2>One by one</h2>
<div class="pairs">
{{{articles}}}
</div>
{{{rest}}}
</main>
<footer><p>Both models answered the very same pixels. The lines are mean errors, the bands 95 % intervals of each; dashed lines mark the breaks, a
dotted one where the curves change places. The area lies between the curves, positive where b errs more. p is the smallest of McNemar's exact tests at the
shared intensities, adjusted for their number (Holm); it exists where every error is 0 or 1.</p><p>Made by brink.</p></footer></body></html>
]]

local function number(v) return ("%.3f"):format(v) end
local function or_never(v, absent) return absent and "never" or number(v) end

local function change(d)
  if d.never == "both" then return "-" end
  return ("%+.3f (%+.2f to %+.2f)"):format(d.difference, d.lo, d.hi)
end

local function mark(side) return side.break_.never == "both" and "" or side.better == "b" and "gain" or side.better == "a" and "loss" or "" end
local function anchor(side) return (compare.title(side):gsub("[^%w]", function(c) return ("-%02x"):format(c:byte()) end)) end

local function p_text(side)
  local best = compare.strongest(side)
  return best and ("%.2g"):format(best.p_adjusted) or ""
end

local ROW = [[<tr><td><a href="#{{anchor}}">{{name}}</a></td><td class="num">{{a}}</td><td class="num">{{b}}</td><td class="num {{mark}}">{{change}}</td>
<td class="num">{{onset}}</td><td class="num">{{area}}</td><td class="num">{{p}}</td></tr>]]

local function row(side)
  local n = side.break_.never
  return html.fill(ROW, { anchor = anchor(side), name = compare.title(side), a = or_never(side.break_.a, n == "a" or n == "both"),
    b = or_never(side.break_.b, n == "b" or n == "both"), mark = mark(side), change = change(side.break_), onset = change(side.onset),
    area = ("%+.3f"):format(side.area.signed), p = p_text(side) })
end

local function verdict(side)
  local out = {}
  local b = side.break_
  if b.never == "both" then out[1] = "Neither breaks."
  elseif b.never then out[1] = ("Only model %s breaks, at %.2f."):format(b.never == "a" and "b" or "a", b.never == "a" and b.b or b.a)
  else out[1] = ("Model a breaks at %.2f, model b at %.2f."):format(b.a, b.b) end
  out[2] = not side.better and "No difference is shown." or ("Model %s %s."):format(side.better, b.never == "both" and "errs less" or "holds out longer")
  for _, c in ipairs(side.crossovers) do out[#out + 1] = ("Model %s errs less up to intensity %.2f, model %s beyond."):format(c.before, c.i, c.after) end
  return table.concat(out, " ")
end

local TEST = [[<tr><td class="num">{{i}}</td><td class="num">{{n}}</td><td class="num">{{a}}</td><td class="num">{{b}}</td><td class="num">{{p}}</td><td class="num">{{adjusted}}</td></tr>]]

local function tests(side)
  if not side.mcnemar then return "" end
  local out = {}
  for k, r in ipairs(side.mcnemar) do
    out[k] = html.fill(TEST, { i = number(r.i), n = r.n, a = r.a_only, b = r.b_only, p = ("%.3g"):format(r.p), adjusted = ("%.3g"):format(r.p_adjusted) })
  end
  return [[<details><summary>McNemar at the shared intensities</summary><div class="scroll" tabindex="0"><table><thead><tr><th class="num">intensity</th><th class="num">images</th>
<th class="num">only a wrong</th><th class="num">only b wrong</th><th class="num">p</th><th class="num">adjusted</th></tr></thead><tbody>]] .. table.concat(out) .. "</tbody></table></div></details>"
end

local function article(side, names)
  local crossovers, n = {}, side.break_.never
  for k, c in ipairs(side.crossovers) do crossovers[k] = c.i end
  local chart = svg.curves({
    { name = names[1], points = side.curve_a, break_ = not (n == "a" or n == "both") and side.break_.a or nil },
    { name = names[2], points = side.curve_b, break_ = not (n == "b" or n == "both") and side.break_.b or nil },
  }, { title = compare.title(side) .. ": error over intensity", crossovers = crossovers })
  return html.fill([[<article id="{{anchor}}"><div class="head"><h3>{{name}}</h3><span class="tag">{{family}}</span></div>
<p class="verdict">{{verdict}}</p>{{{chart}}}{{{tests}}}</article>]],
    { anchor = anchor(side), name = compare.title(side), family = side.family or "", verdict = verdict(side), chart = chart, tests = tests(side) })
end

local function fact(name, value) return html.fill('<li><b>{{value}}</b><span class="small soft">{{name}}</span></li>', { name = name, value = value }) end

--- The page's text.
function M.render(c)
  local rows, articles, rest = {}, {}, {}
  for k, side in ipairs(c.sides) do rows[k], articles[k] = row(side), article(side, c.names) end
  for k, list in ipairs { c.only_a, c.only_b } do
    if #list > 0 then rest[#rest + 1] = html.fill("<p class=\"soft\">only in {{name}}: {{list}}</p>", { name = c.names[k], list = table.concat(list, ", ") }) end
  end
  if c.left_out > 0 then rest[#rest + 1] = html.fill("<p class=\"soft\">{{n}} samples could not be measured in both.</p>", { n = c.left_out }) end
  local gains, losses = 0, 0
  for _, s in ipairs(c.sides) do
    if s.better == "b" then gains = gains + 1 elseif s.better == "a" then losses = losses + 1 end
  end
  return html.fill(PAGE, { title = "Two models compared", style = require "brink.report.style", a = c.names[1], b = c.names[2], rows = table.concat(rows, "\n"),
    articles = table.concat(articles, "\n"), rest = table.concat(rest, "\n"),
    facts = fact("pictures", c.n) .. fact("clean error a", ("%.1f %%"):format(c.clean.a * 100)) .. fact("clean error b", ("%.1f %%"):format(c.clean.b * 100))
      .. fact("b better", gains) .. fact("a better", losses) })
end

--- Write index.html into a folder (made when missing). Returns its path, or nil, message, code.
function M.write(c, dir)
  if type(dir) ~= "string" then error("report: a folder expected, got " .. type(dir), 2) end
  local ok, message, code = core.file.mkdirs(dir)
  if not ok then return nil, message, code end
  local path = dir .. "/index.html"
  ok, message, code = core.file.write(path, M.render(c))
  if not ok then return nil, message, code end
  return path
end

return M
