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
--              keypoints (number of them per box, yolov8-pose)
--   segment    { kind = "shapes", segmentation = mask of class ids }: threshold (for one channel, 0.5), output, layout, labels
--   keypoints  { kind = "shapes" } with one object: from heat maps N x K x H x W or coordinates; names, relative, score (0.2)
--
-- The function gets the outputs as tensors by position and by name.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local nearest = require "brink.nearest"

local M = {}

local function raise(format, ...) error("output: " .. format:format(...), 0) end

local function is_number(v) return type(v) == "number" and v == v end

local function text_of(shape)
  local out = {}
  for k, d in ipairs(shape) do out[k] = d < 0 and "?" or tostring(d) end
  return table.concat(out, "x")
end

local function odd(name, shape, expected) return nil, ("output %s: got %s, expected %s"):format(name, text_of(shape), expected), "model" end

-- Labels

local function from_json(text, path)
  local value, message = core.json.decode(text)
  if value == nil then raise("labels: %s: %s", path, message) end
  if type(value) ~= "table" then raise("labels: %s: a list or an object expected", path) end
  if value[1] ~= nil or next(value) == nil then return value end
  local out = {} -- { "0": "tench", ... }
  for k = 0, 1000000 do
    local v = value[tostring(k)]
    if v == nil then break end
    out[k + 1] = type(v) == "table" and v[#v] or v -- Keras: ["n01440764", "tench"]
  end
  return out
end

-- The names in Ultralytics' metadata: {0: 'person', 1: 'bicycle', ...}
local function from_python(text)
  local out = {}
  for number, quote, rest in text:gmatch "(%d+):%s*(['\"])([^'\"]*)" do
    if quote then out[tonumber(number) + 1] = rest end
  end
  return #out > 0 and out or nil
end

--- A list of class names from a list, or from a file (a line each, or JSON). Raises.
function M.labels(given)
  if given == nil then return nil end
  if type(given) == "table" then return given end
  if type(given) ~= "string" then raise("labels: a list or a file expected, got %s", type(given)) end
  local text, message = core.file.read(given, 1 << 26)
  if not text then raise("labels: %s", message) end
  if text:find "^%s*[%[{]" then return from_json(text, given) end
  local out = {}
  for line in text:gmatch "[^\r\n]+" do out[#out + 1] = line end
  return out
end

local function class_of(labels, id)
  local name = labels and labels[id + 1]
  if name == nil then return id end
  return name
end

-- The output called `name`, or the first; position and metadata.
local function pick(outputs, name, what)
  if name == nil then return 1 end
  local list = {}
  for k, o in ipairs(outputs) do
    if o.name == name then return k end
    list[k] = o.name
  end
  raise("%s: the model has no output %s: it has %s%s", what, tostring(name), table.concat(list, ", "), nearest.hint(tostring(name), list))
end

local function elements(shape, from)
  local n = 1
  for k = from, #shape do n = n * shape[k] end
  return n
end

-- Classify

local ACTIVATION = { Softmax = "none", Sigmoid = "none" }

local kinds = {}

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

-- Detect

-- What `format` should be, from the shapes of the outputs.
local function guess(spec, outputs, labels)
  if spec.boxes or #outputs == 2 then return "ssd" end
  if #outputs == 3 then return "torchvision" end
  local s = outputs[1].shape
  local a, b = s[#s - 1] or -1, s[#s]
  local classes = labels and #labels
  local more = 3 * (spec.keypoints or 0)
  if classes and (a == 4 + classes + more) then return "yolov8" end
  if classes and (b == 5 + classes + more) then return "yolov5" end
  if b == 6 or b == 7 then return "rows" end
  if a > 0 and b > 0 then return a < b and "yolov8" or "yolov5" end
  raise("format: the shape %s does not tell: yolov5, yolov8, rows, ssd or torchvision expected", text_of(s))
end

-- A matrix: rows x columns of the last two dimensions, the ones before must be 1.
local function matrix(name, t)
  local s = t.shape
  if #s < 2 or elements(s, 1) ~= s[#s - 1] * s[#s] then return odd(name, s, "one matrix (of one picture)") end
  return s[#s - 1], s[#s]
end

local layouts = {}

-- centre, size, objectness, classes; a row each
function layouts.yolov5(spec, out, names)
  local n, m, code = matrix(names[1], out[1])
  if not n then return nil, m, code end
  local more = 3 * (spec.keypoints or 0)
  if m < 6 + more then return odd(names[1], out[1].shape, "rows of at least " .. 6 + more) end
  local t = out[1]
  return { n = n, classes = m - 5 - more, box = { t, 0, m, 1 }, objectness = { t, 4, m, 1 }, score = { t, 5, m, 1 }, form = "cxcywh",
    points = { t, m - more, m, 1 } }
end

-- centre, size, classes; a column each
function layouts.yolov8(spec, out, names)
  local m, n, code = matrix(names[1], out[1])
  if not m then return nil, n, code end
  local more = 3 * (spec.keypoints or 0)
  if m < 5 + more then return odd(names[1], out[1].shape, "columns of at least " .. 5 + more) end
  local t = out[1]
  return { n = n, classes = m - 4 - more, box = { t, 0, 1, n }, score = { t, 4 * n, 1, n }, form = "cxcywh", points = { t, (m - more) * n, 1, n } }
end

-- corners, score, class; suppressed already. With 7 columns the first is the picture's number.
function layouts.rows(spec, out, names)
  local n, m, code = matrix(names[1], out[1])
  if not n then return nil, m, code end
  local more = 3 * (spec.keypoints or 0)
  if m - more ~= 6 and m - more ~= 7 then return odd(names[1], out[1].shape, "rows of 6 or 7") end
  local t, from = out[1], m - more - 6
  return { n = n, classes = 1, box = { t, from, m, 1 }, score = { t, from + 4, m, 1 }, label = { t, from + 5, m, 1 }, form = "xyxy",
    overlap = 1, points = { t, 6 + from, m, 1 } }
end

function layouts.ssd(_, out, names)
  local n, four, code = matrix(names[1], out[1])
  if not n then return nil, four, code end
  if four ~= 4 then return odd(names[1], out[1].shape, "four numbers a box") end
  local m, classes, code2 = matrix(names[2], out[2])
  if not m then return nil, classes, code2 end
  local a, b = out[1], out[2]
  if m == n then return { n = n, classes = classes, box = { a, 0, 4, 1 }, score = { b, 0, classes, 1 }, form = "xyxy", relative = true } end
  if classes == n then return { n = n, classes = m, box = { a, 0, 4, 1 }, score = { b, 0, 1, n }, form = "xyxy", relative = true } end
  return odd(names[2], out[2].shape, n .. " rows, as output " .. names[1] .. " has")
end

function layouts.torchvision(_, out, names)
  local n, four, code = matrix(names[1], out[1])
  if not n then return nil, four, code end
  if four ~= 4 then return odd(names[1], out[1].shape, "four numbers a box") end
  for k = 2, 3 do if #out[k] ~= n then return odd(names[k], out[k].shape, n .. " values") end end
  return { n = n, classes = 1, box = { out[1], 0, 4, 1 }, label = { out[2], 0, 1, 1 }, score = { out[3], 0, 1, 1 }, form = "xyxy", overlap = 1 }
end

-- Positions of the outputs a format reads: boxes first. Given names win; else by the shape (four wide) and the type.
local function roles(spec, outputs, format)
  if format == "yolov5" or format == "yolov8" or format == "rows" then return { pick(outputs, spec.output, "output") } end
  local boxes = spec.boxes and pick(outputs, spec.boxes, "boxes")
  local scores = spec.scores and pick(outputs, spec.scores, "scores")
  local classes = spec.classes and pick(outputs, spec.classes, "classes")
  for k, o in ipairs(outputs) do
    local whole = o.dtype:find "^[iu]%d" ~= nil
    if not boxes and o.shape[#o.shape] == 4 and k ~= scores then boxes = k
    elseif format == "torchvision" and not classes and whole and k ~= boxes then classes = k end
  end
  for k, o in ipairs(outputs) do
    if not scores and k ~= boxes and k ~= classes and o.dtype:find "^f" then scores = k end
  end
  if not boxes or not scores or (format == "torchvision" and not classes) then
    raise("format %s: which outputs are boxes, scores%s is not clear: say it", format, format == "torchvision" and ", classes" or "")
  end
  if format == "torchvision" then return { boxes, classes, scores } end
  return { boxes, scores }
end

local function keypoints_of(spec, places, k, map)
  local place, out = places.points, {}
  local t, offset, row, column = place[1], place[2], place[3], place[4]
  for j = 0, spec.keypoints - 1 do
    local at = offset + (k - 1) * row + 3 * j * column + 1
    local x, y, v = t[at], t[at + column], t[at + 2 * column]
    out[#out + 1] = (x - map.ox) / map.sx
    out[#out + 1] = (y - map.oy) / map.sy
    out[#out + 1] = v >= 0.5 and 2 or 0
  end
  return out
end

function kinds.detect(spec, outputs, metadata)
  local labels = M.labels(spec.labels) or (metadata and metadata.names and from_python(metadata.names)) or nil
  local format = spec.format or guess(spec, outputs, labels)
  local layout = layouts[format]
  if not layout then raise("format: %s%s", tostring(format), nearest.hint(tostring(format), { "yolov5", "yolov8", "rows", "ssd", "torchvision" })) end
  if spec.keypoints ~= nil and (math.type(spec.keypoints) ~= "integer" or spec.keypoints < 1) then raise("keypoints: a number of them expected") end
  for _, name in ipairs { "score", "overlap", "max" } do
    if spec[name] ~= nil and not is_number(spec[name]) then raise("%s: a number expected, got %s", name, tostring(spec[name])) end
  end
  local order, names = roles(spec, outputs, format), {}
  for k, at in ipairs(order) do names[k] = outputs[at].name end
  return function(out, map)
    local given = {}
    for k, at in ipairs(order) do given[k] = out[at] end
    local places, message, code = layout(spec, given, names)
    if not places then return nil, message, code end
    local found
    found, message, code = core.postprocess.detect {
      n = places.n, classes = places.classes, box = places.box, score = places.score, objectness = places.objectness, label = places.label,
      form = spec.form or places.form, relative = spec.relative == nil and places.relative or spec.relative, background = spec.background,
      activation = spec.activation, least = spec.score, overlap = spec.overlap or places.overlap, agnostic = spec.agnostic, most = spec.max,
      clip = spec.clip ~= false, map = map,
    }
    if not found then return nil, message, code end
    local list, best = {}, nil
    for k, d in ipairs(found) do
      list[k] = { class = class_of(labels, d.class), score = d.score, box = { d.x, d.y, d.w, d.h } }
      if spec.keypoints then list[k].keypoints = keypoints_of(spec, places, d.from, map) end
      best = best or d.score
    end
    return { kind = "shapes", width = map.image_width, height = map.image_height, shapes = list }, best
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
  detect = { "output", "format", "boxes", "scores", "classes", "form", "relative", "background", "score", "overlap", "agnostic", "max", "clip", "activation", "labels", "keypoints" },
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
    local by_task = { detect = "detect", classify = "classify" }
    if by_task[metadata.task] then return { by_task[metadata.task] } end
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
