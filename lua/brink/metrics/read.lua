--- What the metrics read out of labels and predictions: objects, boxes, masks, classes, numbers.
--
-- Both sides have the canonical form { kind = "shapes", shapes = { object, ... } }
-- or are a bare list of objects; a predicted object may carry `score` (default 1).
-- Whatever is not a finite number is refused here, by name.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local shapes = require "brink.labels.shapes"

local M = {}

local function refuse(format, ...) error(format:format(...), 0) end

local function shown(v)
  if type(v) == "string" then return ("%q"):format(v) end
  return tostring(v)
end

--- The value when it is a finite number, else an error that begins with `what`.
function M.number(v, what)
  if type(v) ~= "number" or v ~= v or v == math.huge or v == -math.huge then refuse("%s: %s, a finite number expected", what, shown(v)) end
  return v + 0.0
end
local number = M.number

--- True for an image.
function M.is_image(v) return type(v) == "userdata" and getmetatable(v) ~= nil and v.width ~= nil and v.bytes ~= nil end

--- The objects of a label or prediction (none for nil). `what` names it in errors.
function M.objects(value, what)
  if value == nil or value == core.json.null then return {} end
  if type(value) == "table" then
    local list = value.shapes
    if value.kind == "shapes" then list = list or {} end
    if list == nil and value.kind == nil and (next(value) == nil or type(value[1]) == "table") then list = value end
    if type(list) == "table" then
      for k, o in ipairs(list) do if type(o) ~= "table" then refuse("%s: object %d: %s, an object expected", what, k, shown(o)) end end
      return list
    end
  end
  refuse("%s: %s, objects (kind = \"shapes\") expected", what, type(value) == "table" and "a table without them" or shown(value))
end

--- A class as a key: 1 and "1" are different classes.
function M.class(object)
  local c = object.class
  if c == nil then return "" end
  if type(c) == "number" then return ("n%.14g"):format(c) end
  return "s" .. tostring(c)
end

--- The score of a predicted object.
function M.score(object, what)
  if object.score == nil then return 1.0 end
  return number(object.score, what .. ": score")
end

local function hull(list, what, step)
  local x0, y0, x1, y1
  for k = 1, #list - 1, step do
    local x, y = number(list[k], what), number(list[k + 1], what)
    if step ~= 3 or list[k + 2] > 0 then
      x0, y0 = math.min(x0 or x, x), math.min(y0 or y, y)
      x1, y1 = math.max(x1 or x, x), math.max(y1 or y, y)
    end
  end
  if x0 then return { x0, y0, x1 - x0, y1 - y0 } end
end

local function hull_of_parts(parts, what)
  local all = {}
  for _, ring in ipairs(parts) do table.move(ring, 1, #ring, #all + 1, all) end
  return hull(all, what, 2)
end

-- Around an oriented box; its angle is clockwise in the picture.
local function hull_of_obb(o, what)
  local cx, cy = number(o.cx or o[1], what), number(o.cy or o[2], what)
  local w, h = number(o.w or o[3], what), number(o.h or o[4], what)
  local a = number(o.angle or o[5], what) * core.math.pi / 180
  local c, s = math.abs(core.math.cos(a)), math.abs(core.math.sin(a))
  local bw, bh = w * c + h * s, w * s + h * c
  return { cx - bw / 2, cy - bh / 2, bw, bh }
end

local function plain_box(b, what)
  local out = { number(b.x or b[1], what .. ": x"), number(b.y or b[2], what .. ": y"), number(b.w or b[3], what .. ": width"), number(b.h or b[4], what .. ": height") }
  if out[3] < 0 or out[4] < 0 then refuse("%s: %g x %g, sides from 0 expected", what, out[3], out[4]) end
  return out
end

--- The box of an object { x, y, w, h }: its own, or the one around whatever else it has.
-- `frame`: { width, height } for masks that do not say their size.
function M.box(object, what, frame)
  if object.box then return plain_box(object.box, what .. ": box") end
  if object.obb then return hull_of_obb(object.obb, what .. ": obb") end
  local box
  if object.quad then box = hull(object.quad, what .. ": quad", 2) end
  if object.polygon then box = hull_of_parts(object.polygon.parts or { object.polygon }, what .. ": polygon") end
  if not box and object.mask then
    local x, y, w, h = M.mask(object, what, frame):box()
    box = x and { x + 0.0, y + 0.0, w + 0.0, h + 0.0 } or { 0.0, 0.0, 0.0, 0.0 }
  end
  if not box and object.polyline then box = hull(object.polyline.points or object.polyline, what .. ": polyline", 2) end
  if not box and object.keypoints then box = hull(object.keypoints, what .. ": keypoints", 3) end
  return box or refuse("%s: neither box nor another outline", what)
end

local function checked_runs(what, runs, message)
  if not runs then refuse("%s: %s", what, message) end
  return runs
end

local function frame_of(frame, what)
  if not frame or not frame[1] or not frame[2] then refuse("%s: the size of the picture is not known (width and height of the label)", what) end
  return frame[1], frame[2]
end

--- The mask of an object as runs: its mask (RLE or image), else its filled polygon, quad or box.
function M.mask(object, what, frame)
  local m = object.mask
  if m ~= nil then
    if M.is_image(m) then return checked_runs(what, core.overlap.from_image(m)) end
    if type(m) == "table" and M.is_image(m.image) then return checked_runs(what, core.overlap.from_image(m.image)) end
    local rle = type(m) == "table" and (m.rle or m)
    if not rle or not rle.counts then refuse("%s: mask: counts or an image expected", what) end
    local w, h
    if rle.size then h, w = rle.size[1], rle.size[2] else w, h = frame_of(frame, what .. ": mask") end
    local ok, runs, message = pcall(core.overlap.runs, w, h, rle.counts)
    if not ok then refuse("%s: mask: %s", what, (tostring(runs):gsub("^bad argument #%d+ to '[^']*' ", ""))) end
    return checked_runs(what .. ": mask", runs, message)
  end
  local parts, holes
  if object.polygon then
    parts, holes = object.polygon.parts or { object.polygon }, object.polygon.holes
  elseif object.quad then
    parts = { object.quad }
  else
    local b = M.box(object, what, frame)
    parts = { { b[1], b[2], b[1] + b[3], b[2], b[1] + b[3], b[2] + b[4], b[1], b[2] + b[4] } }
  end
  local w, h = frame_of(frame, what)
  local ok, runs, message = pcall(core.overlap.from_rings, w, h, parts, holes)
  if not ok then refuse("%s: %s", what, tostring(runs)) end
  return checked_runs(what, runs, message)
end

--- The corners of an object { x, y, ... }: its quad, oriented box, or box.
function M.corners(object, what, frame)
  if object.quad then
    for k = 1, 8 do number(object.quad[k], what .. ": quad") end
    return object.quad
  end
  local o = object.obb
  if not o then return shapes.box_outline(M.box(object, what, frame)) end
  local v = { o.cx or o[1], o.cy or o[2], o.w or o[3], o.h or o[4], o.angle or o[5] }
  for k = 1, 5 do number(v[k], what .. ": obb") end
  if v[3] < 0 or v[4] < 0 then refuse("%s: obb: %g x %g, sides from 0 expected", what, v[3], v[4]) end
  return shapes.obb_outline(v)
end

--- Width and height of the picture from a label or, failing that, a prediction.
function M.frame(label, prediction)
  for _, v in ipairs { type(label) == "table" and label or {}, type(prediction) == "table" and prediction or {} } do
    if v.width and v.height then return { v.width, v.height } end
  end
end

--- The annotated area of an object, else that of its mask, polygon or box.
function M.area(object, what, frame, masks)
  local given = object.area
  if given == nil and type(object.extra) == "table" then given = object.extra.area end
  if given ~= nil then return number(given, what .. ": area") end
  if masks or object.mask or object.polygon then
    if object.mask or frame then return M.mask(object, what, frame):area() + 0.0 end
  end
  local b = M.box(object, what, frame)
  return b[3] * b[4]
end

--- Keypoints { x, y, v, ... } of an object, checked; nil when it has none.
function M.keypoints(object, what)
  local k = object.keypoints
  if k == nil then return nil end
  k = k.points or k
  if #k % 3 ~= 0 then refuse("%s: keypoints: %d numbers, three a point expected", what, #k) end
  for i = 1, #k do number(k[i], ("%s: keypoint %d"):format(what, (i + 2) // 3)) end
  return k
end

--- The semantic mask of a label or prediction: an image.
function M.segmentation(value, what)
  if M.is_image(value) then return value end
  if type(value) == "table" and M.is_image(value.segmentation) then return value.segmentation end
  refuse("%s: no semantic mask (an image, or segmentation = image)", what)
end

--- The class of the whole picture: a text, a number, or the field class or label of a table.
function M.image_class(value, what)
  if type(value) == "table" then
    local c = value.class
    if c == nil then c = value.label end
    if c == nil and type(value.classes) == "table" and #value.classes == 1 then c = value.classes[1] end
    if c ~= nil then return c end
  elseif value ~= nil then
    return value
  end
  refuse("%s: %s, a class expected", what, type(value) == "table" and "a table without class" or shown(value))
end

local function scored(list, what)
  local out = {}
  for k, v in ipairs(list) do
    if type(v) == "table" then
      local class, score = v.class, v.score
      if class == nil then class = v.label end
      if class == nil then class = v[1] end
      if score == nil then score = v.confidence end
      if score == nil then score = v.probability end
      if score == nil then score = v[2] end
      if class == nil then refuse("%s: answer %d: no class", what, k) end
      out[k] = { class = class, score = score ~= nil and number(score, ("%s: score of %s"):format(what, shown(class))) or nil, rank = k }
    else
      out[k] = { class = v, rank = k }
    end
  end
  return out
end

local function from_map(map, what)
  local names, out = {}, {}
  for name in next, map do
    if type(name) ~= "string" then refuse("%s: %s, the name of a class expected", what, shown(name)) end
    names[#names + 1] = name
  end
  table.sort(names)
  for k, name in ipairs(names) do out[k] = { class = name, score = number(map[name], ("%s: score of %q"):format(what, name)), rank = k } end
  return out
end

--- Predicted classes, the best first: list of { class, score (or nil) }. From a class alone (then `confidence` is its score), a
-- list of classes or of { class, score } (or { class =, score = }), or a table class -> score. Equal scores keep their order
-- (names: bytewise).
function M.ranking(prediction, what, confidence)
  if type(prediction) ~= "table" then
    if prediction == nil then return {} end
    if type(prediction) == "number" then number(prediction, what) end
    return { { class = prediction, rank = 1, score = confidence ~= nil and number(confidence, what .. ": confidence") or nil } }
  end
  local out
  if type(prediction.classes) == "table" then out = scored(prediction.classes, what)
  elseif type(prediction.scores) == "table" then out = from_map(prediction.scores, what)
  elseif prediction.class ~= nil or prediction.label ~= nil then
    out = scored({ prediction }, what)
    if not out[1].score and confidence ~= nil then out[1].score = number(confidence, what .. ": confidence") end
  elseif #prediction > 0 or next(prediction) == nil then out = scored(prediction, what)
  else out = from_map(prediction, what) end
  local all = true
  for _, v in ipairs(out) do all = all and v.score ~= nil end
  if all then
    table.sort(out, function(a, b)
      if a.score ~= b.score then return a.score > b.score end
      return a.rank < b.rank
    end)
  end
  return out
end

--- Numbers of a regression value: a number, a list of them, or the field value.
function M.numbers(value, what)
  if type(value) == "table" and value.value ~= nil then value = value.value end
  if type(value) == "number" then return { number(value, what) } end
  if type(value) == "table" then
    local out = {}
    for k, v in ipairs(value) do out[k] = number(v, ("%s: value %d"):format(what, k)) end
    if #out > 0 or next(value) == nil then return out end
  end
  refuse("%s: %s, a number expected", what, type(value) == "table" and "a table without value" or shown(value))
end

return M
