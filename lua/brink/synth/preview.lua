--- The preview page of a synthesis: a self-contained contact sheet of sources and what was made from them.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local html = require "brink.report.html"
local labels = require "brink.labels"
local manifest = require "brink.synth.manifest"
local map = require "brink.map"
local shown = require "brink.shown"
local summary_module = require "brink.synth.summary"

local M = {}

local CARDS, SIDE = 24, 300 -- pairs on the page; longer side of a picture in pixels
local MOST = 300            -- files named on the page

local STYLE = [[
.cards { display:grid; grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr)); gap:16px; align-items:start; }
.card { background:var(--card); border:1px solid var(--line); border-radius:14px; padding:14px; }
.two { display:grid; grid-template-columns:minmax(0,1fr) minmax(0,1fr); gap:8px; align-items:start; }
.card .name { font-weight:600; margin-top:8px; overflow-wrap:anywhere; }
.effects { display:flex; flex-wrap:wrap; gap:5px; margin:8px 0 0; padding:0; list-style:none; }
.bars { display:flex; align-items:flex-end; gap:1px; height:22px; width:90px; }
.bars span { flex:1; background:var(--accent); min-height:1px; }
]]

local PAGE = [[<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Synthetic pictures</title>
<style>{{{style}}}</style></head><body>
<header><h1>Synthetic pictures</h1><p class="soft">{{lead}}</p>
<ul class="facts">{{{facts}}}</ul></header>
<main>
{{{sheet}}}
{{{effects}}}
{{{rejected}}}
{{{skipped}}}
{{{failed}}}
{{{notes}}}
</main>
<footer><p>Made by brink. On the left the source, on the right the new picture with its label. <code>brink replay manifest.jsonl --name NAME</code>
makes any of them again, to the byte.</p></footer></body></html>
]]

local function thumbnail(image, label)
  if image.type ~= "u8" then image = image:convert { type = "u8" } end
  if image.channels ~= 3 or image.alpha then image = image:convert { channels = 3, alpha = false } end
  image = labels.draw(image, label)
  local scale = SIDE / math.max(image.width, image.height)
  if scale < 1 then
    image = image:resize(math.max(1, math.floor(image.width * scale + 0.5)), math.max(1, math.floor(image.height * scale + 0.5)))
  end
  return html.data_uri("jpeg", image:encode("jpeg", { quality = 82 }))
end

local FIGURE = [[<figure><img src="{{src}}" alt="{{alt}}" loading="lazy"><figcaption>{{caption}}</figcaption></figure>]]

-- The figure of a file; words where it cannot be shown.
local function figure(path, label, alt, caption, id)
  local image, why
  if id and core.file.hash(path) ~= id then why = "the source is no longer there"
  else image, why = core.image.load(path) end
  if not image then return html.fill("<p class=\"small soft\">{{alt}}: {{why}}</p>", { alt = alt, why = why }) end
  return html.fill(FIGURE, { src = thumbnail(image, label), alt = alt, caption = caption })
end

local CARD = [[<div class="card"><div class="two">{{{source}}}{{{made}}}</div><p class="name">{{name}}</p>
<ul class="effects">{{{effects}}}</ul>{{{rest}}}</div>]]

local function card(dir, record)
  local effects = {}
  for k, a in ipairs(record.augmentations) do effects[k] = html.fill("<li class=\"tag\">{{name}} {{i}}</li>", { name = a.name, i = ("%.2f"):format(a.i) }) end
  local rest = record.error and ("<p class=\"small soft\">predicted error %.3f</p>"):format(record.error) or ""
  return html.fill(CARD, {
    source = figure(record.source.path, record.label_in, record.source.name, labels.text(record.label_in), record.sample),
    made = figure(dir .. "/" .. record.name, record.label, record.name, labels.text(record.label)),
    name = record.name, effects = table.concat(effects), rest = rest,
  })
end

-- Lines spread evenly over the manifest.
local function chosen(dir, count)
  local step, list, number = math.max(1, count / CARDS), {}, 0
  for record in manifest.lines(dir .. "/" .. manifest.NAME) do
    number = number + 1
    if number >= math.floor(#list * step) + 1 and #list < CARDS then list[#list + 1] = record end
  end
  return list
end

local function fact(value, name) return html.fill("<li><b>{{value}}</b><span class=\"small soft\">{{name}}</span></li>", { value = value, name = name }) end

local function bars(bins)
  local most, out = 1, {}
  for _, n in ipairs(bins) do most = math.max(most, n) end
  for k, n in ipairs(bins) do out[k] = ('<span style="height:%d%%"></span>'):format(math.floor(100 * n / most + 0.5)) end
  return '<div class="bars">' .. table.concat(out) .. "</div>"
end

local EFFECT = [[<tr><td>{{name}}</td><td class="num">{{count}}</td><td class="num">{{least}}</td><td class="num">{{mean}}</td><td class="num">{{most}}</td><td>{{{bars}}}</td></tr>]]

local function effects_table(summary)
  if #summary.augmentations == 0 then return "" end
  local rows = {}
  for k, e in ipairs(summary.augmentations) do
    rows[k] = html.fill(EFFECT, { name = summary_module.title(e), count = e.count, least = ("%.2f"):format(e.least), mean = ("%.2f"):format(e.mean),
      most = ("%.2f"):format(e.most), bars = bars(e.bins) })
  end
  return [[<h2>Augmentations</h2><div class="scroll" tabindex="0"><table><thead><tr><th>augmentation</th><th class="num">pictures</th><th class="num">from</th>
<th class="num">mean</th><th class="num">to</th><th>intensity 0 to 1</th></tr></thead><tbody>]] .. table.concat(rows, "\n") .. "</tbody></table></div>"
end

local function plain_table(title, a, b, list)
  if #list == 0 then return "" end
  local rows = {}
  for k, row in ipairs(list) do rows[k] = html.fill("<tr><td>{{a}}</td><td>{{b}}</td></tr>", { a = row[1], b = row[2] }) end
  return html.fill("<h2>{{title}}</h2><div class=\"scroll\"><table><thead><tr><th>{{a}}</th><th>{{b}}</th></tr></thead><tbody>{{{rows}}}</tbody></table></div>",
    { title = title, a = a, b = b, rows = table.concat(rows, "\n") })
end

local function skips(summary)
  local list = {}
  for k = 1, math.min(50, #summary.skipped) do
    local s, words = summary.skipped[k], {}
    for _, r in ipairs(s.rejected) do words[#words + 1] = r.count .. " x " .. r.reason end
    for _, f in ipairs(s.failed or {}) do words[#words + 1] = f.path .. ": " .. f.reason end
    list[k] = { s.n, table.concat(words, "; ") }
  end
  return list
end

--- The page of a folder as HTML text. The same folder gives the same bytes.
-- summary: of synth/summary.lua for that folder.
function M.page(dir, summary)
  local settings = core.json.decode(core.file.read(dir .. "/" .. manifest.SETTINGS) or "{}") or {}
  local cards = map.map(chosen(dir, summary.pictures), function(record) return card(dir, record) end)
  local rejected, rejections, failed, notes = {}, 0, {}, {}
  for k, r in ipairs(summary.rejected) do
    rejected[k], rejections = { r.reason, r.count }, rejections + r.count
  end
  for k = 1, math.min(MOST, #summary.failed) do failed[k] = { summary.failed[k].path, summary.failed[k].reason } end
  if #summary.failed > MOST then failed[#failed + 1] = { ("and %d more"):format(#summary.failed - MOST), "all are in summary.json" } end
  for k, n in ipairs(settings.notes or {}) do notes[k] = { k, n } end
  local facts = { fact(summary.pictures, "pictures"), fact(summary.sources, "sources"), fact(settings.realism and ("%g"):format(settings.realism) or "", "realism"),
    fact(rejections, "rejected and redrawn"), fact(#summary.skipped, "draws skipped") }
  if summary.error then facts[#facts + 1] = fact(("%.3f"):format(summary.error), "mean predicted error") end
  return html.fill(PAGE, {
    style = require "brink.report.style" .. STYLE, facts = table.concat(facts),
    lead = #cards == summary.pictures and ("All of the pictures, %d, beside their sources."):format(#cards)
      or ("%d of %s beside their sources, spread evenly over the set."):format(#cards, shown.count(summary.pictures, "picture")),
    sheet = "<h2>Pictures</h2><div class=\"cards\">" .. table.concat(cards, "\n") .. "</div>", effects = effects_table(summary),
    rejected = plain_table("Rejected and drawn again", "reason", "times", rejected), skipped = plain_table("Draws that gave no picture", "draw", "why", skips(summary)),
    failed = plain_table("Files that could not be used", "file", "reason", failed), notes = plain_table("Notes", "", "note", notes),
  })
end

return M
