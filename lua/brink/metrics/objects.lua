--- Errors of one picture with objects: how far the predicted ones are from the true ones, 0..1, 0 for the same.
-- A crowd (crowd = true) is neither missed nor found, and what lies on it is no false alarm.
-- SPDX-License-Identifier: MIT
local match = require "brink.metrics.match"
local read = require "brink.metrics.read"

local M = {}

local LEAST = 1e-9 -- some overlap, however small
local ON_CROWD = 0.5

-- Predictions that stand where an object without labelled points is, and for no other object: they are not judged.
local function drop_unlabelled(alike, g, unlabelled)
  local kept, rows = {}, {}
  for p, row in ipairs(alike) do
    local on, other = 0.0, 0.0
    for t, v in ipairs(row) do
      if unlabelled[t] then on = math.max(on, v) else other = math.max(other, v) end
    end
    if on < ON_CROWD or other >= ON_CROWD then kept[#kept + 1], rows[#rows + 1] = g.predicted[p], row end
  end
  g.predicted = kept
  return rows
end

-- Likeness table of a group, flags of crowds, and of objects that do not count (crowds, those without labelled points).
local function table_of(g, kind, frame, sigmas)
  local alike, crowd = match.alike(g, kind, frame, sigmas)
  local ignored, unlabelled = {}, {}
  for t, o in ipairs(g.truth) do
    unlabelled[t] = kind == "keypoints" and not match.labelled(o, ("label: object %d"):format(t))
    ignored[t] = crowd[t] or unlabelled[t]
  end
  if kind == "keypoints" then alike = drop_unlabelled(alike, g, unlabelled) end
  return alike, crowd, ignored
end

-- Sum of likeness over the matched, how many matched, missed, false.
local function paired(label, prediction, kind, least, opts)
  local frame = read.frame(label, prediction)
  local sigmas = opts.sigmas or type(label) == "table" and type(label.meta) == "table" and label.meta.sigmas or nil
  local sum, hits, missed, extra = 0.0, 0, 0, 0
  for _, g in ipairs(match.groups(label, prediction, opts)) do
    local alike, crowd, ignored = table_of(g, kind, frame, sigmas)
    local counted, found = 0, 0
    for t = 1, #g.truth do if not ignored[t] then counted = counted + 1 end end
    for p, t in ipairs(match.greedy(alike, #g.predicted, #g.truth, ignored, crowd, least)) do
      if t == 0 then extra = extra + 1
      elseif not ignored[t] then sum, found = sum + alike[p][t], found + 1
      elseif alike[p][t] < ON_CROWD then extra = extra + 1 end
    end
    hits, missed = hits + found, missed + counted - found
  end
  return sum, hits, missed, extra
end

local function clamp(e) return e < 0 and 0.0 or e > 1 and 1.0 or e end

-- One less the mean likeness, where whatever was missed or made up counts 0.
local function mean_error(kind, least)
  return function(label, prediction, opts)
    local sum, hits, missed, extra = paired(label, prediction, kind, opts.match or least, opts)
    local all = hits + missed + extra
    return all == 0 and 0.0 or clamp(1 - sum / all)
  end
end

--- 1 - mean IoU of the matched boxes; missed and false ones count as 0. opts: score (least score that counts), match (least
-- IoU), classes (false: any class matches any).
M.iou = mean_error("iou", LEAST)
--- The same with (1 + GIoU) / 2, which still tells near from far when boxes do not touch.
M.giou = mean_error("giou", 0.0)
--- The same with oriented boxes and quads as they lie; other objects by their boxes.
M.obb_iou = mean_error("obb_iou", LEAST)
--- The same with masks: RLE, images, or filled polygons and boxes.
M.mask_iou = mean_error("mask_iou", LEAST)
--- The same with object keypoint similarity. opts.sigmas: one per keypoint.
M.oks = mean_error("keypoints", LEAST)

--- 1 - F1 of the boxes: 2 hits / (2 hits + missed + false), a hit being an IoU of at least opts.match (.5).
function M.f1(label, prediction, opts)
  local _, hits, missed, extra = paired(label, prediction, "iou", opts.match or 0.5, opts)
  local all = 2 * hits + missed + extra
  return all == 0 and 0.0 or clamp(1 - 2 * hits / all)
end

--- How far the number of objects is off, relative to the larger number. Crowds and, in predictions, low scores do not count.
function M.count(label, prediction, opts)
  local truth, predicted = 0, 0
  for _, g in ipairs(match.groups(label, prediction, opts)) do
    predicted = predicted + #g.predicted
    for _, o in ipairs(g.truth) do if not (o.crowd == true or o.crowd == 1) then truth = truth + 1 end end
  end
  local most = math.max(truth, predicted)
  return most == 0 and 0.0 or math.abs(truth - predicted) / most
end

local function size_of(object, what, frame)
  local b = read.box(object, what, frame)
  return math.max(b[3], b[4])
end

--- Labelled keypoints found and all of them: found is within opts.alpha (.1) of the longer side of the object's box. Objects are
-- matched by OKS; every point of a missed one is not found. Returns found, all.
function M.pck_counts(label, prediction, opts)
  local frame = read.frame(label, prediction)
  local alpha, found, all = opts.alpha or 0.1, 0, 0
  local sigmas = opts.sigmas or type(label) == "table" and type(label.meta) == "table" and label.meta.sigmas or nil
  for _, g in ipairs(match.groups(label, prediction, opts)) do
    local alike, crowd, ignored = table_of(g, "keypoints", frame, sigmas)
    local by_truth = {}
    for p, t in ipairs(match.greedy(alike, #g.predicted, #g.truth, ignored, crowd, 0.0)) do if t > 0 then by_truth[t] = by_truth[t] or g.predicted[p] end end
    for t, o in ipairs(g.truth) do
      local what = ("label: object %d"):format(t)
      local k = read.keypoints(o, what)
      local q = by_truth[t] and read.keypoints(by_truth[t], "prediction")
      local reach = alpha * size_of(o, what, frame)
      for at = 1, crowd[t] and 0 or #k, 3 do
        if k[at + 2] > 0 then
          all = all + 1
          if q then
            local dx, dy = q[at] - k[at], q[at + 1] - k[at + 1]
            if dx * dx + dy * dy <= reach * reach then found = found + 1 end
          end
        end
      end
    end
  end
  return found, all
end

--- 1 - the share of labelled keypoints that are found. Without any: 0, or 1 when objects are predicted where there is none.
function M.pck(label, prediction, opts)
  local found, all = M.pck_counts(label, prediction, opts)
  if all > 0 then return 1 - found / all end
  return #read.objects(label, "label") == 0 and #read.objects(prediction, "prediction") > 0 and 1.0 or 0.0
end

return M
