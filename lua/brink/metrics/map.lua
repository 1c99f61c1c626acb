--- Average precision and recall as COCO defines them (cocodataset.org, detection evaluation; the reference is cocoeval.py).
--
-- Each picture is matched when it is added, class by class, at ten IoU thresholds
-- and in four ranges of size; what is kept of a prediction is its score, its rank
-- in the picture and, as bits, where it was a hit and where it does not count. So
-- memory grows with the predictions alone.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local match = require "brink.metrics.match"
local read = require "brink.metrics.read"

local M = {}

local THRESHOLDS, MOST = {}, 100
for k = 0, 8 do THRESHOLDS[k + 1] = k * ((0.95 - 0.5) / 9) + 0.5 end -- as numpy.linspace
THRESHOLDS[10] = 0.95
local RECALLS = {}
for k = 0, 99 do RECALLS[k + 1] = k * 0.01 end
RECALLS[101] = 1.0
local EPS = 2.220446049250313e-16

-- Ranges of area in square pixels, both ends belong.
local SIZES = { { "all", 0.0, 1e10 }, { "small", 0.0, 1024.0 }, { "medium", 1024.0, 9216.0 }, { "large", 9216.0, 1e10 } }
local KINDS = { box = "box", mask = "mask", keypoints = "keypoints", oriented = "oriented" }

local Map = {}
Map.__index = Map

--- Over a data set. opts: kind ("box", "mask", "keypoints", "oriented"), sigmas.
function M.new(opts)
  opts = opts or {}
  local kind = opts.kind or "box"
  if not KINDS[kind] then error(("map: kind: %s, box, mask, keypoints or oriented expected"):format(tostring(kind)), 2) end
  local most = kind == "keypoints" and 20 or MOST
  return setmetatable({ kind = kind, sigmas = opts.sigmas, most = most, n = 0, classes = {} }, Map)
end

local function class_of(self, g)
  local c = self.classes[g.class]
  if not c then
    local some = g.truth[1] or g.predicted[1]
    c = { key = g.class, class = some.class, score = {}, rank = {}, hit = {}, skip = {}, objects = { 0, 0, 0, 0 } }
    self.classes[g.class] = c
  end
  return c
end

-- Area of what was predicted: of its mask, box or oriented box; of keypoints the box around them all.
local function predicted_area(self, o, frame)
  if self.kind == "mask" then return read.mask(o, "prediction", frame):area() + 0.0 end
  if self.kind == "keypoints" then
    local k, all = read.keypoints(o, "prediction"), {}
    for i = 1, #k, 3 do all[i], all[i + 1], all[i + 2] = k[i], k[i + 1], 1 end
    local b = read.box({ keypoints = all }, "prediction")
    return b[3] * b[4]
  end
  if self.kind == "oriented" then return core.shapes.area(read.corners(o, "prediction", frame)) end
  local b = read.box(o, "prediction", frame)
  return b[3] * b[4]
end

local function add_group(self, g, frame, sigmas)
  for p = #g.predicted, self.most + 1, -1 do g.predicted[p] = nil end
  local class = class_of(self, g)
  local alike, crowd = match.alike(g, self.kind, frame, sigmas)
  local area, other, blank = {}, {}, {}
  for t, o in ipairs(g.truth) do
    local what = ("label: object %d"):format(t)
    if self.kind == "oriented" and o.area == nil then area[t] = core.shapes.area(read.corners(o, what, frame))
    else area[t] = read.area(o, what, frame, self.kind == "mask") end
    blank[t] = crowd[t] or o.ignore == true or o.ignore == 1 or self.kind == "keypoints" and not match.labelled(o, what)
  end
  for p, o in ipairs(g.predicted) do other[p] = predicted_area(self, o, frame) end
  local hit, skip = {}, {}
  for p = 1, #g.predicted do hit[p], skip[p] = 0, 0 end
  for s, size in ipairs(SIZES) do
    local ignored = {}
    for t = 1, #g.truth do
      ignored[t] = blank[t] or area[t] < size[2] or area[t] > size[3]
      if not ignored[t] then class.objects[s] = class.objects[s] + 1 end
    end
    for k, least in ipairs(THRESHOLDS) do
      local bit = 1 << (10 * (s - 1) + k - 1)
      for p, t in ipairs(match.greedy(alike, #g.predicted, #g.truth, ignored, crowd, least)) do
        if t > 0 then hit[p] = hit[p] | bit end
        if t > 0 and ignored[t] or t == 0 and (other[p] < size[2] or other[p] > size[3]) then skip[p] = skip[p] | bit end
      end
    end
  end
  for p = 1, #g.predicted do
    local at = #class.score + 1
    class.score[at], class.rank[at], class.hit[at], class.skip[at] = g.scores[p], p, hit[p], skip[p]
  end
end

--- Add a picture: objects of the label, objects with scores of the prediction.
function Map:add(label, prediction)
  local frame = read.frame(label, prediction)
  local sigmas = self.sigmas or type(label) == "table" and type(label.meta) == "table" and label.meta.sigmas or nil
  for _, g in ipairs(match.groups(label, prediction, {})) do add_group(self, g, frame, sigmas) end
  self.n = self.n + 1
end

-- Average precision at 101 recalls, and the recall reached, of a class at one threshold and size. nil without objects.
local function average(class, order, size, k, most)
  local objects = class.objects[size]
  if objects == 0 then return nil end
  local bit = 1 << (10 * (size - 1) + k - 1)
  local precision, recall, hits, misses = {}, {}, 0, 0
  for _, p in ipairs(order) do
    if class.rank[p] <= most and class.skip[p] & bit == 0 then
      if class.hit[p] & bit ~= 0 then hits = hits + 1 else misses = misses + 1 end
      precision[#precision + 1], recall[#recall + 1] = hits / (hits + misses + EPS), hits / objects
    end
  end
  for p = #precision - 1, 1, -1 do precision[p] = math.max(precision[p], precision[p + 1]) end
  local sum, at = 0.0, 1
  for _, r in ipairs(RECALLS) do
    while at <= #recall and recall[at] < r do at = at + 1 end
    if at > #recall then break end
    sum = sum + precision[at]
  end
  return sum / #RECALLS, hits / objects
end

-- Mean over classes and thresholds of AP (what = 1) or recall (2); nil when nothing is defined.
local function mean(table_, classes, thresholds, size, most, what)
  local sum, n = 0.0, 0
  for _, c in ipairs(classes) do
    for _, k in ipairs(thresholds) do
      local v = table_(c, size, k, most)[what]
      if v then sum, n = sum + v, n + 1 end
    end
  end
  if n > 0 then return sum / n end
end

local ALL = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }

-- average() of everything asked for, each worked out once.
local function averages()
  local known, orders = {}, {}
  return function(class, size, k, most)
    orders[class] = orders[class] or match.by_score(class.score)
    known[class] = known[class] or {}
    local key = (size * 16 + k) * 128 + most
    local v = known[class][key]
    if not v then
      v = { average(class, orders[class], size, k, most) }
      known[class][key] = v
    end
    return v
  end
end

--- { n, ap, ap50, ap75, ap_small, ap_medium, ap_large, ar_1, ar_10, ar_100, ar_small, ar_medium, ar_large, per_class = { { class,
-- objects, ap, ap50, ar_100 } } }. Keypoints: the 20 best answers count (ar_20), no ar_1, ar_10, small. A figure without
-- any object to it is absent.
function Map:result()
  local classes = {}
  for _, c in next, self.classes do classes[#classes + 1] = c end
  table.sort(classes, function(a, b)
    if type(a.class) == "number" and type(b.class) == "number" and a.class ~= b.class then return a.class < b.class end
    return a.key < b.key
  end)
  local at, most = averages(), self.most
  local function figure(thresholds, size, limit, what) return mean(at, classes, thresholds, size, limit, what) end
  local out = { n = self.n, ap = figure(ALL, 1, most, 1), ap50 = figure({ 1 }, 1, most, 1), ap75 = figure({ 6 }, 1, most, 1), per_class = core.json.array {} }
  for s = self.kind == "keypoints" and 3 or 2, 4 do
    out["ap_" .. SIZES[s][1]], out["ar_" .. SIZES[s][1]] = figure(ALL, s, most, 1), figure(ALL, s, most, 2)
  end
  for _, limit in ipairs(self.kind == "keypoints" and { 20 } or { 1, 10, 100 }) do out["ar_" .. limit] = figure(ALL, 1, limit, 2) end
  for k, c in ipairs(classes) do
    local one = { c }
    out.per_class[k] = { class = c.class, objects = c.objects[1], ap = mean(at, one, ALL, 1, most, 1), ap50 = mean(at, one, { 1 }, 1, most, 1),
      ap75 = mean(at, one, { 6 }, 1, most, 1), ["ar_" .. most] = mean(at, one, ALL, 1, most, 2) }
  end
  return out
end

return M
