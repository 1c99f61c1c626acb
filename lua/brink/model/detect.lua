--- Boxes out of a network's outputs: the layouts of the usual detectors, told apart by their shapes or by name.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local declared = require "brink.model.declared"
local nearest = require "brink.nearest"

local M = {}

local raise, odd, pick, elements, class_of, text_of, is_number =
  declared.raise, declared.odd, declared.pick, declared.elements, declared.class_of, declared.text_of, declared.is_number

-- What `format` should be, from the shapes of the outputs.
local function guess(spec, outputs, labels, prototypes)
  if not prototypes and (spec.boxes or #outputs == 2) then return "ssd" end
  if #outputs == 3 then return "torchvision" end
  local s = outputs[spec.output and pick(outputs, spec.output, "output") or prototypes == 1 and 2 or 1].shape
  local a, b = s[#s - 1] or -1, s[#s]
  local classes = labels and #labels
  local more = 3 * (spec.keypoints or 0) + (prototypes and math.max(0, outputs[prototypes].shape[2]) or 0)
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

-- Numbers of a candidate behind its scores: keypoints, or coefficients of the prototypes (the last of the outputs given).
local function more_of(spec, out) return 3 * (spec.keypoints or 0) + (out.prototypes and out.prototypes.shape[2] or 0) end

-- centre, size, objectness, classes; a row each
function layouts.yolov5(spec, out, names)
  local n, m, code = matrix(names[1], out[1])
  if not n then return nil, m, code end
  local more = more_of(spec, out)
  if m < 6 + more then return odd(names[1], out[1].shape, "rows of at least " .. 6 + more) end
  local t = out[1]
  return { n = n, classes = m - 5 - more, box = { t, 0, m, 1 }, objectness = { t, 4, m, 1 }, score = { t, 5, m, 1 }, form = "cxcywh",
    points = { t, m - more, m, 1 } }
end

-- centre, size, classes; a column each
function layouts.yolov8(spec, out, names)
  local m, n, code = matrix(names[1], out[1])
  if not m then return nil, n, code end
  local more = more_of(spec, out)
  if m < 5 + more then return odd(names[1], out[1].shape, "columns of at least " .. 5 + more) end
  local t = out[1]
  return { n = n, classes = m - 4 - more, box = { t, 0, 1, n }, score = { t, 4 * n, 1, n }, form = "cxcywh", points = { t, (m - more) * n, 1, n } }
end

-- corners, score, class; suppressed already. With 7 columns the first is the picture's number.
function layouts.rows(spec, out, names)
  local n, m, code = matrix(names[1], out[1])
  if not n then return nil, m, code end
  local more = more_of(spec, out)
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
local function roles(spec, outputs, format, prototypes)
  if format == "yolov5" or format == "yolov8" or format == "rows" then
    if not spec.output and prototypes == 1 then return { 2 } end
    return { pick(outputs, spec.output, "output") }
  end
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

-- Position of the output with the prototypes of masks: the one named, or beside one other output the one that is a map.
local function prototypes_of(spec, outputs)
  if spec.prototypes then return pick(outputs, spec.prototypes, "prototypes") end
  if #outputs ~= 2 or (spec.format and not spec.format:find "^yolo") then return nil end
  for k, o in ipairs(outputs) do if #o.shape == 4 and #outputs[3 - k].shape == 3 then return k end end
end

local function check(spec)
  if spec.keypoints ~= nil and (math.type(spec.keypoints) ~= "integer" or spec.keypoints < 1) then raise("keypoints: a number of them expected") end
  for _, name in ipairs { "score", "overlap", "max", "threshold" } do
    if spec[name] ~= nil and not is_number(spec[name]) then raise("%s: a number expected, got %s", name, tostring(spec[name])) end
  end
  if spec.threshold and not (spec.threshold > 0 and spec.threshold < 1) then raise("threshold: %s, between 0 and 1 expected", tostring(spec.threshold)) end
  if spec.variances and not spec.priors then raise "variances: only with priors" end
  if spec.priors and spec.form and spec.form ~= "cxcywh" and spec.form ~= "yxyx" then raise("form: %s: with priors cxcywh (the default) or yxyx expected", spec.form) end
end

local function variances_of(given)
  if given == nil then return { 0.1, 0.1, 0.2, 0.2 } end
  local v = type(given) == "table" and #given == 2 and { given[1], given[1], given[2], given[2] } or given
  if type(v) ~= "table" or #v ~= 4 then raise "variances: two or four numbers expected" end
  for k = 1, 4 do if not is_number(v[k]) then raise("variances: number %d is %s", k, tostring(v[k])) end end
  return v
end

-- The prior boxes' place, for n candidates; or nil, message, code.
local function prior_place(priors, n, map)
  local t = priors(map.width, map.height)
  if #t ~= 4 * n then return nil, ("priors: %d, the model has %d boxes"):format(#t // 4, n), "model" end
  return { t, 0, 4, 1 }
end

-- The mask of a box as run lengths; or nil, message, code.
local function mask_of(spec, places, d, map, prototypes)
  local threshold = spec.threshold or 0.5
  local image, message, code = core.postprocess.mask(prototypes, { place = places.points, at = d.from, box = { d.x, d.y, d.x + d.w, d.y + d.h },
    threshold = core.math.log(threshold / (1 - threshold)), map = map })
  if not image then return nil, message, code end
  return core.shapes.mask_rle(image)
end

local function boxes_of(spec, places, map, priors, variances)
  local prior
  if priors then
    local message, code
    prior, message, code = prior_place(priors, places.n, map)
    if not prior then return nil, message, code end
  end
  local relative = spec.relative == nil and places.relative or spec.relative
  return core.postprocess.detect {
    n = places.n, classes = places.classes, box = places.box, score = places.score, objectness = places.objectness, label = places.label,
    form = spec.form or prior and "cxcywh" or places.form, relative = prior and true or relative, background = spec.background, activation = spec.activation,
    least = spec.score, overlap = spec.overlap or places.overlap, agnostic = spec.agnostic, most = spec.max, clip = spec.clip ~= false, map = map,
    prior = prior, variances = prior and variances,
  }
end

--- The reader of a detector's outputs: see brink.model.output.
function M.new(spec, outputs, metadata)
  local labels = declared.labels(spec.labels) or (metadata and metadata.names and declared.from_python(metadata.names)) or nil
  check(spec)
  local prototypes = prototypes_of(spec, outputs)
  local format = spec.format or guess(spec, outputs, labels, prototypes)
  local layout = layouts[format]
  if not layout then raise("format: %s%s", tostring(format), nearest.hint(tostring(format), { "yolov5", "yolov8", "rows", "ssd", "torchvision" })) end
  local priors, variances = spec.priors and require "brink.model.priors".new(spec.priors), variances_of(spec.variances)
  if priors and format ~= "ssd" then raise("priors: the format is %s, ssd expected", format) end
  local order, names = roles(spec, outputs, format, prototypes), {}
  for k, at in ipairs(order) do names[k] = outputs[at].name end
  return function(out, map)
    local given = { prototypes = prototypes and out[prototypes] }
    for k, at in ipairs(order) do given[k] = out[at] end
    if prototypes and (#given.prototypes.shape ~= 4 or given.prototypes.shape[1] ~= 1) then
      return odd(outputs[prototypes].name, given.prototypes.shape, "prototypes 1 x K x height x width")
    end
    local places, message, code = layout(spec, given, names)
    if not places then return nil, message, code end
    local found
    found, message, code = boxes_of(spec, places, map, priors, variances)
    if not found then return nil, message, code end
    local list, best = {}, nil
    for k, d in ipairs(found) do
      list[k] = { class = class_of(labels, d.class), score = d.score, box = { d.x, d.y, d.w, d.h } }
      if spec.keypoints then list[k].keypoints = keypoints_of(spec, places, d.from, map) end
      if prototypes then
        list[k].mask, message, code = mask_of(spec, places, d, map, given.prototypes)
        if not list[k].mask then return nil, message, code end
      end
      best = best or d.score
    end
    return { kind = "shapes", width = map.image_width, height = map.image_height, shapes = list }, best
  end
end

return M
