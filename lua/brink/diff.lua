--- How wrong a prediction is: functions (label, prediction, sample, confidence) -> number in [0,1], 0 right, 1 wrong.
--
-- diff_error = brink.diff.iou, or brink.diff.topk(5), or brink.diff.with("iou", { score = 0.3 }). Nothing to find and
-- nothing found is 0. Anything that is no finite number raises, with the sample's name.
-- SPDX-License-Identifier: MIT
local classify = require "brink.metrics.classify"
local core = require "brink.core"
local nearest = require "brink.nearest"
local objects = require "brink.metrics.objects"
local regress = require "brink.metrics.regress"
local segmentation = require "brink.metrics.segmentation"

local M = {}

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  return core.json.encode(a) == core.json.encode(b)
end

--- 0 when the two are equal (tables by content), else 1. The default.
function M.equal(label, prediction) return same(label, prediction) and 0.0 or 1.0 end

--- 1 when they differ, else 1 - confidence (the second result of predict; none means sure).
function M.confidence(label, prediction, _, confidence)
  if not same(label, prediction) then return 1.0 end
  return 1.0 - (confidence or 1.0)
end

-- Errors say which sample they are about.
local function named(fn, setting)
  return function(label, prediction, sample, confidence)
    local ok, e = pcall(fn, label, prediction, setting, confidence)
    if ok then return e end
    if type(e) ~= "string" or type(sample) ~= "table" then error(e, 0) end
    error(("%s: %s"):format(sample.path or sample.name or "sample", e), 0)
  end
end

local BOXES, MASKS = { "score", "match", "classes" }, { "void", "background" }
local POINTS = { "score", "match", "classes", "sigmas" }

-- Those with options: function and the options it reads.
local WITH = {
  iou = { objects.iou, BOXES }, giou = { objects.giou, BOXES }, f1 = { objects.f1, BOXES }, mask_iou = { objects.mask_iou, BOXES }, obb_iou = { objects.obb_iou, BOXES },
  count = { objects.count, { "score", "classes" } }, oks = { objects.oks, POINTS },
  pck = { objects.pck, { "score", "classes", "alpha", "sigmas" } }, miou = { segmentation.miou, MASKS }, dice = { segmentation.dice, MASKS },
}
local NAMES = { "iou", "giou", "f1", "mask_iou", "obb_iou", "count", "oks", "pck", "miou", "dice" }

--- Boxes: 1 - mean IoU of the matched ones, missed and false ones counting 0. Labels and predictions are objects (kind =
-- "shapes"), predicted ones with a score. Matching: greedy by score, within a class; crowds neither missed nor found.
M.iou = named(objects.iou, {})
--- As iou with (1 + GIoU) / 2 in place of IoU.
M.giou = named(objects.giou, {})
--- 1 - F1 at IoU .5.
M.f1 = named(objects.f1, {})
--- As iou, with instance masks.
M.mask_iou = named(objects.mask_iou, {})
--- As iou, with oriented boxes and quads as they lie.
M.obb_iou = named(objects.obb_iou, {})
--- How far the number of objects is off, relative to the larger one.
M.count = named(objects.count, {})
--- As iou, with object keypoint similarity.
M.oks = named(objects.oks, {})
--- 1 - the share of labelled keypoints found within a tenth of the object's longer side.
M.pck = named(objects.pck, {})
--- Semantic masks: 1 - mean IoU over the classes met.
M.miou = named(segmentation.miou, {})
--- Semantic masks: 1 - mean Dice over the classes met but the background.
M.dice = named(segmentation.dice, {})

local function in_unit(v) return type(v) == "number" and v >= 0 and v <= 1 end
local CHECK = {
  score = { function(v) return type(v) == "number" and v == v end, "a number" },
  match = { in_unit, "a number in 0..1" },
  classes = { function(v) return type(v) == "boolean" end, "true or false" },
  alpha = { function(v) return type(v) == "number" and v > 0 and v < math.huge end, "a number above 0" },
  void = { function(v) return v == false or math.type(v) == "integer" and v >= 0 and v <= 65535 end, "a class number or false" },
  background = { function(v) return type(v) == "boolean" end, "true or false" },
  sigmas = { function(v)
    if type(v) ~= "table" or #v == 0 then return false end
    for _, s in ipairs(v) do if type(s) ~= "number" or not (s > 0 and s < math.huge) then return false end end
    return true
  end, "a list of numbers above 0" },
}

--- One of the above with options: score (least score of a predicted object that counts), match (least likeness of a match),
-- classes = false (any class goes with any), sigmas (one per keypoint), alpha (pck: share of the longer side), void (class
-- number that does not count; false: none), background (whether class 0 counts). Raises on one it does not know.
function M.with(name, opts)
  local entry = WITH[name]
  if not entry then error(("diff.with: no error %s%s"):format(tostring(name), nearest.hint(tostring(name), NAMES)), 2) end
  if type(opts) ~= "table" then error("diff.with: a table of options expected, got " .. type(opts), 2) end
  local unknown, hint = nearest.unknown(opts, entry[2])
  if unknown then error(("diff.with: %s has no option %s%s"):format(name, unknown, hint), 2) end
  local copy = {}
  for key, v in next, opts do
    if not CHECK[key][1](v) then error(("diff.with: %s: %s, %s expected"):format(key, tostring(v), CHECK[key][2]), 2) end
    copy[key] = v
  end
  return named(entry[1], copy)
end

local function above_zero(what, v)
  if type(v) ~= "number" or not (v > 0 and v < math.huge) then error(("diff.%s: %s, a number above 0 expected"):format(what, tostring(v)), 3) end
end

--- 0 when the class is among the first k answers: a prediction of a class, a list of classes or { class, score }, or a table
-- class -> score.
function M.topk(k)
  if math.type(k) ~= "integer" or k < 1 then error(("diff.topk: %s, an integer from 1 expected"):format(tostring(k)), 2) end
  return named(function(label, prediction, _, confidence) return classify.topk(k, label, prediction, confidence) end)
end

--- 1 - the probability given to the true class; predictions as in topk.
M.probability = named(function(label, prediction, _, confidence) return classify.probability(label, prediction, confidence) end)

--- Numbers (or lists of them): |prediction - label| / scale, at most 1.
function M.absolute(scale)
  above_zero("absolute", scale)
  return named(regress.absolute, scale)
end

--- ((prediction - label) / scale) squared, at most 1.
function M.squared(scale)
  above_zero("squared", scale)
  return named(regress.squared, scale)
end

--- |prediction - label| / |label|, at most 1; a label of 0 allows 0 only.
M.relative = named(regress.relative)

local PLAIN = { "equal", "confidence", "probability", "relative", table.unpack(NAMES) }
local SCALED = { "topk", "absolute", "squared" }

--- The function a text names: "iou", "topk(5)", "absolute(10)". Returns it, or nil and a message with the nearest name.
function M.named(text)
  local name, number = text:match "^([%w_]+)%(%s*([%d.eE+-]+)%s*%)$"
  for _, known in ipairs(SCALED) do
    if name == known then
      local ok, fn = pcall(M[known], math.tointeger(tonumber(number)) or tonumber(number))
      if ok then return fn end
      return nil, (tostring(fn):gsub("^[^\n:]+:%d+: ", ""))
    end
    if text == known then return nil, ("%s: a number expected: %s(5)"):format(text, text) end
  end
  for _, known in ipairs(PLAIN) do if text == known then return M[known] end end
  local all = table.move(SCALED, 1, #SCALED, #PLAIN + 1, table.move(PLAIN, 1, #PLAIN, 1, {}))
  return nil, ("no error function %s%s"):format(text, nearest.hint(text, all))
end

--- The checked value of a user's function: a number in [0,1], or an error that names sample and value.
function M.checked(fn, label, prediction, sample, confidence)
  local e = fn(label, prediction, sample, confidence)
  if type(e) ~= "number" or not (e >= 0 and e <= 1) then
    error(("%s: diff_error gave %s, a number in 0..1 expected"):format(sample.path or sample.name, type(e) == "string" and ("%q"):format(e) or e ~= e and "nan" or tostring(e)), 0)
  end
  return e + 0.0
end

return M
