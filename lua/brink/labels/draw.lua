--- Labels on pictures, for reports, previews and contact sheets: regions tinted,
-- outlines, points with their skeleton, names. One colour per class.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local shapes = require "brink.labels.shapes"

local M = {}

-- distinct on photographs, also for people who confuse red and green (after Okabe & Ito 2008)
local PALETTE = { { 230, 159, 0 }, { 86, 180, 233 }, { 0, 200, 140 }, { 240, 228, 66 }, { 0, 114, 220 }, { 230, 94, 20 }, { 220, 120, 190 }, { 255, 255, 255 } }
local DARK = { 20, 20, 20 }

--- Stable for a class whatever else is in the picture.
local function colour_of(class)
  if math.type(class) == "integer" then return PALETTE[class % #PALETTE + 1] end
  local sum = 0
  for k = 1, #tostring(class) do sum = (sum * 31 + tostring(class):byte(k)) % 65521 end
  return PALETTE[sum % #PALETTE + 1]
end

local function add_region(list, object, colour, width)
  local region, from = shapes.region(object)
  if not region or from == "box" then return end
  local rings = {}
  for _, ring in ipairs(region.parts or {}) do rings[#rings + 1] = ring end
  for _, ring in ipairs(region.holes or {}) do rings[#rings + 1] = ring end
  if from == "polygon" or from == "mask" then list[#list + 1] = { "polygon", rings = rings, colour = colour, opacity = 0.35 } end
  for _, ring in ipairs(rings) do list[#list + 1] = { "line", points = ring, closed = true, width = width, colour = colour } end
end

local function add_keypoints(list, points, skeleton, colour, width)
  for _, bone in ipairs(skeleton or {}) do
    local a, b = 3 * bone[1] - 2, 3 * bone[2] - 2
    if (points[a + 2] or 0) > 0 and (points[b + 2] or 0) > 0 then
      list[#list + 1] = { "line", points = { points[a], points[a + 1], points[b], points[b + 1] }, width = width, colour = colour }
    end
  end
  for k = 1, #points - 2, 3 do
    local x, y, v = points[k], points[k + 1], points[k + 2]
    if v > 0 then
      list[#list + 1] = { "disc", x = x, y = y, radius = 2 * width, colour = DARK }
      list[#list + 1] = { "disc", x = x, y = y, radius = 1.4 * width, colour = v > 1 and colour or { 128, 128, 128 } }
    end
  end
end

--- ASCII for the stroke font: any other character of UTF-8 becomes one "?".
local function ascii(text) return (text:gsub("[\xC0-\xFF][\x80-\xBF]*", "?"):gsub("[^\x20-\x7E]", "?")) end

local function add_name(list, object, text, colour, size, image)
  local box = shapes.box_of(object)
  if not box or text == "" then return end
  text = ascii(text)
  local w, pad = core.draw.text_width(text, size), size * 0.35
  local x = math.max(0, math.min(box[1], image.width - w - 2 * pad))
  local y = math.max(0, box[2] - size - 2 * pad)
  list[#list + 1] = { "box", x = x, y = y, w = w + 2 * pad, h = size + 2 * pad, colour = colour, opacity = 0.85 }
  list[#list + 1] = { "text", text = text, x = x + pad, y = y + pad, size = size, colour = DARK }
end

--- The picture as u8 RGB with the label on it: a new image.
-- opts: names (true), width of lines in pixels (by size), colour = { r, g, b } for all (truth against prediction).
function M.shapes(image, label, opts)
  opts = opts or {}
  local canvas = image
  if canvas.type ~= "u8" then canvas = canvas:convert { type = "u8" } end
  if canvas.channels ~= 3 or canvas.alpha then canvas = canvas:convert { channels = 3, alpha = false } end
  local short, list, meta = math.min(image.width, image.height), {}, label.meta or {}
  local width = opts.width or math.max(1, short / 200)
  local size = math.max(7, math.min(18, short / 28))
  local names = meta.class_names or {}
  for _, object in ipairs(label.shapes or {}) do
    local colour = opts.colour or colour_of(object.class)
    add_region(list, object, colour, width)
    if object.box then
      local b = object.box
      list[#list + 1] = { "box", x = b[1], y = b[2], w = b[3], h = b[4], width = width, colour = colour }
    end
    for _, line in ipairs(object.polyline and shapes.lines(object.polyline) or {}) do
      list[#list + 1] = { "line", points = line, width = width, colour = colour }
    end
    if object.keypoints then add_keypoints(list, object.keypoints, meta.skeleton, colour, width) end
  end
  if opts.names ~= false then
    for _, object in ipairs(label.shapes or {}) do
      local name = names[object.class] or object.class
      add_name(list, object, name == nil and "" or tostring(name), opts.colour or colour_of(object.class), size, image)
    end
  end
  return assert(canvas:draw(list))
end

return M
