--- The shapes of CVAT XML: box, polygon, polyline, points, ellipse, mask and skeleton elements as objects.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local json = core.json

local M = {}

local ELLIPSE = 64
local USED = { label = true, xtl = true, ytl = true, xbr = true, ybr = true, points = true, rotation = true, rle = true, left = true, top = true,
  width = true, height = true, cx = true, cy = true, rx = true, ry = true, outside = true, frame = true }

local function number(node, name)
  local v = common.number(node.attributes[name])
  if not v then return nil, ("%s: a number expected, got %s"):format(name, common.show(node.attributes[name])) end
  return v
end

local function read_numbers(node, ...)
  local out = {}
  for k, name in ipairs { ... } do
    local why
    out[k], why = number(node, name)
    if not out[k] then return nil, why end
  end
  return out
end

local function read_points(node)
  local text, out = node.attributes.points, {}
  if not text then return nil, "points: x,y;x,y expected, got nothing" end
  for pair in text:gmatch "[^;]+" do
    local x, y = pair:match "^%s*([^,]+),([^,]+)%s*$"
    x, y = common.number(x), common.number(y)
    if not x or not y then return nil, "points: x,y expected, got " .. common.show(pair) end
    out[#out + 1], out[#out + 2] = x, y
  end
  return out
end

local READ = {}

function READ.box(object, node, label, report)
  local v, why = read_numbers(node, "xtl", "ytl", "xbr", "ybr")
  if not v then return why end
  local turn = node.attributes.rotation and number(node, "rotation") or 0
  if turn ~= 0 then
    object.obb = { (v[1] + v[3]) / 2, (v[2] + v[4]) / 2, v[3] - v[1], v[4] - v[2], turn }
    return nil
  end
  object.box, why = common.box(report, v[1], v[2], v[3] - v[1], v[4] - v[2], label.width, label.height)
  return why
end

function READ.polygon(object, node, label, report)
  local points, why = read_points(node)
  if not points then return why end
  local ring
  ring, why = common.ring(report, points, label.width, label.height)
  if not ring then return why end
  object.polygon = { parts = { ring }, holes = {} }
end

function READ.polyline(object, node)
  local points, why = read_points(node)
  if not points then return why end
  if #points < 4 then return "points: two or more expected" end
  object.polyline = points
end

function READ.points(object, node)
  local points, why = read_points(node)
  if not points then return why end
  object.keypoints = {}
  local v = node.attributes.occluded == "1" and 1 or 2
  for k = 1, #points, 2 do table.move({ points[k], points[k + 1], v }, 1, 3, #object.keypoints + 1, object.keypoints) end
end

function READ.ellipse(object, node, label, report)
  local v, why = read_numbers(node, "cx", "cy", "rx", "ry")
  if not v then return why end
  local turn = (node.attributes.rotation and number(node, "rotation") or 0) * core.math.pi / 180
  local c, s, ring = core.math.cos(turn), core.math.sin(turn), {}
  for k = 0, ELLIPSE - 1 do
    local a = 2 * core.math.pi * k / ELLIPSE
    local dx, dy = v[3] * core.math.cos(a), v[4] * core.math.sin(a)
    ring[#ring + 1], ring[#ring + 2] = v[1] + dx * c - dy * s, v[2] + dx * s + dy * c
  end
  ring, why = common.ring(report, ring, label.width, label.height)
  if not ring then return why end
  object.polygon = { parts = { ring }, holes = {} }
end

-- Runs row by row within a box, first without; here as a mask of the whole picture.
function READ.mask(object, node, label)
  local v, why = read_numbers(node, "left", "top", "width", "height")
  if not v then return why end
  local x, y, w, h = math.tointeger(v[1]), math.tointeger(v[2]), math.tointeger(v[3]), math.tointeger(v[4])
  if not (x and y and w and h and x >= 0 and y >= 0 and w > 0 and h > 0 and x + w <= label.width and y + h <= label.height) then
    return "mask: its box lies outside the picture"
  end
  local bytes, total, on = {}, 0, false
  for text in (node.attributes.rle or ""):gmatch "[^,%s]+" do
    local n = math.tointeger(common.number(text))
    if not n or n < 0 or total + n > w * h then return ("rle: runs that fill %d x %d expected"):format(w, h) end
    bytes[#bytes + 1] = (on and "\1" or "\0"):rep(n)
    total, on = total + n, not on
  end
  if total ~= w * h then return ("rle: the runs add up to %d, %d x %d = %d expected"):format(total, w, h, w * h) end
  local part = core.image.from_bytes(w, h, 1, "u8", table.concat(bytes))
  local full = core.image.new(label.width, label.height, 1, "u8", 0):paste(part, x, y)
  object.mask = { size = { label.height, label.width }, counts = common.compress((core.index.runs(full))) }
  object.box = { x, y, w, h }
end

-- A skeleton's points in the order of the labels named in the file's head, here in that of the element.
function READ.skeleton(object, node)
  object.keypoints, object.extra.keypoint_names = {}, json.array {}
  for _, c in ipairs(node) do
    if c.tag == "points" then
      local points, why = read_points(c)
      if not points then return why end
      local v = c.attributes.outside == "1" and 0 or c.attributes.occluded == "1" and 1 or 2
      table.move({ points[1], points[2], v }, 1, 3, #object.keypoints + 1, object.keypoints)
      table.insert(object.extra.keypoint_names, c.attributes.label or "")
    end
  end
  if #object.keypoints == 0 then return "points: one or more expected" end
end

local function read_attributes(node)
  local out
  for _, c in ipairs(node) do
    if c.tag == "attribute" and c.attributes.name then
      out = out or {}
      out[c.attributes.name] = c.text or ""
    end
  end
  return out
end

--- An element as an object; nil and what is wrong.
function M.read(node, label, report)
  local read = READ[node.tag]
  if not read then return nil, ("%s: box, polygon, polyline, points, ellipse, mask, skeleton or tag expected"):format(node.tag) end
  if not node.attributes.label then return nil, "label: missing" end
  local object = { class = node.attributes.label, attributes = read_attributes(node), extra = {} }
  for key, value in next, node.attributes do if not USED[key] then object.extra[key] = math.tointeger(tonumber(value)) or value end end
  local why = read(object, node, label, report)
  if why then return nil, why end
  return object
end

return M
