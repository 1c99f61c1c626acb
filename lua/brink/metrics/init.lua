--- Figures over a data set: add pictures one by one, ask for the result.
--
--   local m = brink.metrics.new("detection")
--   for ... do m:add(label, prediction) end
--   print(brink.metrics.text(m))           -- or m:result().ap50
-- SPDX-License-Identifier: MIT
local classify = require "brink.metrics.classify"
local core = require "brink.core"
local map = require "brink.metrics.map"
local nearest = require "brink.nearest"
local objects = require "brink.metrics.objects"
local regress = require "brink.metrics.regress"
local segmentation = require "brink.metrics.segmentation"

local M = {}

-- Keypoints: COCO's figures and the share of correct points.
local Keypoints = {}
Keypoints.__index = Keypoints
function Keypoints:add(label, prediction)
  self.map:add(label, prediction)
  local found, all = objects.pck_counts(label, prediction, self.opts)
  self.found, self.all = self.found + found, self.all + all
end
function Keypoints:result()
  local out = self.map:result()
  out.pck = self.all > 0 and self.found / self.all or nil
  out.points = self.all
  return out
end

local KINDS = {
  { name = "detection", doc = "COCO average precision and recall of boxes", make = function() return map.new { kind = "box" } end, options = {} },
  { name = "oriented", doc = "COCO average precision and recall of oriented boxes", make = function() return map.new { kind = "oriented" } end, options = {} },
  { name = "masks", doc = "COCO average precision and recall of instance masks", make = function() return map.new { kind = "mask" } end, options = {} },
  { name = "keypoints", doc = "COCO average precision and recall by OKS, PCK", options = { "sigmas", "alpha", "score" },
    make = function(o) return setmetatable({ map = map.new { kind = "keypoints", sigmas = o.sigmas }, opts = o, found = 0, all = 0 }, Keypoints) end },
  { name = "segmentation", doc = "IoU and Dice of semantic masks", make = segmentation.new, options = { "void", "background" } },
  { name = "classification", doc = "top-1, top-5, expected calibration error", make = classify.new, options = { "k", "bins" } },
  { name = "regression", doc = "mean absolute, root mean square and relative error", make = regress.new, options = {} },
}

--- Names of the metrics.
function M.names()
  local out = {}
  for k, kind in ipairs(KINDS) do out[k] = kind.name end
  return out
end

--- A metric to be filled: :add(label, prediction, sample, confidence), :result() -> table of figures. Figures without anything to
-- measure them on are absent. opts: keypoints { sigmas, alpha, score }, segmentation { void, background }, classification { k,
-- bins }. add raises on a label or prediction it cannot read, naming what is wrong. Raises on names it does not know.
function M.new(name, opts)
  opts = opts or {}
  for _, kind in ipairs(KINDS) do
    if kind.name == name then
      local unknown, hint = nearest.unknown(opts, kind.options)
      if unknown then error(("metrics.%s: no option %s%s"):format(name, unknown, hint), 2) end
      return kind.make(opts)
    end
  end
  error(("metrics: no metric %s%s"):format(tostring(name), nearest.hint(tostring(name), M.names())), 2)
end

local ORDER = { "n", "ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar_1", "ar_10", "ar_20", "ar_100", "ar_small", "ar_medium", "ar_large", "pck",
  "points", "miou", "dice", "pixel_accuracy", "top1", "top5", "ece", "mce", "mae", "rmse", "bias", "worst", "relative", "r2" }
local CLASS = { "objects", "n", "pixels", "ap", "ap50", "ap75", "ar_100", "ar_20", "iou", "dice", "accuracy" }

local function shown(v) return math.type(v) == "integer" and ("%d"):format(v) or ("%.4f"):format(v) end

--- The result of a metric (or the metric) as text: a line per figure, a table per class.
function M.text(result)
  if type(result.result) == "function" then result = result:result() end
  local out, listed = {}, {}
  local function figure(name)
    if type(result[name]) == "number" and not listed[name] then
      listed[name] = true
      out[#out + 1] = ("%-16s %s"):format(name, shown(result[name]))
    end
  end
  for _, name in ipairs(ORDER) do figure(name) end
  local rest = {}
  for name in next, result do rest[#rest + 1] = name end
  table.sort(rest)
  for _, name in ipairs(rest) do figure(name) end
  if result.per_class and #result.per_class > 1 then
    local columns, head = {}, { ("%-24s"):format("class") }
    for _, name in ipairs(CLASS) do
      for _, c in ipairs(result.per_class) do
        if c[name] ~= nil then
          columns[#columns + 1], head[#head + 1] = name, ("%9s"):format(name)
          break
        end
      end
    end
    out[#out + 1] = table.concat(head, " ")
    for _, c in ipairs(result.per_class) do
      local class = type(c.class) == "table" and core.json.encode(c.class) or tostring(c.class)
      local line = { ("%-24s"):format((class:gsub("%c", "?"))) }
      for k, name in ipairs(columns) do line[k + 1] = ("%9s"):format(c[name] and shown(c[name]) or "-") end
      out[#out + 1] = table.concat(line, " ")
    end
  end
  return table.concat(out, "\n") .. "\n"
end

return M
