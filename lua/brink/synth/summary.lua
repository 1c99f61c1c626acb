--- What a synthesis made, from its folder alone: so it reads the same however the folder came about.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local core = require "brink.core"
local labels = require "brink.labels"
local manifest = require "brink.synth.manifest"
local shown = require "brink.shown"

local M = {}

local BINS = 10
local Summary = { __name = "brink.SynthesisSummary" }
Summary.__index = Summary

local function order_of(name)
  local row = augment.find(name)
  return row and row.order or math.huge
end

local function add_reasons(self, record)
  for reason, k in next, record.rejected or {} do self.reasons[reason] = (self.reasons[reason] or 0) + k end
  for event, k in next, record.label_events or {} do self.events[event] = (self.events[event] or 0) + k end
  for _, f in ipairs(record.failed or {}) do self.unread[f.path] = f.reason end
end

-- The side of an effect: intensities of both signs have no mean that says anything.
local function side_of(a)
  local row = augment.find(a.name)
  if a.i < 0 then return "-" end
  return row and row.signed and "+" or ""
end

local function add_effect(self, a)
  local side = side_of(a)
  local e = self.effects[a.name .. side]
  if not e then
    e = { name = a.name, side = side, count = 0, least = a.i, most = a.i, sum = 0.0, bins = core.json.array {} }
    for b = 1, BINS do e.bins[b] = 0 end
    self.effects[a.name .. side] = e
  end
  e.count, e.sum = e.count + 1, e.sum + a.i
  e.least, e.most = math.min(e.least, a.i), math.max(e.most, a.i)
  local b = math.min(BINS, math.tointeger(math.abs(a.i) * BINS // 1) + 1)
  e.bins[b] = e.bins[b] + 1
end

local function sorted(t, before)
  local list = {}
  for _, v in next, t do list[#list + 1] = v end
  table.sort(list, before)
  return core.json.array(list)
end

local function listed(map, key, value)
  local list = {}
  for k, v in next, map do list[#list + 1] = { [key] = k, [value] = v } end
  table.sort(list, function(a, b)
    if type(a[value]) == "number" and a[value] ~= b[value] then return a[value] > b[value] end
    return a[key] < b[key]
  end)
  return core.json.array(list)
end

--- The summary of a folder: { pictures, sources, augmentations = list of { name, side ("+" and
-- "-" apart, "" for effects without a sign), count, least, most, mean, bins (by tenth of the size of the intensity) }, labels = list of
-- { label, count }, label_events = list of { event, count } (objects clipped, dropped), rejected = list of { reason, count }, failed = list of { path, reason }, skipped = list of { n, reasons },
-- effects_per_picture = { [k] = pictures with k - 1 effects }, error (mean predicted error, where measured) }.
-- Methods: text(), json(). Raises as manifest.lines does.
function M.of(dir)
  local self = { effects = {}, reasons = {}, unread = {}, events = {} }
  local out = setmetatable({ pictures = 0, effects_per_picture = core.json.array {}, skipped = core.json.array {} }, Summary)
  local sources, by_label, errors, measured, count = {}, {}, 0.0, 0, 0
  for record in manifest.lines(dir .. "/" .. manifest.NAME) do
    out.pictures = out.pictures + 1
    if not sources[record.sample] then sources[record.sample], count = true, count + 1 end
    if record.label ~= nil then
      local text = labels.text(record.label)
      by_label[text] = (by_label[text] or 0) + 1
    end
    for _, a in ipairs(record.augmentations) do add_effect(self, a) end
    local n = #record.augmentations + 1
    for k = #out.effects_per_picture + 1, n do out.effects_per_picture[k] = 0 end
    out.effects_per_picture[n] = out.effects_per_picture[n] + 1
    if record.error then errors, measured = errors + record.error, measured + 1 end
    add_reasons(self, record)
  end
  for record in manifest.lines(dir .. "/" .. manifest.SKIPPED) do
    add_reasons(self, record)
    out.skipped[#out.skipped + 1] = { n = record.n, rejected = listed(record.rejected or {}, "reason", "count"), failed = record.failed }
  end
  for _, e in next, self.effects do e.mean, e.sum = e.sum / e.count, nil end
  out.sources = count
  out.augmentations = sorted(self.effects, function(a, b)
    local x, y = order_of(a.name), order_of(b.name)
    if x ~= y then return x < y end
    if a.name ~= b.name then return a.name < b.name end
    return a.side < b.side
  end)
  out.labels = listed(by_label, "label", "count")
  out.rejected = listed(self.reasons, "reason", "count")
  out.label_events = listed(self.events, "event", "count")
  out.failed = listed(self.unread, "path", "reason")
  if measured > 0 then out.error = errors / measured end
  return out
end

--- Name and side of an effect as people read it.
function M.title(effect) return effect.side == "" and effect.name or effect.name .. " " .. effect.side end

--- As JSON text.
function Summary:json()
  local t = {}
  for _, key in ipairs { "pictures", "sources", "augmentations", "labels", "label_events", "rejected", "failed", "skipped",
    "effects_per_picture", "error" } do
    t[key] = self[key]
  end
  return core.json.encode(t, { indent = 2 }) .. "\n"
end


--- As text to read.
function Summary:text()
  local out = { ("%s of %s%s"):format(shown.count(self.pictures, "picture"), shown.count(self.sources, "source"),
    self.error and (", mean predicted error %.3f"):format(self.error) or "") }
  if #self.augmentations > 0 then
    out[#out + 1] = ("%-22s %8s %8s %8s %8s"):format("augmentation", "pictures", "from", "mean", "to")
    for _, e in ipairs(self.augmentations) do
      out[#out + 1] = ("%-22s %8d %8.3f %8.3f %8.3f"):format(M.title(e), e.count, e.least, e.mean, e.most)
    end
  end
  if #self.rejected > 0 then
    out[#out + 1] = "rejected and drawn again:"
    for _, r in ipairs(self.rejected) do out[#out + 1] = ("  %6d  %s"):format(r.count, shown.text(r.reason)) end
  end
  if #self.label_events > 0 then
    out[#out + 1] = "labels:"
    for _, e in ipairs(self.label_events) do out[#out + 1] = ("  %6d  %s"):format(e.count, shown.text(e.event)) end
  end
  if #self.skipped > 0 then out[#out + 1] = shown.count(#self.skipped, "draw") .. " gave no picture" end
  if #self.failed > 0 then
    out[#out + 1] = shown.count(#self.failed, "file") .. " could not be used:"
    for k = 1, math.min(20, #self.failed) do out[#out + 1] = ("  %s: %s"):format(shown.text(self.failed[k].path), shown.text(self.failed[k].reason)) end
    if #self.failed > 20 then out[#out + 1] = ("  and %d more, see summary.json"):format(#self.failed - 20) end
  end
  if self.stopped then out[#out + 1] = "stopped: " .. shown.text(self.stopped) end
  return table.concat(out, "\n") .. "\n"
end
Summary.__tostring = Summary.text

return M
