--- COCO panoptic: a JSON file whose annotations name the segments of each picture, and beside it a folder of PNG files in
-- which a pixel's colour is its segment's id, r + 256 g + 65536 b (cocodataset.org/#format-data, panoptic segmentation).
--
-- Each segment is an object with a mask; category ids, isthing and colours are kept, id 0 (void) is no object. Written, an
-- object covers those before it; one that is wholly hidden has no segment.
-- SPDX-License-Identifier: MIT
local coco = require "brink.labels.formats.coco"
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local writing = require "brink.labels.formats.coco_write"
local json = core.json

local M = { name = "panoptic", doc = "COCO panoptic: segments and PNG files of their ids", place = writing.place }

local LARGEST = (1 << 24) - 1
local SEGMENT_KEYS = { id = true, category_id = true, area = true, bbox = true, iscrowd = true }
local NOTE_KEYS = { image_id = true, file_name = true, segments_info = true }

local function is_panoptic(path)
  local f = path:find "%.json$" and io.open(path, "rb")
  if not f then return false end
  local head = f:read(65536) or ""
  f:close()
  return head:find('"segments_info"', 1, true) ~= nil or head:find '"images"%s*:' ~= nil and common.base(path):find "^panoptic" ~= nil
end

-- { path, split } of the files of a folder.
local function files_in(dir)
  local out = {}
  for _, sub in ipairs { dir, dir .. "/annotations" } do
    for _, name in ipairs(common.is_dir(sub) and core.file.list(sub) or {}) do
      local path = sub .. "/" .. name
      if name:find "^panoptic.*%.json$" and is_panoptic(path) then out[#out + 1] = { path = path, split = name:match "^panoptic_(.+)%.json$" } end
    end
  end
  return out
end

-- Where a folder has instances beside them, those are its labels unless this format is asked for.
function M.detect(path, info)
  if info.type == "file" then return is_panoptic(path) end
  local dir = common.trim(path)
  return #files_in(dir) > 0 and not coco.detect(dir, info)
end

-- Reading ------------------------------------------------------------------------------------------------------------------

local function read_ids(self, note, width, height)
  local why = common.refusal(note.file_name)
  if why then return nil, "file_name: " .. why end
  local path = self.masks .. "/" .. note.file_name
  local image, message, code = core.image.load(path)
  if not image then return nil, message, code end
  if image.type ~= "u8" or image.channels ~= 3 then return nil, path .. ": a picture of 3 channels of 8 bits expected" end
  if width and height and (image.width ~= width or image.height ~= height) then
    return nil, ("%s: %d x %d, but the picture is %d x %d"):format(path, image.width, image.height, width, height)
  end
  return image
end

-- One segment as an object, the number of its pixels; or nil and what is wrong.
local function read_segment(self, segment, ids, seen)
  if type(segment) ~= "table" then return nil, "an object expected, got " .. common.show(segment) end
  local id = segment.id
  if math.type(id) ~= "integer" or id < 1 or id > LARGEST then return nil, ("id: an integer in 1..%d expected, got %s"):format(LARGEST, common.show(id)) end
  if seen[id] then return nil, ("id: a second segment %d"):format(id) end
  seen[id] = true
  local category = self.by_id[segment.category_id]
  if not category then return nil, "category_id: no category " .. common.show(segment.category_id) end
  local runs, x, y, w, h = core.index.runs(ids, id)
  if not x then return nil, ("id: no pixel has %d"):format(id) end
  local object = { class = category.name, class_id = segment.category_id, id = id, crowd = segment.iscrowd == 1 or segment.iscrowd == true,
    box = { x, y, w, h }, mask = { size = { ids.height, ids.width }, counts = common.compress(runs) }, extra = common.unknown(segment, SEGMENT_KEYS) }
  return object, common.runs_area(runs)
end

local function read_annotation(self, label, note, where)
  local ids, why, code = read_ids(self, note, label.width, label.height)
  if not ids then return self.report:fail(self.file, ("%s: %s"):format(where, why), code) end
  label.width, label.height = ids.width, ids.height
  local seen, covered = {}, common.runs_area((core.index.runs(ids, 0)))
  covered = ids.width * ids.height - covered
  for k, segment in ipairs(note.segments_info) do
    local object, more = read_segment(self, segment, ids, seen)
    if object then
      label.shapes[#label.shapes + 1] = object
      covered = covered - more
    else self.report:fail(self.file, ("%s: segments_info[%d]: %s"):format(where, k - 1, more)) end
  end
  if covered > 0 then self.report:fail(self.file, ("%s: %s: %d pixels of segments that are not read"):format(where, note.file_name, covered)) end
end

local Index = {}
Index.__index = Index

function Index:label(k, image)
  local texts, numbers = self.index:annotations(k)
  if not texts then return nil, numbers end
  local width, height = math.tointeger(image.width), math.tointeger(image.height)
  local label = { kind = "shapes", width = width, height = height, shapes = json.array {}, id = image.id, meta = self.label_meta,
    extra = common.unknown(image, writing.IMAGE_KEYS) }
  for n, text in ipairs(texts) do
    local note, message = json.decode(text, self.file)
    local where = ("%s: annotations[%d]"):format(self.file, numbers[n])
    if type(note) ~= "table" then self.report:fail(self.file, ("%s: %s"):format(where, message))
    elseif type(note.segments_info) ~= "table" then self.report:fail(self.file, where .. ": segments_info: a list of segments expected")
    else
      read_annotation(self, label, note, where)
      label.annotation = common.unknown(note, NOTE_KEYS) or label.annotation
    end
  end
  return label
end

function Index:get(k)
  local given = coco.entry(self, k)
  local image = given.image
  given.image, given.read_label = nil, function() return self:label(k, image) end
  return given
end

local function open_file(entry, opts)
  local self, message, code = coco.open_file(entry, opts)
  if not self then return nil, message, code end
  self.meta.format = "panoptic"
  self.masks = opts.masks and common.trim(opts.masks) or common.stem(entry.path)
  return setmetatable(self, Index)
end

--- opts: images (folder of the pictures; else the usual places are tried), masks (folder of the PNG files; else that named as
-- the JSON file), split (only this one).
function M.open(path, opts)
  if core.file.info(path).type == "file" then return open_file({ path = path, split = common.base(path):match "^panoptic_(.+)%.json$" }, opts) end
  local parts = {}
  for _, entry in ipairs(files_in(common.trim(path))) do
    if not opts.split or entry.split == opts.split then
      local part, message, code = open_file(entry, opts)
      if not part then return nil, message, code end
      parts[#parts + 1] = part
    end
  end
  if #parts == 0 then return nil, ("%s: no panoptic file%s"):format(path, opts.split and " of the split " .. opts.split or ""), "unsupported" end
  return #parts == 1 and parts[1] or require("brink.dataset.index").join(parts)
end

-- Writing ------------------------------------------------------------------------------------------------------------------

-- Ids of the objects' segments: their own where it can be one and is free.
local function segment_ids(label)
  local used, out, next_id = {}, {}, 0
  for k, object in ipairs(common.objects(label)) do
    local id = object.id
    if math.type(id) == "integer" and id >= 1 and id <= LARGEST and not used[id] then out[k], used[id] = id, true end
  end
  for k in ipairs(common.objects(label)) do
    if not out[k] then
      repeat next_id = next_id + 1 until not used[next_id]
      out[k], used[next_id] = next_id, true
    end
  end
  return out
end

local function runs_of(object, width, height)
  local rle
  if object.mask then rle = common.rle(object.mask)
  elseif object.polygon then rle = common.polygon_rle(object.polygon, width, height)
  else
    local region = require("brink.labels.shapes").region(object)
    rle = region and common.polygon_rle(region, width, height)
  end
  return rle and common.counts(rle.counts)
end

-- Folder of a split's PNG files, and a picture's place in it.
local function masks_of(split) return "annotations/panoptic" .. (split and "_" .. split or "") end
local function mask_name(record)
  local name = record.name:gsub("^images/", "")
  if record.split and name:sub(1, #record.split + 1) == record.split .. "/" then name = name:sub(#record.split + 2) end
  return common.stem(name) .. ".png"
end

--- The PNG file of a picture's segments.
function M.files(record)
  local label = record.label
  if label ~= nil and not common.is_shapes(label) then return nil, "a label of shapes expected, got " .. common.show(label) end
  local ids, image = segment_ids(label), core.image.new(record.width, record.height, 3, "u8", 0)
  for k, object in ipairs(common.objects(label)) do
    local runs = runs_of(object, record.width, record.height)
    if runs then image = assert(core.index.paint(image, runs, ids[k])) end
  end
  return { { masks_of(record.split) .. "/" .. mask_name(record), assert(image:encode "png") } }
end

-- The segments of a picture: what its PNG file shows of them.
local function segments_of(label, image, ids)
  local out, numbers = json.array {}, segment_ids(label)
  for k, object in ipairs(common.objects(label)) do
    local runs, x, y, w, h = core.index.runs(image, numbers[k])
    if x then
      local segment = {}
      for key, value in next, object.extra or {} do if not SEGMENT_KEYS[key] then segment[key] = value end end
      segment.id, segment.category_id, segment.iscrowd = numbers[k], writing.category_of(object, ids), object.crowd and 1 or 0
      segment.area, segment.bbox = common.runs_area(runs), json.array { x, y, w, h }
      out[#out + 1] = segment
    end
  end
  return out
end

--- annotations/panoptic_SPLIT.json for every split (annotations/panoptic.json without).
function M.finish(folder, records, opts)
  for _, split in ipairs(opts.splits) do
    local dir = masks_of(split)
    local out = folder:open(dir .. ".json")
    writing.write_file(out, function() return records(split) end, writing.meta_of(opts, split), opts.classes, function()
      return function(record, id, ids)
        local note = {}
        for key, value in next, record.label and record.label.annotation or {} do if not NOTE_KEYS[key] then note[key] = value end end
        note.image_id, note.file_name = id, mask_name(record)
        local image = assert(core.image.load(folder.dir .. "/" .. dir .. "/" .. note.file_name))
        note.segments_info = segments_of(record.label, image, ids)
        return { note }
      end
    end)
    out:commit()
  end
end

return M
