--- CVAT XML 1.1 "for images" (docs.cvat.ai/docs/manual/advanced/xml_format): read only. The file is indexed; each image's
-- element is read when its label is asked for.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local json = core.json

local M = { name = "cvat", doc = "CVAT XML for images (read only)" }

local ELLIPSE = 64
local USED = { label = true, xtl = true, ytl = true, xbr = true, ybr = true, points = true, rotation = true, rle = true, left = true, top = true,
  width = true, height = true, cx = true, cy = true, rx = true, ry = true, outside = true }

local function is_cvat(path)
  local f = path:find "%.xml$" and io.open(path, "rb")
  if not f then return false end
  local head = f:read(4096) or ""
  f:close()
  return head:find "<annotations[%s>]" ~= nil
end

local function file_in(dir)
  for _, name in ipairs { "annotations.xml", "annotations/default.xml" } do
    if is_cvat(dir .. "/" .. name) then return dir .. "/" .. name end
  end
  for _, name in ipairs(core.file.list(dir) or {}) do if is_cvat(dir .. "/" .. name) then return dir .. "/" .. name end end
end

function M.detect(path, info)
  if info.type == "file" then return is_cvat(path) end
  return file_in(common.trim(path)) ~= nil
end

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

local function read_shape(node, label, report)
  local read = READ[node.tag]
  if not read then return nil, ("%s: box, polygon, polyline, points, ellipse, mask, skeleton or tag expected"):format(node.tag) end
  if not node.attributes.label then return nil, "label: missing" end
  local object = { class = node.attributes.label, attributes = read_attributes(node), extra = {} }
  for key, value in next, node.attributes do if not USED[key] then object.extra[key] = math.tointeger(tonumber(value)) or value end end
  local why = read(object, node, label, report)
  if why then return nil, why end
  return object
end

local Index = {}
Index.__index = Index

-- The element at its place in the file. One without content has no end noted: up to the bracket outside quotes.
function Index:element(k)
  local first, last = self.places[3 * k - 2], self.places[3 * k - 1]
  self.handle:seek("set", first)
  local text
  if last >= 0 then text = self.handle:read(last - first)
  else
    text = ""
    repeat
      local more = self.handle:read(4096)
      text = text .. (more or "")
      local bare = text:gsub("%b\"\"", function(s) return ("_"):rep(#s) end):gsub("%b''", function(s) return ("_"):rep(#s) end)
      local close = bare:find(">", 1, true)
      if close then text = text:sub(1, close) end
    until close or not more
  end
  return core.xml.parse(self.prolog .. (text or ""), self.file)
end

function Index:label(k, report)
  local node, message, code = self:element(k)
  local where = ("%s: image %d"):format(self.file, k - 1)
  if not node then
    report:fail(self.file, ("%s: %s"):format(where, message), code)
    return nil
  end
  local a = node.attributes
  where = ("%s: image %s (%s)"):format(self.file, a.id or k - 1, a.name or "?")
  local width, height = math.tointeger(common.number(a.width)), math.tointeger(common.number(a.height))
  if not (width and height and width > 0 and height > 0) then
    report:fail(self.file, where .. ": width, height: sizes in pixels expected")
    return nil
  end
  local label = { kind = "shapes", width = width, height = height, shapes = json.array {}, id = math.tointeger(common.number(a.id)), meta = self.label_meta }
  label.extra = common.unknown(a, { name = true, width = true, height = true, id = true })
  local n = 0
  for _, c in ipairs(node) do
    if c.tag == "tag" and c.attributes.label then
      label.classes = label.classes or json.array {}
      table.insert(label.classes, c.attributes.label)
    elseif c.tag ~= "attribute" then
      local object, why = read_shape(c, label, report)
      if object then label.shapes[#label.shapes + 1] = object
      else report:fail(self.file, ("%s: %s[%d]: %s"):format(where, c.tag, n, why)) end
      n = n + 1
    end
  end
  return label
end

function Index:get(k)
  local node, message = self:element(k)
  local name = node and node.attributes.name
  local why = message or common.refusal(name)
  if why then
    why = ("%s: image %d: name: %s"):format(self.file, k - 1, why)
    return { path = self.file, name = ("image %d"):format(k - 1), load = function() return nil, why, "refused" end,
      read_label = function() self.report:fail(self.file, why) end }
  end
  local path = self.root .. "/" .. name
  if not common.is_file(path) and common.is_file(self.root .. "/images/" .. name) then path = self.root .. "/images/" .. name end
  local a = node.attributes
  return { path = path, relative = name, name = common.base(name), split = a.subset, read_label = function() return self:label(k, self.report) end,
    load = common.sized_loader(math.tointeger(common.number(a.width)), math.tointeger(common.number(a.height)), self.file) }
end

local function unescape(text)
  return (text:gsub("&(%w+);", { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'" }))
end

-- Class names in the file's head.
local function head_classes(head)
  local out, seen = {}, {}
  for body in head:gmatch "<label>(.-)</label>" do
    local name = body:match "<name>(.-)</name>"
    name = name and unescape(name)
    if name and not seen[name] then
      seen[name] = true
      out[#out + 1] = name
    end
  end
  return out
end

--- opts: images (folder of the pictures; else that of the file).
function M.open(path, opts)
  local info = core.file.info(path)
  local file = info.type == "file" and path or file_in(common.trim(path))
  if not file then return nil, path .. ": no CVAT XML file in it", "unsupported" end
  local places, message, code = core.xml.index(file, "image")
  if not places then return nil, message, code end
  local handle
  handle, message = io.open(file, "rb")
  if not handle then return nil, message, "io" end
  local head = handle:read(math.min(places[1] or 1 << 20, 1 << 26)) or ""
  if not head:find "<annotations[%s>]" then return nil, file .. ": an element annotations expected", "refused" end
  local encoding = head:match "^[\xEF\xBB\xBF]*<%?xml[^>]-encoding%s*=%s*[\"']([%w%-_]+)[\"']"
  local classes = head_classes(head)
  return setmetatable({ places = places, count = #places // 3, handle = handle, file = file, report = common.report(), classes = classes,
    prolog = encoding and ('<?xml version="1.0" encoding="%s"?>'):format(encoding) or "", label_meta = { class_names = json.array(classes) },
    root = opts.images and common.trim(opts.images) or common.folder(file), meta = { format = "cvat", label = { class_names = json.array(classes) } } }, Index)
end

return M
