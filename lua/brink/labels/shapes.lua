--- The canonical label: what the readers of every format make and what moves
-- with the pixels.
--
--   { kind = "shapes", width =, height =,
--     shapes = { object, ... },   -- see below
--     segmentation = Image,       -- semantic mask, one value per class
--     heatmaps = { Image, ... },  -- f32
--     class =, classes =, value =,-- of the whole picture
--     meta = { class_names =, keypoint_names =, skeleton = { {1, 2}, ... }, flip_pairs = { {1, 2}, ... } },
--     extra = }                   -- unknown fields, untouched
--   object = { class =, id =, crowd =, box = { x, y, w, h }, obb = { cx, cy, w, h, angle }, quad = { 8 numbers },
--     polygon = { parts =, holes = }, polyline = { x, y, ... } (or a list of such, after a cut), keypoints = { x, y, v, ... },
--     mask = { size =, counts = } or an Image, attributes =, extra =, visibility = }
--
-- Pixels, continuous: pixel (x, y) covers [x, x+1) x [y, y+1). Angles in degrees, clockwise on the screen. v: 0 not there,
-- 1 covered, 2 visible. flip_pairs, skeleton and class_names count from 1.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

local M = {}

--- Is it a label in canonical form?
function M.is(label) return type(label) == "table" and label.kind == "shapes" end

--- A new label for a w x h picture.
function M.new(w, h, objects)
  return { kind = "shapes", width = w, height = h, shapes = objects or {} }
end

--- Four corners of a box, clockwise from the top left.
function M.box_outline(b) return { b[1], b[2], b[1] + b[3], b[2], b[1] + b[3], b[2] + b[4], b[1], b[2] + b[4] } end

local function direction(degrees)
  local quarter = { [0] = { 1, 0 }, [90] = { 0, 1 }, [180] = { -1, 0 }, [270] = { 0, -1 } }
  local exact = quarter[degrees % 360]
  if exact then return exact[1], exact[2] end
  local t = degrees * core.math.pi / 180
  return core.math.cos(t), core.math.sin(t)
end

--- Four corners of an oriented box { cx, cy, w, h, angle }, clockwise from the corner that is its top left at angle 0.
function M.obb_outline(o)
  local c, s = direction(o[5])
  local ux, uy, vx, vy = c * o[3] / 2, s * o[3] / 2, -s * o[4] / 2, c * o[4] / 2
  return { o[1] - ux - vx, o[2] - uy - vy, o[1] + ux - vx, o[2] + uy - vy, o[1] + ux + vx, o[2] + uy + vy, o[1] - ux + vx, o[2] - uy + vy }
end

--- Points of the ellipse inside a box, the four that touch it among them.
function M.ellipse_outline(b)
  local out, cx, cy = {}, b[1] + b[3] / 2, b[2] + b[4] / 2
  for k = 0, 63 do
    local c, s = direction(k * 360 / 64)
    out[2 * k + 1], out[2 * k + 2] = cx + c * b[3] / 2, cy + s * b[4] / 2
  end
  return out
end

--- The mask of an object as a u8 image (0 and 1): decodes run lengths. nil, message, code when they do not fit.
function M.mask_image(mask)
  if type(mask) == "userdata" then return mask end
  if mask.image then return mask.image end
  return core.shapes.rle_mask(mask.rle or mask)
end

--- A mask image in the form `like` has: an image, or run lengths as text or list.
function M.mask_like(image, like)
  if type(like) == "userdata" then return image end
  if like.image then return { image = image } end
  local given = like.rle or like
  local rle, message, code = core.shapes.mask_rle(image, type(given.counts) == "table" and "list" or "text")
  if not rle then return nil, message, code end
  return like.rle and { rle = rle } or rle
end

--- Lists of x, y of a polyline: one, or the pieces a cut left.
function M.lines(polyline)
  return type(polyline[1]) == "table" and polyline or { polyline }
end

--- The region an object covers as a polygon, and where it comes from: "polygon", "mask", "quad", "obb" or "box"; nil for
-- objects of points and lines only; nil, nil, message for a damaged mask.
function M.region(object)
  if object.polygon then return object.polygon, "polygon" end
  if object.mask then
    local image, message = M.mask_image(object.mask)
    if not image then return nil, nil, message end
    local outline
    outline, message = core.shapes.mask_polygon(image)
    if message then return nil, nil, message end
    return outline or { parts = {}, holes = {} }, "mask"
  end
  if object.quad then return { parts = { object.quad }, holes = {} }, "quad" end
  if object.obb then return { parts = { M.obb_outline(object.obb) }, holes = {} }, "obb" end
  if object.box then return { parts = { M.box_outline(object.box) }, holes = {} }, "box" end
end

--- The box { x, y, w, h } around an object: its own, else around what it has; nil for nothing.
function M.box_of(object)
  if object.box then return object.box end
  local region = M.region(object)
  if region then
    local x, y, w, h = core.shapes.bounds(region)
    return x and { x, y, w, h }
  end
  local points = {}
  for _, line in ipairs(object.polyline and M.lines(object.polyline) or {}) do table.move(line, 1, #line, #points + 1, points) end
  for k = 1, #(object.keypoints or {}), 3 do
    if object.keypoints[k + 2] > 0 then points[#points + 1], points[#points + 2] = object.keypoints[k], object.keypoints[k + 1] end
  end
  if #points == 0 then return nil end
  local x, y, w, h = core.shapes.bounds(points)
  return { x, y, w, h }
end

--- The label as plain data (for a manifest line): mask images become run lengths, semantic masks and heat maps are left to
-- files of their own and stand as { width, height, hash }. opts.pixels: they come along as { png = base64 } instead, and
-- M.revive makes pictures of them again.
function M.record(label, opts)
  local function plain(value)
    if type(value) == "userdata" and value ~= core.json.null then
      if opts and opts.pixels then return { png = core.base64.encode(assert(value:encode "png")), type = value.type } end
      return { width = value.width, height = value.height, hash = value:hash() }
    end
    if type(value) ~= "table" then return value end
    local out = setmetatable({}, getmetatable(value))
    for key, v in pairs(value) do out[key] = plain(v) end
    return out
  end
  local out = {}
  for key, value in pairs(label) do if key ~= "shapes" then out[key] = plain(value) end end
  local objects = {}
  for k, object in ipairs(label.shapes or {}) do
    local o = {}
    for key, value in pairs(object) do o[key] = key == "mask" and value or plain(value) end
    if o.mask then
      local image = type(o.mask) == "userdata" and o.mask or o.mask.image
      o.mask = image and assert(core.shapes.mask_rle(image)) or plain(o.mask)
    end
    objects[k] = o
  end
  out.shapes = core.json.array(objects)
  return out
end

--- A label recorded with its pixels, read back: every { png = ... } is a picture again.
function M.revive(value)
  if type(value) ~= "table" then return value end
  if type(value.png) == "string" and type(value.type) == "string" then
    return assert(core.image.decode(assert(core.base64.decode(value.png)), { type = value.type }))
  end
  for key, v in pairs(value) do value[key] = M.revive(v) end
  return value
end

return M
