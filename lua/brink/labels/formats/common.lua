--- What the label formats share: checks of coordinates and names, places of label files, and remembering how something was
-- written for as long as its geometry stays.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

local M = {}

--- File name endings that ask to be read as a picture.
M.PICTURE = { png = true, jpg = true, jpeg = true, jpe = true, jfif = true, bmp = true, gif = true, tif = true, tiff = true, webp = true,
  ppm = true, pgm = true, pbm = true, avif = true, heic = true, jxl = true, jp2 = true }
local ENDINGS = { "jpg", "png", "jpeg", "JPG", "PNG", "JPEG", "bmp", "webp", "tif", "tiff", "gif", "ppm", "pgm" }

function M.is_picture(name) return M.PICTURE[(name:match "%.(%w+)$" or ""):lower()] or false end
function M.stem(name) return (name:gsub("(.)%.[^./]*$", "%1")) end
function M.base(path) return path:match "[^/]*$" end
function M.folder(path) return path:match "^(.*)/[^/]*$" or "." end
function M.trim(path) return (path:gsub("(.)/+$", "%1")) end
function M.join(dir, rel) return dir == "." and rel or dir .. "/" .. rel end

function M.type_of(path)
  local info = core.file.info(path)
  return info and info.type or "missing"
end
function M.is_file(path) return M.type_of(path) == "file" end
function M.is_dir(path) return M.type_of(path) == "dir" end

--- Why a path in a label file cannot be followed, nil when it stays inside its folder.
function M.refusal(path)
  if type(path) ~= "string" then return "a file name expected, got a " .. type(path) end
  if path == "" then return "a file name expected, got \"\"" end
  if path:find "%z" then return "a NUL in the name" end
  if path:sub(1, 1) == "/" then return "an absolute path is refused, one inside the data set expected" end
  if not path:find("..", 1, true) then return nil end
  for part in (path .. "/"):gmatch "(.-)/" do
    if part == ".." then return "a path with \"..\" is refused, one inside the data set expected" end
  end
end

function M.finite(v) return type(v) == "number" and v == v and v ~= math.huge and v ~= -math.huge end

--- A value in a few words, for messages.
function M.show(v)
  if type(v) == "string" then return ("%q"):format(#v > 60 and v:sub(1, 60) .. "..." or v):gsub("\\\n", "\\n") end
  if v == core.json.null then return "null" end
  if type(v) == "table" then return core.json.is_array(v) and "a list" or "an object" end
  return v == nil and "nothing" or tostring(v)
end

--- A list of n (nil: any number of) finite numbers, or nil and what is wrong.
function M.numbers(list, n)
  if type(list) ~= "table" then return nil, ("%s numbers expected, got %s"):format(n or "a list of", M.show(list)) end
  if n and #list ~= n then return nil, ("%d numbers expected, got %d"):format(n, #list) end
  for k = 1, #list do
    if not M.finite(list[k]) then return nil, ("a finite number expected at [%d], got %s"):format(k - 1, M.show(list[k])) end
  end
  return list
end

-- A text as a finite number: digits with a point, nothing else tonumber would take (hex, nan, spaces).
function M.number(text)
  if type(text) ~= "string" or not text:find "^[+-]?[%d.]+[eE]?[+-]?%d*$" then return nil end
  local v = tonumber(text)
  return M.finite(v) and v or nil
end

--- What went wrong or was changed while reading. `failures`: entries lost (the first LIMIT of them; `lost` counts all);
-- `clipped`: coordinates set back to the frame. A label that is read again does not fail twice.
M.LIMIT = 10000
local Report = {}
Report.__index = Report
function M.report() return setmetatable({ failures = {}, lost = 0, clipped = 0, told = {} }, Report) end
function Report:fail(path, reason, code)
  if self.told[reason] then return end
  self.lost = self.lost + 1
  if #self.failures < M.LIMIT then
    self.told[reason] = true     self.failures[#self.failures + 1] = { path = path, reason = reason, code = code or "refused" }
  end
end

--- A box x, y, w, h within a frame of width x height (0 or nil: unknown): what sticks out is cut off and counted.
-- Returns the box, or nil and the reason. slack: how far outside its edges may begin, in pixels.
function M.box(report, x, y, w, h, width, height)
  if not (M.finite(x) and M.finite(y) and M.finite(w) and M.finite(h)) then return nil, "finite numbers expected" end
  if w < 0 or h < 0 then return nil, ("%g x %g, width and height from 0 expected"):format(w, h) end
  if not width or width <= 0 or not height or height <= 0 then return { x, y, w, h } end
  local x1, y1 = x + w, y + h
  if x >= 0 and y >= 0 and x1 <= width and y1 <= height then return { x, y, w, h } end
  local sx, sy = 1e-3 * width, 1e-3 * height
  if x1 < -sx or y1 < -sy or x > width + sx or y > height + sy or (w > 0 and (x1 <= 0 or x >= width)) or (h > 0 and (y1 <= 0 or y >= height)) then
    return nil, ("box %g, %g, %g, %g lies outside the picture of %d x %d"):format(x, y, w, h, width, height)
  end
  report.clipped = report.clipped + 1
  local cx, cy = math.min(math.max(x, 0), width), math.min(math.max(y, 0), height)
  local cx1, cy1 = math.min(math.max(x1, 0), width), math.min(math.max(y1, 0), height)
  -- a side that stayed keeps its number
  local cw = (cx == x and cx1 == x1) and w or cx1 - cx
  local ch = (cy == y and cy1 == y1) and h or cy1 - cy
  return { cx, cy, cw, ch }
end

local function crossing(ax, ay, bx, by, axis, at)
  if axis == 1 then return at, ay + (by - ay) * (at - ax) / (bx - ax) end
  return ax + (bx - ax) * (at - ay) / (by - ay), at
end

-- The part of a ring on one side of a line along an axis (Sutherland and Hodgman 1974).
local function clip_side(ring, axis, at, keep_above)
  local out, n = {}, #ring
  local px, py = ring[n - 1], ring[n]
  for k = 1, n, 2 do
    local x, y = ring[k], ring[k + 1]
    local p, v = axis == 1 and px or py, axis == 1 and x or y
    local was, is = (keep_above and p >= at) or (not keep_above and p <= at), (keep_above and v >= at) or (not keep_above and v <= at)
    if was ~= is then
      local cx, cy = crossing(px, py, x, y, axis, at)
      out[#out + 1], out[#out + 2] = cx, cy
    end
    if is then out[#out + 1], out[#out + 2] = x, y end
    px, py = x, y
  end
  return out
end

local function inside(ring, width, height)
  for k = 1, #ring, 2 do
    if ring[k] < 0 or ring[k + 1] < 0 or ring[k] > width or ring[k + 1] > height then return false end
  end
  return true
end

--- A ring { x, y, ... } within the frame; what sticks out is cut off and counted. Returns the ring, or nil and the reason.
function M.ring(report, ring, width, height)
  local ok, why = M.numbers(ring)
  if not ok then return nil, why end
  if #ring % 2 ~= 0 then return nil, ("pairs x, y expected, got %d numbers"):format(#ring) end
  if #ring < 6 then return nil, ("3 points or more expected, got %d"):format(#ring // 2) end
  if not width or width <= 0 or not height or height <= 0 or inside(ring, width, height) then return ring end
  local cut = clip_side(clip_side(ring, 1, 0, true), 1, width, false)
  if #cut >= 6 then cut = clip_side(clip_side(cut, 2, 0, true), 2, height, false) end
  if #cut < 6 then return nil, ("polygon lies outside the picture of %d x %d"):format(width, height) end
  report.clipped = report.clipped + 1
  return cut
end

--- Area of a ring, in square pixels (shoelace), from 0.
function M.area(ring)
  local sum, n = 0, #ring
  local px, py = ring[n - 1], ring[n]
  for k = 1, n, 2 do
    sum = sum + px * ring[k + 1] - ring[k] * py
    px, py = ring[k], ring[k + 1]
  end
  return math.abs(sum) / 2
end

--- Box x, y, w, h around rings, nil for none.
function M.bounds(rings)
  local x0, y0, x1, y1 = math.huge, math.huge, -math.huge, -math.huge
  for _, ring in ipairs(rings) do
    for k = 1, #ring - 1, 2 do
      x0, y0 = math.min(x0, ring[k]), math.min(y0, ring[k + 1])
      x1, y1 = math.max(x1, ring[k]), math.max(y1, ring[k + 1])
    end
  end
  if x1 < x0 then return nil end
  return { x0, y0, x1 - x0, y1 - y0 }
end

--- Corners of an oriented box { cx, cy, w, h, degrees, clockwise on the screen }, beginning at its own upper left.
function M.corners(obb)
  local a = obb[5] * (core.math.pi / 180)
  local c, s = core.math.cos(a), core.math.sin(a)
  local out = {}
  for _, sign in ipairs { { -1, -1 }, { 1, -1 }, { 1, 1 }, { -1, 1 } } do
    local dx, dy = sign[1] * obb[3] / 2, sign[2] * obb[4] / 2
    out[#out + 1], out[#out + 2] = obb[1] + dx * c - dy * s, obb[2] + dx * s + dy * c
  end
  return out
end

--- The box x, y, w, h of an object: its own, else around what it has; nil when it has nothing.
function M.box_of(object)
  if object.box then return object.box end
  if object.polygon then return M.bounds(object.polygon.parts) end
  if object.quad then return M.bounds { object.quad } end
  if object.obb then return M.bounds { M.corners(object.obb) } end
  if object.polyline then return M.bounds(type(object.polyline[1]) == "table" and object.polyline or { object.polyline }) end
  if object.mask then
    local rle = M.rle(object.mask)
    return M.runs_box(M.counts(rle.counts), rle.size[1])
  end
  if object.keypoints then
    local seen = {}
    for k = 1, #object.keypoints, 3 do
      if object.keypoints[k + 2] > 0 then seen[#seen + 1], seen[#seen + 2] = object.keypoints[k], object.keypoints[k + 1] end
    end
    return #seen > 0 and M.bounds { seen } or nil
  end
end

--- The run lengths of counts as COCO writes them: a list as it is, a text decoded. nil and the reason when malformed.
function M.counts(counts)
  if type(counts) == "table" then
    for k = 1, #counts do
      if math.type(counts[k]) ~= "integer" or counts[k] < 0 then return nil, ("counts: an integer from 0 expected at [%d], got %s"):format(k - 1, M.show(counts[k])) end
    end
    return counts
  end
  if type(counts) ~= "string" then return nil, "counts: a text or a list expected, got " .. M.show(counts) end
  local out, value, shift = {}, 0, 0
  for k = 1, #counts do
    local c = counts:byte(k) - 48
    if c < 0 or c > 63 or shift > 50 then return nil, ("counts: character %d, %q, is none of a run length"):format(k, counts:sub(k, k)) end
    value = value | (c & 31) << shift
    shift = shift + 5
    if c & 32 == 0 then
      if c & 16 ~= 0 then value = value - (1 << shift) end
      if #out > 2 then value = value + out[#out - 1] end
      if value < 0 then return nil, ("counts: run %d is negative"):format(#out) end
      out[#out + 1], value, shift = value, 0, 0
    end
  end
  if shift > 0 then return nil, "counts: ends inside a number" end
  return out
end

--- Run lengths as COCO's compressed text.
function M.compress(counts)
  local out = {}
  for k, v in ipairs(counts) do
    if k > 3 then v = v - counts[k - 2] end
    local more = true
    while more do
      local c = v & 31
      v = v // 32
      if c & 16 ~= 0 then more = v ~= -1 else more = v ~= 0 end
      out[#out + 1] = string.char(48 + (more and c | 32 or c))
    end
  end
  return table.concat(out)
end

--- The run lengths { size = { h, w }, counts } of a mask in whichever of its forms.
function M.rle(mask)
  if type(mask) == "table" and mask.counts then return mask end
  if type(mask) == "table" and mask.rle then return mask.rle end
  local im = type(mask) == "userdata" and mask or mask.image
  local grey = (im.channels == 1 and im.type == "u8") and im or im:convert { channels = 1, type = "u8", alpha = false }
  return { size = { im.height, im.width }, counts = M.compress((core.index.runs(grey))) }
end

--- A polygon with holes, in pixels, as run lengths.
function M.polygon_rle(polygon, width, height)
  return M.rle(core.shapes.polygon_mask(polygon, width, height))
end

--- Pixels that are set.
function M.runs_area(counts)
  local sum = 0
  for k = 2, #counts, 2 do sum = sum + counts[k] end
  return sum
end

--- Box around the pixels that are set, columns of `height`; nil for none.
function M.runs_box(counts, height)
  local at, x0, x1, y0, y1 = 0, nil, nil, height, -1
  for k = 1, #counts do
    local n = counts[k]
    if k % 2 == 0 and n > 0 then
      local first, last = at, at + n - 1
      x0, x1 = x0 or first // height, last // height
      if first // height == last // height then y0, y1 = math.min(y0, first % height), math.max(y1, last % height)
      else y0, y1 = 0, height - 1 end
    end
    at = at + n
  end
  return x0 and { x0, y0, x1 - x0 + 1, y1 - y0 + 1 } or nil
end

local SHAPES = { "box", "obb", "quad", "polygon", "polyline", "keypoints", "mask" }

-- What an object's shapes are, as text that changes when they do.
local function geometry(object)
  local parts = {}
  for k, name in ipairs(SHAPES) do
    local v = object[name]
    if v == nil then parts[k] = "-"
    elseif name == "mask" then
      local rle = type(v) == "table" and (v.rle or (v.counts and v))
      parts[k] = rle and core.json.encode(rle) or (v.image or v):hash()
    else parts[k] = core.json.encode(v) end
  end
  return core.file.hash_text(table.concat(parts, "\n"))
end

--- Remember facts about how an object was written; they count for as long as its shapes are the same.
function M.seal(object, facts)
  facts.of = geometry(object)
  object.written = facts
  return object
end

--- The facts remembered, when the object's shapes are still the same; else an empty table.
function M.sealed(object)
  local facts = object.written
  return type(facts) == "table" and facts.of == geometry(object) and facts or {}
end

--- Fields of a table that are not in `known`, copied; nil for none.
function M.unknown(t, known)
  local out
  for key, value in next, t do
    if not known[key] then
      out = out or {}
      out[key] = value
    end
  end
  return out
end

--- Is it a label of shapes?
function M.is_shapes(label) return type(label) == "table" and label.kind == "shapes" end

--- The label's objects, an empty list for other labels.
function M.objects(label) return M.is_shapes(label) and (label.shapes or {}) or {} end

--- A number in the fewest digits that read back the same, integers without a point.
function M.text(v)
  if math.type(v) == "integer" then return ("%d"):format(v) end
  return (core.json.encode(v + 0.0):gsub("%.0$", ""))
end

--- Width and height of a picture file as it is loaded (EXIF orientation applied).
function M.size(path)
  local info, message, code = core.image.probe(path)
  if not info then return nil, message, code end
  if (info.orientation or 1) >= 5 then return info.height, info.width end
  return info.width, info.height
end

--- A loader for pictures whose label states their size: another size is an error; one with width and height changed, in a
-- file that asks to be turned, was labelled as stored and is loaded so.
function M.sized_loader(width, height, says)
  if not width or not height or width <= 0 or height <= 0 then return nil end
  return function(sample)
    local image, info, code = core.image.load(sample.path)
    if not image or (image.width == width and image.height == height) then return image, info, code end
    if (info.orientation or 1) >= 5 and image.width == height and image.height == width then
      return core.image.load(sample.path, { raw_orientation = true })
    end
    return nil, ("%s: %d x %d, but %s says %d x %d"):format(sample.path, image.width, image.height, says, width, height), "mismatch"
  end
end

--- The picture beside or in place of a name without ending: the first that is there.
function M.find_picture(stem)
  for _, ending in ipairs(ENDINGS) do
    local path = stem .. "." .. ending
    if M.is_file(path) then return path end
  end
end

--- Files below dir with an ending in `want` (a function of the name), as relative paths in byte order of the path.
-- report: gets folders that cannot be read.
function M.walk(dir, want, report, limit)
  local out, seen, ignored = {}, {}, 0
  local top = core.file.info(dir)
  if top then seen[("%s:%s"):format(top.dev, top.ino)] = true end
  local function visit(path, relative)
    local names, message, code = core.file.list(path)
    if not names then
      if report then report:fail(path, message, code) end
      return
    end
    for _, name in ipairs(names) do
      if limit and #out >= limit then return end
      if name:sub(1, 1) == "." then ignored = ignored + 1
      else
        local info = core.file.info(path .. "/" .. name)
        if info and info.type == "dir" then
          local key = ("%s:%s"):format(info.dev, info.ino)
          if not seen[key] then
            seen[key] = true
            visit(path .. "/" .. name, relative .. name .. "/")
          end
        elseif want(name) then out[#out + 1] = relative .. name
        else ignored = ignored + 1 end
      end
    end
  end
  visit(dir, "")
  table.sort(out)
  return out, ignored
end

--- Take the classes a label names into a set: itself, or those of its objects.
function M.take_classes(label, seen)
  if type(label) == "string" or math.type(label) == "integer" then seen[label] = true end
  for _, object in ipairs(M.objects(label)) do if object.class ~= nil then seen[object.class] = true end end
end

--- Classes of an index by reading all its labels.
function M.label_classes(index)
  local seen = {}
  for k = 1, index.count do M.take_classes(index:get(k).read_label(), seen) end
  return M.sorted(seen)
end

--- The colours of a palette: hex digits as 768 bytes; VOC's without one.
function M.palette_bytes(hex)
  if type(hex) ~= "string" or #hex ~= 1536 then hex = M.palette() end
  return (hex:gsub("%x%x", function(x) return string.char(tonumber(x, 16)) end))
end

--- The colours VOC gives to the indices, as hex digits.
function M.palette()
  local out = {}
  for k = 0, 255 do
    local c, r, g, b = k, 0, 0, 0
    for j = 7, 0, -1 do
      r, g, b = r | (c & 1) << j, g | (c >> 1 & 1) << j, b | (c >> 2 & 1) << j
      c = c >> 3
    end
    out[k + 1] = ("%02x%02x%02x"):format(r, g, b)
  end
  return table.concat(out)
end

--- Sorted list of the keys of a set.
function M.sorted(set)
  local list = {}
  for name in next, set do list[#list + 1] = name end
  table.sort(list, function(a, b)
    if type(a) == type(b) then return a < b end
    return type(a) == "number"
  end)
  return list
end

return M
