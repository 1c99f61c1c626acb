--- Likeness of two objects, 1 for the same: IoU, GIoU, IoU of oriented boxes, mask IoU, OKS. And tables of it for matching.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local read = require "brink.metrics.read"

local M = {}

--- Shared area over united area of two boxes { x, y, w, h }. `crowd`: over the area of `a` alone (COCO). 0 when nothing is shared.
function M.iou(a, b, crowd)
  local w = math.min(a[1] + a[3], b[1] + b[3]) - math.max(a[1], b[1])
  local h = math.min(a[2] + a[4], b[2] + b[4]) - math.max(a[2], b[2])
  if w <= 0 or h <= 0 then return 0.0 end
  local shared = w * h
  local area = a[3] * a[4]
  return shared / (crowd and area or area + b[3] * b[4] - shared)
end

--- IoU less the share of the enclosing box that neither covers, in -1..1. Rezatofighi et al. 2019. Two boxes without area: 1
-- where they are the same, else by their distance as the formula's limit says.
function M.giou(a, b)
  local cw = math.max(a[1] + a[3], b[1] + b[3]) - math.min(a[1], b[1])
  local ch = math.max(a[2] + a[4], b[2] + b[4]) - math.min(a[2], b[2])
  local w = math.min(a[1] + a[3], b[1] + b[3]) - math.max(a[1], b[1])
  local h = math.min(a[2] + a[4], b[2] + b[4]) - math.max(a[2], b[2])
  local shared = w > 0 and h > 0 and w * h or 0.0
  local united = a[3] * a[4] + b[3] * b[4] - shared
  local around = cw * ch
  if around <= 0 then return a[1] == b[1] and a[2] == b[2] and a[3] == b[3] and a[4] == b[4] and 1.0 or -1.0 end
  return (united > 0 and shared / united or 0.0) - (around - united) / around
end

--- Shared over united area of two outlines { corners =, area =, box = }. `crowd`: over the area of `a` alone.
function M.oriented_iou(a, b, crowd)
  if a.area <= 0 or b.area <= 0 or M.iou(a.box, b.box) == 0 then return 0.0 end
  local united = core.shapes.area { parts = { a.corners, b.corners }, holes = {} }
  local shared = math.max(0.0, a.area + b.area - united)
  return math.min(1.0, shared / (crowd and a.area or united))
end

--- Shared over united pixels of two masks (runs). `crowd`: over the pixels of `a` alone. Two empty ones: 0.
function M.mask_iou(a, b, crowd)
  local shared = a:shared(b)
  local all = crowd and a:area() or a:area() + b:area() - shared
  return all > 0 and shared / all or 0.0
end

--- How far people stray from COCO's 17 body keypoints, as a share of the square root of the object's area.
M.COCO_SIGMAS = { .026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089, .089 }
local OTHER_SIGMA = 0.05 -- for other skeletons without sigmas: between COCO's wrist and its ear

--- The sigmas for `count` keypoints: those given, COCO's for 17, else .05 each.
function M.sigmas(count, given)
  if given then
    if #given ~= count then error(("sigmas: %d for %d keypoints"):format(#given, count), 0) end
    return given
  end
  if count == #M.COCO_SIGMAS then return M.COCO_SIGMAS end
  local out = {}
  for k = 1, count do out[k] = OTHER_SIGMA end
  return out
end

local EPS = 2.220446049250313e-16 -- as the spacing at 1 in the reference

-- Distance of a predicted point from a truth without keypoints: how far it lies outside twice its box.
local function outside(v, from, size) return math.max(0.0, from - size - v) + math.max(0.0, v - (from + 2 * size)) end

--- Object keypoint similarity of predicted and true keypoints { x, y, v, ... }: mean over the labelled points (v > 0) of
-- exp(-d^2 / (2 area (2 sigma)^2)). `area` and `box` are the truth's. Without any labelled point: by the distance from the
-- box, as COCO does. cocodataset.org, keypoint evaluation.
function M.oks(predicted, truth, sigmas, area, box)
  local sum, count, labelled = 0.0, 0, 0
  for k = 3, #truth, 3 do if truth[k] > 0 then labelled = labelled + 1 end end
  for k = 1, #truth // 3 do
    local at = 3 * k - 2
    if labelled == 0 or truth[at + 2] > 0 then
      local dx, dy
      if labelled > 0 then
        dx, dy = predicted[at] - truth[at], predicted[at + 1] - truth[at + 1]
      else
        dx, dy = outside(predicted[at], box[1], box[3]), outside(predicted[at + 1], box[2], box[4])
      end
      local s = 2 * sigmas[k]
      local e = (dx * dx + dy * dy) / (s * s) / (area + EPS) / 2
      sum = sum + (e < 700 and core.math.exp(-e) or 0.0)
      count = count + 1
    end
  end
  return count > 0 and sum / count or 0.0
end

local function boxes(list, what, frame)
  local out = {}
  for k, o in ipairs(list) do out[k] = read.box(o, ("%s: object %d"):format(what, k), frame) end
  return out
end

local function masks(list, what, frame)
  local out = {}
  for k, o in ipairs(list) do out[k] = read.mask(o, ("%s: object %d"):format(what, k), frame) end
  return out
end

local function outlines(list, what, frame)
  local out = {}
  for k, o in ipairs(list) do
    local corners = read.corners(o, ("%s: object %d"):format(what, k), frame)
    local x, y, w, h = core.shapes.bounds(corners)
    out[k] = { corners = corners, area = core.shapes.area(corners), box = { x, y, w, h } }
  end
  return out
end

-- An annotated object may come without keypoints; a predicted one may not.
local function points(list, what)
  local out = {}
  for k, o in ipairs(list) do
    local name = ("%s: object %d"):format(what, k)
    out[k] = read.keypoints(o, name) or what == "label" and {} or error(name .. ": no keypoints", 0)
  end
  return out
end

-- A prediction that is the very object is right, also where there is no area to share.
local function same_or(fn, equal)
  return function(a, b, crowd) return equal(a, b) and 1.0 or fn(a, b, crowd) end
end
local function same_box(a, b) return a[1] == b[1] and a[2] == b[2] and a[3] == b[3] and a[4] == b[4] end
local function same_corners(a, b)
  for k = 1, 8 do if a.corners[k] ~= b.corners[k] then return false end end
  return true
end
local function both_empty(a, b) return a:area() == 0 and b:area() == 0 end

--- How each kind of likeness is prepared and taken: prepare(list, what, frame), alike(a, b, crowd, context of b). box and mask
-- are COCO's to the letter: something without area is like nothing. iou and mask_iou make an exception for equal ones.
M.kinds = {
  iou = { prepare = boxes, alike = same_or(M.iou, same_box) },
  mask_iou = { prepare = masks, alike = same_or(M.mask_iou, both_empty) },
  box = { prepare = boxes, alike = M.iou },
  obb_iou = { prepare = outlines, alike = same_or(M.oriented_iou, same_corners) },
  oriented = { prepare = outlines, alike = M.oriented_iou },
  giou = { prepare = boxes, alike = function(a, b, crowd) return crowd and M.iou(a, b, true) or (1 + M.giou(a, b)) / 2 end },
  mask = { prepare = masks, alike = M.mask_iou },
  keypoints = { prepare = points, alike = function(a, b, _, c)
    if #b > 0 and #a ~= #b then error(("prediction: %d keypoints for %d of the label"):format(#a // 3, #b // 3), 0) end
    return M.oks(a, b, M.sigmas(#b // 3, c.sigmas), c.area, c.box)
  end },
}

return M
