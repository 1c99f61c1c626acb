--- LabelMe: a JSON file beside each picture. Unknown keys survive; shapes that did not move keep their points as written.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local json, null = core.json, core.json.null

local M = { name = "labelme", doc = "LabelMe JSON beside each picture" }

local LABEL_KEYS = { shapes = true, imagePath = true, imageData = true, imageHeight = true, imageWidth = true }
local SHAPE_KEYS = { label = true, points = true, shape_type = true, flags = true, mask = true }
local CIRCLE = 64 -- corners of the polygon that stands for a circle

local function is_labelme(path)
  local text = path:find "%.json$" and core.file.read(path, 1 << 28)
  if not text or not text:find('"shapes"', 1, true) or not text:find('"imagePath"', 1, true) then return false end
  return true
end

function M.detect(path, info)
  if info.type == "file" then return is_labelme(path) end
  local some = common.walk(common.trim(path), function(name) return name:find "%.json$" ~= nil end, nil, 5)
  for _, rel in ipairs(some) do if is_labelme(common.trim(path) .. "/" .. rel) then return true end end
  return false
end

local function read_points(points)
  if type(points) ~= "table" then return nil, "points: a list of pairs expected, got " .. common.show(points) end
  local out = {}
  for k = 1, #points do
    local ok, why = common.numbers(points[k], 2)
    if not ok then return nil, ("points[%d]: %s"):format(k - 1, why) end
    out[#out + 1], out[#out + 2] = ok[1], ok[2]
  end
  if #out == 0 then return nil, "points: one or more expected" end
  return out
end

local function circle(p)
  local r = core.math.sqrt((p[3] - p[1])^2 + (p[4] - p[2])^2)
  local ring = {}
  for k = 0, CIRCLE - 1 do
    local a = 2 * core.math.pi * k / CIRCLE
    ring[#ring + 1], ring[#ring + 2] = p[1] + r * core.math.cos(a), p[2] + r * core.math.sin(a)
  end
  return ring
end

local function read_mask(shape, p, label)
  if #p < 4 or type(shape.mask) ~= "string" then return nil, "mask: base64 of a PNG and two points expected" end
  local bytes, why = core.base64.decode(shape.mask)
  local image
  if bytes then image, why = core.image.decode(bytes, { name = "mask" }) end
  if not image then return nil, "mask: " .. why end
  if image.channels ~= 1 then image = image:convert { channels = 1, alpha = false } end
  local x, y = math.floor(p[1]), math.floor(p[2])
  if x < 0 or y < 0 or x + image.width > label.width or y + image.height > label.height then
    return nil, ("mask: %d x %d at %d, %d lies outside the picture of %d x %d"):format(image.width, image.height, x, y, label.width, label.height)
  end
  local full = core.image.new(label.width, label.height, 1, "u8", 0):paste(image, x, y)
  local rle = { size = { label.height, label.width }, counts = common.compress((core.index.runs(full))) }
  return rle, { x, y, image.width, image.height }
end

local KINDS = {}
-- Two opposite corners, or all four as some programs write them.
function KINDS.rectangle(object, p, _, label, report)
  if #p ~= 4 and #p ~= 8 then return ("2 points expected, got %d"):format(#p // 2) end
  local b = common.bounds { p }
  for k = 1, #p, 2 do
    local on_x, on_y = p[k] == b[1] or p[k] == b[1] + b[3], p[k + 1] == b[2] or p[k + 1] == b[2] + b[4]
    if not (on_x and on_y) and #p == 8 then
      object.quad = p
      return nil
    end
  end
  local box, why = common.box(report, b[1], b[2], b[3], b[4], label.width, label.height)
  object.box = box
  return why
end
function KINDS.polygon(object, p, _, label, report)
  local ring, why = common.ring(report, p, label.width, label.height)
  if not ring then return why end
  object.polygon = { parts = { ring }, holes = {} }
end
function KINDS.circle(object, p, _, label, report)
  if #p ~= 4 then return ("2 points expected, got %d"):format(#p // 2) end
  local ring, why = common.ring(report, circle(p), label.width, label.height)
  if not ring then return why end
  object.polygon = { parts = { ring }, holes = {} }
end
function KINDS.oriented_rectangle(object, p)
  if #p ~= 8 then return ("4 points expected, got %d"):format(#p // 2) end
  object.quad = p
end
KINDS.rotation = KINDS.oriented_rectangle
function KINDS.linestrip(object, p)
  if #p < 4 then return "2 points or more expected, got 1" end
  object.polyline = p
end
KINDS.line = KINDS.linestrip
function KINDS.points(object, p)
  object.keypoints = {}
  for k = 1, #p, 2 do table.move({ p[k], p[k + 1], 2 }, 1, 3, #object.keypoints + 1, object.keypoints) end
end
KINDS.point = KINDS.points
function KINDS.mask(object, p, shape, label)
  local rle, more = read_mask(shape, p, label)
  if not rle then return more end
  object.mask, object.box = rle, more
end

local function read_shape(shape, label, report)
  if type(shape) ~= "table" then return nil, "an object expected, got " .. common.show(shape) end
  if type(shape.label) ~= "string" then return nil, "label: a text expected, got " .. common.show(shape.label) end
  local kind = shape.shape_type
  if kind == nil or kind == null then kind = "polygon" end
  local read = KINDS[kind]
  if not read then return nil, "shape_type: polygon, rectangle, circle, line, linestrip, point or mask expected, got " .. common.show(kind) end
  local points, why = read_points(shape.points)
  if not points then return nil, why end
  local object = { class = shape.label, extra = common.unknown(shape, SHAPE_KEYS) }
  if type(shape.flags) == "table" then object.attributes = shape.flags end
  why = read(object, points, shape, label, report)
  if why then return nil, why end
  return common.seal(object, { shape_type = kind, points = shape.points, mask = shape.mask })
end

local Index = {}
Index.__index = Index

local function read_file(self, rel)
  local path = self.root .. "/" .. rel
  local text, message, code = core.file.read(path, 1 << 30)
  local doc
  if text then doc, message, code = json.decode((text:gsub("^\xEF\xBB\xBF", "")), path) end
  if doc ~= nil and (type(doc) ~= "table" or type(doc.shapes) ~= "table") then doc, message, code = nil, path .. ": an object with shapes expected", "refused" end
  return doc, message, code
end

-- The picture beside the file, else where imagePath says, else that in the file.
local function find_picture(self, rel)
  local stem = self.root .. "/" .. common.stem(rel)
  local path = common.find_picture(stem)
  if path then return path end
  local doc, message = read_file(self, rel)
  if not doc then return nil, nil, message end
  local name = type(doc.imagePath) == "string" and doc.imagePath:gsub("\\", "/") or doc.imagePath -- as written on Windows
  local why = common.refusal(name)
  local dir = common.folder(self.root .. "/" .. rel)
  if not why and common.is_file(dir .. "/" .. name) then return dir .. "/" .. name end
  if type(doc.imageData) == "string" then return nil, doc.imageData end
  return nil, nil, ("%s/%s: imagePath: %s: %s"):format(self.root, rel, common.show(doc.imagePath), why or "no such file, and no imageData")
end

function Index:label(rel)
  local path = self.root .. "/" .. rel
  local doc, message, code = read_file(self, rel)
  if not doc then
    self.report:fail(path, message, code)
    return nil
  end
  local label = { kind = "shapes", width = math.tointeger(doc.imageWidth), height = math.tointeger(doc.imageHeight), shapes = json.array {},
    extra = common.unknown(doc, LABEL_KEYS) or {}, meta = self.label_meta }
  if doc.imageWidth == nil and doc.imageHeight == nil or doc.imageWidth == null and doc.imageHeight == null then
    local picture = find_picture(self, rel)
    if picture then label.width, label.height = common.size(picture) end
  end
  if not (label.width and label.height and label.width > 0 and label.height > 0) then
    self.report:fail(path, path .. ": imageWidth, imageHeight: sizes in pixels expected")
    return nil
  end
  label.extra.imageData = type(doc.imageData) == "string" or nil
  for k, shape in ipairs(doc.shapes) do
    local object, why = read_shape(shape, label, self.report)
    if object then label.shapes[#label.shapes + 1] = object else self.report:fail(path, ("%s: shapes[%d]: %s"):format(path, k - 1, why)) end
  end
  return label
end

function Index:get(k)
  local rel = self.items[k]
  local path, data, why = find_picture(self, rel)
  local given = { path = path or self.root .. "/" .. rel, relative = path and path:sub(#self.root + 2) or rel, read_label = function() return self:label(rel) end }
  if path then
    given.load = function(sample)
      local label = sample.label
      local load = type(label) == "table" and common.sized_loader(label.width, label.height, rel)
      if load then return load(sample) end
      return core.image.load(path)
    end
  elseif data then
    given.load = function()
      local bytes, message, code = core.base64.decode(data)
      if not bytes then return nil, message, code end
      return core.image.decode(bytes, { name = rel })
    end
  else
    given.load = function() return nil, why, "refused" end
  end
  return given
end

local function classes(self)
  local seen = {}
  for _, rel in ipairs(self.items) do
    local doc = read_file(self, rel)
    for _, shape in ipairs(doc and doc.shapes or {}) do if type(shape) == "table" and type(shape.label) == "string" then seen[shape.label] = true end end
  end
  return common.sorted(seen)
end

function M.open(path)
  local info = core.file.info(path)
  local self = setmetatable({ report = common.report(), classes = classes, label_meta = {}, meta = { format = "labelme" } }, Index)
  if info.type == "file" then self.root, self.items = common.folder(path), { common.base(path) }
  else
    self.root = common.trim(path)
    self.items = {}
    for _, rel in ipairs((common.walk(self.root, function(name) return name:find "%.json$" ~= nil end, self.report))) do
      local at = self.root .. "/" .. rel
      if common.find_picture(common.stem(at)) or is_labelme(at) then self.items[#self.items + 1] = rel end
    end
  end
  self.count = #self.items
  return self
end

-- Writing ------------------------------------------------------------------------------------------------------------------

function M.place(name, split) return (split and split .. "/" or "") .. name end

local function pairs_of(list)
  local out = json.array {}
  for k = 1, #list, 2 do out[#out + 1] = json.array { list[k], list[k + 1] } end
  return out
end

local function mask_shape(object)
  local rle = common.rle(object.mask)
  local counts = common.counts(rle.counts)
  local box = common.runs_box(counts, rle.size[1])
  if not box then return nil end
  local full = core.index.paint(core.image.new(rle.size[2], rle.size[1], 1, "u8", 0), counts, 255)
  local png = full:crop(box[1], box[2], box[3], box[4]):encode "png"
  return "mask", { box[1], box[2], box[1] + box[3] - 1, box[2] + box[4] - 1 }, core.base64.encode(png)
end

-- shape_type, points and mask of an object: several where it has several parts.
local function shapes_of(object, label)
  local polygon = object.polygon
  if polygon and #(polygon.holes or {}) > 0 then
    local kind, points, mask = mask_shape { mask = common.polygon_rle(polygon, label.width, label.height) }
    return { { kind, points, mask } }
  end
  if polygon then
    local out = {}
    for k, ring in ipairs(polygon.parts) do out[k] = { "polygon", ring } end
    return out
  end
  if object.mask then return { { mask_shape(object) } } end
  if object.quad then return { { "oriented_rectangle", object.quad } } end
  if object.obb then return { { "oriented_rectangle", common.corners(object.obb) } } end
  if object.polyline then
    local lines, out = type(object.polyline[1]) == "table" and object.polyline or { object.polyline }, {}
    for k, line in ipairs(lines) do out[k] = { #line == 4 and "line" or "linestrip", line } end
    return out
  end
  if object.box then
    local b = object.box
    return { { "rectangle", { b[1], b[2], b[1] + b[3], b[2] + b[4] } } }
  end
  local points = {}
  for k = 1, #(object.keypoints or {}), 3 do
    if object.keypoints[k + 2] > 0 then points[#points + 1], points[#points + 2] = object.keypoints[k], object.keypoints[k + 1] end
  end
  return #points > 0 and { { #points == 2 and "point" or "points", points } } or {}
end

-- `whole`: LabelMe's own fields are added where they are missing.
local function write_shape(object, kind, points, mask, whole)
  local shape = { label = tostring(object.class or ""), shape_type = kind, points = points, flags = object.attributes or (whole and {} or nil) }
  for key, value in next, object.extra or {} do if not SHAPE_KEYS[key] then shape[key] = value end end
  if whole and shape.group_id == nil then shape.group_id = null end
  shape.mask = mask
  return shape
end

--- x.json beside the picture.
function M.files(record)
  local label, doc = record.label, {}
  if label ~= nil and not common.is_shapes(label) then return nil, "a label of shapes expected, got " .. common.show(label) end
  local extra = label and label.extra or {}
  for key, value in next, extra do if not LABEL_KEYS[key] then doc[key] = value end end
  doc.version, doc.flags = doc.version or "5.4.1", doc.flags or {}
  doc.imagePath, doc.imageWidth, doc.imageHeight = common.base(record.name), record.width, record.height
  doc.imageData = extra.imageData and record.bytes and core.base64.encode(record.bytes) or null
  doc.shapes = json.array {}
  for _, object in ipairs(common.objects(label)) do
    local facts = common.sealed(object)
    if facts.shape_type then table.insert(doc.shapes, write_shape(object, facts.shape_type, facts.points, facts.mask))
    else
      for _, s in ipairs(shapes_of(object, label)) do
        if s[1] then table.insert(doc.shapes, write_shape(object, s[1], pairs_of(s[2]), s[3], true)) end
      end
    end
  end
  return { { common.stem(record.name) .. ".json", json.encode(doc, { indent = 2 }) .. "\n" } }
end

return M
