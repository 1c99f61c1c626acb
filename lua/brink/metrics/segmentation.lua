--- Semantic masks: IoU and Dice per class, from counts of pixels.
--
-- Truth and prediction are images of class numbers (or carry one as `segmentation`).
-- Pixels where the truth is `void` do not count: opts.void, else meta.void of the
-- label (255 in VOC palette masks), else none.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local read = require "brink.metrics.read"

local M = {}

local function void_of(label, opts)
  if opts.void ~= nil then return opts.void or -1 end
  return type(label) == "table" and type(label.meta) == "table" and label.meta.void or -1
end

--- Pixels per class: list of { class, both, truth, predicted }.
function M.confusion(label, prediction, opts)
  local counts, message = core.overlap.confusion(read.segmentation(label, "label"), read.segmentation(prediction, "prediction"), void_of(label, opts or {}))
  if not counts then error(message, 0) end
  return counts
end

local function iou(c) return c.both / (c.truth + c.predicted - c.both) end
local function dice(c) return 2 * c.both / (c.truth + c.predicted) end

--- Mean over the classes of a list of counts; nil when there is none. `background` false: class 0 is left out.
local function mean(counts, value, background)
  local sum, n = 0.0, 0
  for _, c in ipairs(counts) do
    if background or c.class ~= 0 then sum, n = sum + value(c), n + 1 end
  end
  if n > 0 then return sum / n end
end

--- 1 - mean IoU over the classes met in truth or prediction, the background (0) among them. opts: void, background = false.
function M.miou(label, prediction, opts)
  local m = mean(M.confusion(label, prediction, opts), iou, opts.background ~= false)
  return m and 1 - m or 0.0
end

--- 1 - mean Dice over the classes met but the background. opts: void, background = true.
function M.dice(label, prediction, opts)
  local m = mean(M.confusion(label, prediction, opts), dice, opts.background == true)
  return m and 1 - m or 0.0
end

local Total = {}
Total.__index = Total

--- Over a data set: pixels are counted together, as VOC does.
function M.new(opts) return setmetatable({ opts = opts or {}, counts = {}, n = 0 }, Total) end

function Total:add(label, prediction)
  for _, c in ipairs(M.confusion(label, prediction, self.opts)) do
    local t = self.counts[c.class]
    if not t then
      t = { class = c.class, both = 0, truth = 0, predicted = 0 }
      self.counts[c.class] = t
    end
    t.both, t.truth, t.predicted = t.both + c.both, t.truth + c.truth, t.predicted + c.predicted
  end
  self.n = self.n + 1
end

--- { n, miou, dice, pixel_accuracy, per_class = { { class, iou, dice, pixels } } }; figures that are not defined are absent.
function Total:result()
  local list, per_class, right, all = {}, core.json.array {}, 0, 0
  for class in pairs(self.counts) do list[#list + 1] = self.counts[class] end
  table.sort(list, function(a, b) return a.class < b.class end)
  for k, c in ipairs(list) do
    per_class[k] = { class = c.class, iou = iou(c), dice = dice(c), pixels = c.truth }
    right, all = right + c.both, all + c.truth
  end
  return { n = self.n, miou = mean(list, iou, self.opts.background ~= false), dice = mean(list, dice, self.opts.background == true),
    pixel_accuracy = all > 0 and right / all or nil, per_class = per_class }
end

return M
