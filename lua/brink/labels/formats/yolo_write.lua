--- Writing YOLO: a text file beside each picture, and data.yaml.
-- SPDX-License-Identifier: MIT
local bridge = require "brink.labels.formats.bridge"
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local json = core.json

local M = {}

--- Fields of data.yaml that are understood.
M.KNOWN = { path = true, train = true, val = true, test = true, names = true, nc = true, kpt_shape = true, flip_idx = true, task = true }
local KNOWN = M.KNOWN

--- images/a/x.jpg -> labels/a/x.txt: the last folder called images; without one, beside the picture.
function M.label_path(picture)
  local stem = common.stem(picture)
  local before, after = ("/" .. stem):match "^(.*)/images/(.*)$"
  if before then return ((before .. "/labels/" .. after .. ".txt"):sub(2)) end
  return stem .. ".txt"
end

--- The box x, y, w, h of four shares cx, cy, w, h that begin at v[first].
function M.box_of(v, first, width, height)
  local w, h = v[first + 2] * width, v[first + 3] * height
  return v[first] * width - w / 2, v[first + 1] * height - h / 2, w, h
end

-- Shortest decimals (6 digits or more) of numbers in shares, so that `same` holds for what they read back as.
local function shares(values, same)
  local texts, read
  for digits = 6, 17 do
    texts, read = {}, {}
    for k, v in ipairs(values) do
      texts[k] = (digits < 17 and "%." .. digits .. "f" or "%.17g"):format(v)
      read[k] = tonumber(texts[k])
    end
    if same(read) then break end
  end
  return table.concat(texts, " ")
end

local function box_text(box, width, height)
  local v = { (box[1] + box[3] / 2) / width, (box[2] + box[4] / 2) / height, box[3] / width, box[4] / height }
  return shares(v, function(r)
    local x, y, w, h = M.box_of(r, 1, width, height)
    return x == box[1] and y == box[2] and w == box[3] and h == box[4]
  end)
end

local function points_text(points, width, height)
  local out = {}
  for k = 1, #points do
    local size = k % 2 == 1 and width or height
    out[k] = shares({ points[k] / size }, function(r) return r[1] * size == points[k] end)
  end
  return table.concat(out, " ")
end

local function polygon_of(object)
  if object.polygon then return object.polygon end
  if object.mask then
    local rle = common.rle(object.mask)
    return core.shapes.mask_polygon(core.shapes.rle_mask(rle))
  end
  if object.quad then return { parts = { object.quad } } end
  if object.obb then return { parts = { common.corners(object.obb) } } end
  local b = common.box_of(object)
  return b and { parts = { { b[1], b[2], b[1] + b[3], b[2], b[1] + b[3], b[2] + b[4], b[1], b[2] + b[4] } } }
end

local function corners_of(object)
  if object.quad then return object.quad end
  if object.obb then return common.corners(object.obb) end
  local polygon = polygon_of(object)
  if not polygon then return nil end
  if #polygon.parts == 1 and #polygon.parts[1] == 8 then return polygon.parts[1] end
  local points = {}
  for _, part in ipairs(polygon.parts) do table.move(part, 1, #part, #points + 1, points) end
  return common.corners { core.shapes.rectangle(points) }
end

local function pose_text(object, opts, width, height)
  local box = common.box_of(object)
  if not box then return nil end
  local kpt = opts.meta.yolo and opts.meta.yolo.kpt_shape or opts.kpt_shape
  local out, points = { box_text(box, width, height) }, object.keypoints or {}
  for k = 1, kpt[1] do
    local x, y, v = points[3 * k - 2] or 0, points[3 * k - 1] or 0, points[3 * k] or 0
    if v == 0 and (x < 0 or y < 0 or x > width or y > height) then x, y = 0, 0 end
    out[#out + 1] = points_text({ x, y }, width, height)
    if kpt[2] == 3 then out[#out + 1] = ("%d"):format(v) end
  end
  return table.concat(out, " ")
end

local function shape_text(object, opts, label, task)
  local width, height = label.width, label.height
  if task == "pose" then return pose_text(object, opts, width, height) end
  if task == "segment" then
    local polygon = polygon_of(object)
    return polygon and #polygon.parts > 0 and points_text(bridge.one_ring(polygon), width, height) or nil
  end
  if task == "obb" then
    local corners = corners_of(object)
    return corners and points_text(corners, width, height)
  end
  local box = common.box_of(object)
  local confidence = type(object.extra) == "table" and object.extra.confidence
  return box and box_text(box, width, height) .. (common.finite(confidence) and " " .. common.text(confidence) or "")
end

-- A class as its number from 0: by name; a number stays.
local function class_of(object, opts)
  local id = opts.class_ids[object.class]
  if id then return id - 1 end
  if math.type(object.class) == "integer" and object.class >= 0 and not opts.classes[1] then return object.class end
  return nil
end

local function task_of(opts)
  local meta = opts.meta
  if opts.task then return opts.task end
  if meta.yolo and meta.yolo.task then return meta.yolo.task end
  if meta.label and meta.label.keypoint_names then
    opts.kpt_shape = { #meta.label.keypoint_names, 3 }
    return "pose"
  end
  return "detect"
end

--- Where a picture goes.
function M.place(name, split) return "images/" .. (split or "train") .. "/" .. name end

--- The label file beside a picture. Task: opts.task, else that of the set it was read from, else pose where the set names
-- keypoints, else detect.
function M.files(record, opts)
  local label, task, lines = record.label, task_of(opts), {}
  if label ~= nil and not common.is_shapes(label) then return nil, "a label of shapes expected, got " .. common.show(label) end
  for k, object in ipairs(common.objects(label)) do
    local id = class_of(object, opts)
    if not id then return nil, ("object %d: class %s is not among the set's classes"):format(k, common.show(object.class)) end
    local text = shape_text(object, opts, label, task)
    if text then lines[#lines + 1] = ("%d %s\n"):format(id, text) end
  end
  return { { M.label_path(record.name), table.concat(lines) } }
end

-- A JSON text is also YAML.
local function yaml_lines(t, out, skip)
  for _, key in ipairs(common.sorted(t)) do
    if not skip[key] then out[#out + 1] = ("%s: %s\n"):format(json.encode(tostring(key)), json.encode(t[key])) end
  end
end

--- data.yaml.
function M.finish(folder, _, opts)
  local out, splits, task = { "path: .\n" }, {}, task_of(opts)
  for _, split in ipairs(opts.splits) do splits[split or "train"] = true end
  if not next(splits) then splits.train = true end
  local train = splits.train and "train" or common.sorted(splits)[1]
  for _, split in ipairs { "train", "val", "test" } do
    local other = split == "val" and splits.valid and not splits.val and "valid" or split
    if splits[other] then out[#out + 1] = ("%s: images/%s\n"):format(split, other)
    elseif split ~= "test" then out[#out + 1] = ("%s: images/%s\n"):format(split, train) end
  end
  for _, split in ipairs(common.sorted(splits)) do
    if split ~= "train" and split ~= "val" and split ~= "valid" and split ~= "test" then out[#out + 1] = ("%s: images/%s\n"):format(json.encode(split), split) end
  end
  if #opts.classes > 0 then
    out[#out + 1] = ("nc: %d\nnames:\n"):format(#opts.classes)
    for k, name in ipairs(opts.classes) do out[#out + 1] = ("  %d: %s\n"):format(k - 1, json.encode(tostring(name))) end
  end
  local yolo, label = opts.meta.yolo or {}, opts.meta.label or {}
  if task == "pose" then
    local kpt = yolo.kpt_shape or opts.kpt_shape
    out[#out + 1] = ("kpt_shape: [%d, %d]\n"):format(kpt[1], kpt[2])
    local flip = yolo.flip_idx
    if not flip and label.flip_pairs and #label.flip_pairs > 0 then
      flip = {}
      for k = 1, kpt[1] do flip[k] = k - 1 end
      for _, p in ipairs(label.flip_pairs) do flip[p[1]], flip[p[2]] = p[2] - 1, p[1] - 1 end
    end
    if flip then out[#out + 1] = ("flip_idx: %s\n"):format(json.encode(json.array(flip))) end
  end
  out[#out + 1] = "task: " .. task .. "\n"
  yaml_lines(yolo.rest or {}, out, KNOWN)
  local file = folder:open "data.yaml"
  file:write(table.concat(out))
  file:commit()
end

return M
