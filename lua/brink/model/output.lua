--- From a network's outputs to labels: one declaration.
--
--   output = "classify" | { "classify", labels = ..., top = 5 } | function(outputs, image) -> label [, confidence]
--
--   classify   labels (list, or a file with a line each or JSON), top (1: the class and its probability; k: a list of
--              { class, score }), activation ("softmax", "sigmoid", "none"; default from the model's last operator), threshold (with
--              sigmoid: many classes at once, those from it on). Classes without labels are numbers from 0, as models count.
--   regress    a number, or a list of them; scale, offset: value * scale + offset
--   detect     { kind = "shapes" } with boxes: format ("yolov5", "yolov8", "rows" = x0 y0 x1 y1 score class, "ssd" = boxes and
--              scores, "torchvision" = boxes, labels, scores; default by the shapes), boxes, scores, classes (names of
--              outputs), form ("xyxy", "yxyx", "xywh", "cxcywh"), relative (coordinates in 0..1), background (class id that means
--              nothing), score (0.25), overlap (NMS, 0.45; 1: none), agnostic, max (300), clip (true), activation, labels,
--              keypoints (number of them per box, yolov8-pose), prototypes (output of YOLO's segmentation nets whose maps
--              the coefficients behind the scores mix: every box gets a mask, run lengths; default the 4-D one of two
--              outputs) and threshold (0.5: the probability from which a pixel is in the mask), priors and variances (0.1,
--              0.2) where boxes are differences from priors: see brink.model.priors; form is then the order of the code
--   segment    { kind = "shapes", segmentation = mask of class ids }: threshold (for one channel, 0.5), output, layout, labels
--   keypoints  { kind = "shapes" } with one object: from heat maps N x K x H x W or coordinates; names, relative, score (0.2)
--
-- The function gets the outputs as tensors by position and by name.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local declared = require "brink.model.declared"
local detect = require "brink.model.detect"
local nearest = require "brink.nearest"

local M = {}

local raise, odd, pick, elements, class_of, text_of, is_number =
  declared.raise, declared.odd, declared.pick, declared.elements, declared.class_of, declared.text_of, declared.is_number

--- A list of class names from a list, or from a file (a line each, or JSON). Raises.
M.labels = declared.labels

-- Classify

local ACTIVATION = { Softmax = "none", Sigmoid = "none" }

local kinds = { detect = detect.new }

function kinds.classify(spec, outputs)
  local at = pick(outputs, spec.output, "output")
  local labels, top = M.labels(spec.labels), spec.top == nil and 1 or spec.top
  if math.type(top) ~= "integer" or top < 1 or top > 10000 then raise("top: %s, 1..10000 expected", tostring(top)) end
  local name, producer = outputs[at].name, outputs[at].producer
  local activation = spec.activation or ACTIVATION[producer] or "softmax"
  if spec.threshold ~= nil and not is_number(spec.threshold) then raise("threshold: a number expected") end
  local s = outputs[at].shape
  if labels and #s >= 2 and elements(s, 2) > 0 and elements(s, 2) ~= #labels then
    raise("labels: %d, output %s has %d classes (%s)", #labels, name, elements(s, 2), text_of(s))
  end
  return function(out)
    local t = out[at]
    if #t == 0 or (#t.shape > 1 and t.shape[1] ~= 1) then return odd(name, t.shape, "the scores of one picture") end
    if labels and #t ~= #labels then return odd(name, t.shape, #labels .. " classes") end
    if activation == "softmax" then t = t:reshape({ 1, #t }):softmax()
    elseif activation == "sigmoid" then t = t:sigmoid() end
    if spec.threshold then
      local found = {}
      for _, v in ipairs(t:topk(math.min(#t, 10000))) do
        if v[2] >= spec.threshold then found[#found + 1] = { class = class_of(labels, v[1] - 1), score = v[2] } end
      end
      return { classes = found }
    end
    local best = t:topk(math.min(top, #t))
    if #best == 0 then return odd(name, t.shape, "numbers") end
    if top == 1 then return class_of(labels, best[1][1] - 1), best[1][2] end
    local list = {}
    for k, v in ipairs(best) do list[k] = { class = class_of(labels, v[1] - 1), score = v[2] } end
    return list, best[1][2]
  end
end

function kinds.regress(spec, outputs)
  local at = pick(outputs, spec.output, "output")
  local scale, offset = spec.scale or 1, spec.offset or 0
  if not is_number(scale) or not is_number(offset) then raise("scale, offset: numbers expected") end
  local name = outputs[at].name
  return function(out)
    local list = out[at]:totable()
    if #list == 0 or #list > 10000 then return odd(name, out[at].shape, "1..10000 numbers") end
    for k, v in ipairs(list) do list[k] = v * scale + offset end
    if #list == 1 then return list[1] end
    return list
  end
end

-- Segment

-- channels (0: class ids), height, width, nhwc of a map of one picture
local function map_shape(t, layout)
  local s = {}
  for k, d in ipairs(t.shape) do s[k] = d end
  if #s == 4 and s[1] == 1 then table.remove(s, 1) end
  if #s == 2 then return 0, s[1], s[2], false end
  if #s ~= 3 then return nil end
  local whole = t.dtype:find "^f" == nil
  if layout == "NHWC" or (layout == nil and s[3] < s[1] and s[3] < s[2]) then return (whole and s[3] == 1) and 0 or s[3], s[1], s[2], true end
  return (whole and s[1] == 1) and 0 or s[1], s[2], s[3], false
end

function kinds.segment(spec, outputs)
  local at = pick(outputs, spec.output, "output")
  local name, labels = outputs[at].name, M.labels(spec.labels)
  return function(out, map)
    local channels, h, w, nhwc = map_shape(out[at], spec.layout)
    if not channels then return odd(name, out[at].shape, "class maps of one picture") end
    local mask, message, code = core.postprocess.segment(out[at], { channels = channels, height = h, width = w, nhwc = nhwc, threshold = spec.threshold, map = map })
    if not mask then return nil, message, code end
    return { kind = "shapes", width = map.image_width, height = map.image_height, shapes = {}, segmentation = mask, meta = labels and { class_names = labels } or nil }
  end
end

-- Keypoints

local function from_heat(t, k, h, w)
  local plane = t:reshape({ t.shape[#t.shape - 2], h * w }):rows(k)
  local i, v = plane:argmax()
  return (i - 1) % w, (i - 1) // w, v
end

function kinds.keypoints(spec, outputs)
  local at = pick(outputs, spec.output, "output")
  local name, least = outputs[at].name, spec.score or 0.2
  return function(out, map)
    local t, points, best = out[at], {}, nil
    local s = t.shape
    local function add(x, y, v)
      points[#points + 1] = (x - map.ox) / map.sx
      points[#points + 1] = (y - map.oy) / map.sy
      points[#points + 1] = v >= least and 2 or 0
      best = math.max(best or v, v)
    end
    if #s == 4 and s[1] == 1 then
      for k = 1, s[2] do
        local x, y, v = from_heat(t, k, s[3], s[4])
        add((x + 0.5) * map.width / s[4], (y + 0.5) * map.height / s[3], v)
      end
    else
      local wide = s[#s] == 3 and 3 or 2
      if #t == 0 or #t % wide ~= 0 then return odd(name, s, "heat maps, or x, y [, score] for each point") end
      local kx, ky = spec.relative and map.width or 1, spec.relative and map.height or 1
      for k = 1, #t, wide do add(t[k] * kx, t[k + 1] * ky, wide == 3 and t[k + 2] or 1) end
    end
    return { kind = "shapes", width = map.image_width, height = map.image_height, shapes = { { class = spec.class or "object", score = best, keypoints = points } },
      meta = spec.names and { keypoint_names = spec.names } or nil }, best
  end
end

local FIELDS = {
  classify = { "output", "labels", "top", "activation", "threshold" },
  regress = { "output", "scale", "offset" },
  detect = { "output", "format", "boxes", "scores", "classes", "form", "relative", "background", "score", "overlap", "agnostic", "max", "clip", "activation", "labels", "keypoints",
    "prototypes", "threshold", "priors", "variances" },
  segment = { "output", "layout", "threshold", "labels" },
  keypoints = { "output", "names", "relative", "score", "class" },
}
local KINDS = { "classify", "regress", "detect", "segment", "keypoints" }

local function check(kind, spec)
  local keys = {}
  for key in next, spec do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local known = key == "kind" or key == "1"
    for _, name in ipairs(FIELDS[kind]) do known = known or name == key end
    if not known then raise("%s: no field %s%s", kind, key, nearest.hint(key, FIELDS[kind])) end
  end
end

-- What outputs of these shapes most probably are.
local function default_kind(outputs, metadata)
  if metadata and metadata.task then
    local by_task = { detect = "detect", segment = "detect", pose = "detect", classify = "classify" }
    local points = metadata.task == "pose" and metadata.kpt_shape and math.tointeger(tonumber(metadata.kpt_shape:match "^%s*%[%s*(%d+),%s*3%s*%]"))
    if by_task[metadata.task] and (points or metadata.task ~= "pose") then return { by_task[metadata.task], keypoints = points or nil } end
  end
  local s = outputs[1].shape
  local long = 0
  for k = 2, #s do if s[k] ~= 1 then long = long + 1 end end
  if #outputs == 1 and #s >= 2 and long == 0 then return { "regress" } end
  if #outputs == 1 and #s >= 2 and long == 1 then return { "classify" } end
  return nil
end

--- The reader of a model's outputs { { name, dtype, shape, producer }, ... }: function(tensors, map, image) -> label,
-- confidence; or nil, message, code. `given`: see the head of this file; nil: classify or regress where the shape says so,
-- else the raw tensors are the label's business and predict says what to declare. Raises on a declaration that makes no sense.
function M.new(given, outputs, metadata)
  if given == nil then given = default_kind(outputs, metadata) end
  if given == nil then
    local list = {}
    for k, o in ipairs(outputs) do list[k] = o.name .. " " .. text_of(o.shape) end
    local message = ("outputs %s: say what they are (output = \"detect\", \"segment\", \"keypoints\", or a function)"):format(table.concat(list, ", "))
    return function() return nil, message, "usage" end
  end
  if type(given) == "function" then
    return function(out, map, image)
      local named = {}
      for k, o in ipairs(outputs) do named[k], named[o.name] = out[k], out[k] end
      return given(named, image, map)
    end
  end
  if type(given) == "string" then given = { given } end
  if type(given) ~= "table" then raise("a kind, a table or a function expected, got %s", type(given)) end
  local kind = given.kind or given[1]
  if not kinds[kind] then raise("no kind %s%s", tostring(kind), nearest.hint(tostring(kind), KINDS)) end
  check(kind, given)
  return kinds[kind](given, outputs, metadata)
end

return M
