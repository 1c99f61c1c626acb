--- COCO: one JSON file for all images (cocodataset.org/#format-data). Instances and keypoints; a file of any size.
--
-- Ids of categories, images and annotations are kept, unknown fields are kept. The area of an annotation is kept while
-- its shapes are the same and computed anew when they have moved.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local writing = require "brink.labels.formats.coco_write"
local json, null = core.json, core.json.null

local M = { name = "coco", doc = "COCO JSON: boxes, polygons, run lengths, keypoints", place = writing.place, finish = writing.finish, note = writing.note }

local IMAGE_KEYS, NOTE_KEYS = writing.IMAGE_KEYS, writing.NOTE_KEYS

local function looks_coco(path)
  local f = path:match "%.json$" and io.open(path, "rb")
  if not f then return false end
  local head = f:read(65536) or ""
  f:close()
  return head:find '"images"%s*:%s*%[' ~= nil or head:find '"annotations"%s*:%s*%[%s*{[^}]*"image_id"' ~= nil
end

-- "instances_train2017.json" -> "train2017"; "valid/_annotations.coco.json" -> "valid".
local function split_of(path, root)
  local name = common.base(path):gsub("%.json$", ""):gsub("%.coco$", "")
  local split = name:match "^instances_(.+)$" or name:match "^person_keypoints_(.+)$"
  if split then return split end
  local above = common.base(common.folder(path))
  if name:find "^_?annotations$" or name == "instances" or name == "labels" then
    return root and common.folder(path) ~= root and above ~= "annotations" and above or nil
  end
  return name:match "^(train%w*)$" or name:match "^(valid%w*)$" or name:match "^(val%w*)$" or name:match "^(test%w*)$"
end

-- The label files of a folder, instances before others of the same split.
local function files_in(dir)
  local found, by_split = {}, {}
  local function take(path)
    if not looks_coco(path) then return end
    local split = split_of(path, dir) or ""
    local rank = common.base(path):find "^instances" and 1 or common.base(path):find "^person_keypoints" and 2 or 3
    local old = by_split[split]
    if old and old.rank <= rank then return end
    if not old then found[#found + 1] = split end
    by_split[split] = { path = path, rank = rank, split = split ~= "" and split or nil }
  end
  for _, sub in ipairs { dir, dir .. "/annotations" } do
    for _, name in ipairs(common.is_dir(sub) and core.file.list(sub) or {}) do
      if name:find "%.json$" and not name:find "^captions" and not name:find "^panoptic" and not name:find "^stuff" and not name:find "^image_info" then
        take(sub .. "/" .. name)
      end
    end
  end
  for _, split in ipairs { "train", "valid", "val", "test" } do take(dir .. "/" .. split .. "/_annotations.coco.json") end
  table.sort(found)
  local out = {}
  for k, split in ipairs(found) do out[k] = by_split[split] end
  return out
end

function M.detect(path, info)
  if info.type == "file" then return looks_coco(path) end
  return #files_in(common.trim(path)) > 0
end

--- Where the pictures are: the first of the usual places that has the first picture.
local function find_root(index, path, split, given)
  if given then return common.trim(given) end
  local dir = common.folder(path)
  local up = common.folder(dir) == "." and dir:sub(1, 1) ~= "/" and "." or common.folder(dir)
  local places = { dir, dir .. "/images" }
  if split then table.insert(places, dir .. "/" .. split) table.insert(places, dir .. "/images/" .. split) end
  for _, base in ipairs { up } do
    table.insert(places, base)
    table.insert(places, base .. "/images")
    if split then table.insert(places, base .. "/" .. split) table.insert(places, base .. "/images/" .. split) end
  end
  for k = 1, math.min(#index, 20) do
    local image = json.decode(index:image(k) or "")
    for _, place in ipairs(places) do
      if type(image) == "table" and type(image.file_name) == "string" and common.is_file(place .. "/" .. image.file_name) then return place end
    end
  end
  return dir
end

local SIDES = { { "left", "right" }, { "Left", "Right" }, { "LEFT", "RIGHT" } }

--- Pairs { i, j } of keypoints that change places in a mirror, by their names.
function M.flip_pairs(names)
  local at, out = {}, json.array {}
  for k, name in ipairs(names) do at[name] = k end
  for k, name in ipairs(names) do
    for _, s in ipairs(SIDES) do
      local other = type(name) == "string" and at[(name:gsub(s[1], s[2], 1))]
      if other and other ~= k and name:find(s[1], 1, true) then out[#out + 1] = { k, other } end
    end
    local other = type(name) == "string" and name:find "^l_" and at["r_" .. name:sub(3)]
    if other then out[#out + 1] = { k, other } end
  end
  return out
end

local function read_rest(index)
  local rest = {}
  for _, pair in ipairs(index:rest()) do rest[pair[1]] = json.decode(pair[2]) end
  local categories = type(rest.categories) == "table" and rest.categories or {}
  rest.categories = nil
  return categories, rest
end

local function label_meta(categories)
  local meta = { class_names = json.array {} }
  for k, c in ipairs(categories) do
    meta.class_names[k] = type(c) == "table" and c.name or null
    if not meta.keypoint_names and type(c) == "table" and type(c.keypoints) == "table" and #c.keypoints > 0 then
      meta.keypoint_names = c.keypoints
      meta.skeleton = type(c.skeleton) == "table" and c.skeleton or nil
      meta.flip_pairs = M.flip_pairs(c.keypoints)
    end
  end
  return meta
end

local function read_rle(seg, width, height)
  if type(seg.size) ~= "table" or #seg.size ~= 2 then return nil, "segmentation.size: h, w expected" end
  local h, w = seg.size[1], seg.size[2]
  if math.type(h) ~= "integer" or math.type(w) ~= "integer" or h < 0 or w < 0 then return nil, "segmentation.size: two integers from 0 expected" end
  if width and height and (h ~= height or w ~= width) then
    return nil, ("segmentation.size: %d, %d, but the picture is %d x %d"):format(h, w, width, height)
  end
  local counts, why = common.counts(seg.counts)
  if not counts then return nil, "segmentation." .. why end
  local sum = 0
  for k = 1, #counts do
    sum = sum + counts[k]
    if sum > h * w then break end
  end
  if sum ~= h * w then return nil, ("segmentation.counts: they add up to %d%s, %d x %d = %d expected"):format(sum, sum > h * w and " or more" or "", h, w, h * w) end
  return { size = { h, w }, counts = seg.counts }, counts
end

local function read_polygon(seg, report, where, width, height)
  local parts = {}
  for k = 1, #seg do
    local ring, why = common.ring(report, seg[k], width, height)
    if ring then parts[#parts + 1] = ring
    else report:fail(where.path, ("%s: segmentation[%d]: %s"):format(where.text, k - 1, why)) end
  end
  if #parts > 0 then return { parts = parts, holes = {} } end
end

-- Points hidden outside the frame are as COCO has them; coordinates of visible ones are held to the frame when they
-- are out by rounding.
local function read_keypoints(list, report, width, height)
  for k = 1, #list, 3 do
    local v = list[k + 2]
    if v ~= 0 and v ~= 1 and v ~= 2 then return nil, ("keypoints: v: 0, 1 or 2 expected at [%d], got %s"):format(k + 1, common.show(v)) end
    if width and height and v > 0 then
      for axis, limit in ipairs { width, height } do
        local c = list[k + axis - 1]
        local held = math.min(math.max(c, 0), limit)
        if held ~= c and math.abs(held - c) <= 1e-3 * limit then
          list[k + axis - 1] = held
          report.clipped = report.clipped + 1
        end
      end
    end
  end
  return list
end

local function flag(v) return v == 1 or v == true end

-- One annotation as an object, or nil and what is wrong.
local function read_note(note, where, by_id, report, width, height)
  if note.segments_info ~= nil then return nil, "segments_info: a panoptic annotation, the format \"panoptic\" reads it" end
  local category = by_id[note.category_id]
  if not category then return nil, "category_id: no category " .. common.show(note.category_id) end
  local object = { class = category.name, class_id = note.category_id, id = note.id, crowd = flag(note.iscrowd) }
  local facts, counts = {}, nil
  local seg = note.segmentation
  if type(seg) == "table" and seg.counts ~= nil then
    object.mask, counts = read_rle(seg, width, height)
    if not object.mask then return nil, counts end
  elseif type(seg) == "table" then
    object.polygon = read_polygon(seg, report, where, width, height)
    facts.empty = #seg == 0 or nil
  end
  if type(note.keypoints) == "table" then
    local points, why = read_keypoints(note.keypoints, report, width, height)
    if not points then return nil, why end
    object.keypoints = setmetatable(points, nil)
  end
  if type(note.bbox) == "table" and #note.bbox == 4 then
    local box, why = common.box(report, note.bbox[1], note.bbox[2], note.bbox[3], note.bbox[4], width, height)
    if not box then return nil, "bbox: " .. why end
    object.box = box
  else
    object.box = counts and common.runs_box(counts, object.mask.size[1]) or common.box_of(object)
  end
  facts.area = common.finite(note.area) and note.area or nil
  if type(note.attributes) == "table" and not json.is_array(note.attributes) then object.attributes = note.attributes
  elseif note.attributes ~= nil then facts.attributes = note.attributes end
  object.extra = common.unknown(note, NOTE_KEYS)
  return common.seal(object, facts)
end

local Index = {}
Index.__index = Index

local function id_text(note)
  local id = type(note) == "table" and note.id
  if type(id) == "string" then return (" (id %s)"):format(common.show(id)) end
  return math.type(id) == "integer" and (" (id %d)"):format(id) or ""
end

function Index:label(k, image)
  local texts, numbers = self.index:annotations(k)
  if not texts then return nil, numbers end
  local width, height = image.width, image.height
  if math.type(width) ~= "integer" or width <= 0 then width = nil end
  if math.type(height) ~= "integer" or height <= 0 then height = nil end
  local label = { kind = "shapes", width = width, height = height, shapes = json.array {}, id = image.id, meta = self.label_meta,
    extra = common.unknown(image, IMAGE_KEYS) }
  for n, text in ipairs(texts) do
    local note, message = json.decode(text, self.file)
    local where = { path = self.file, text = ("%s: annotations[%d]%s"):format(self.file, numbers[n], id_text(note)) }
    local object, why
    if type(note) == "table" then object, why = read_note(note, where, self.by_id, self.report, width, height)
    else why = message end
    if object then label.shapes[#label.shapes + 1] = object
    else self.report:fail(self.file, ("%s: %s"):format(where.text, why)) end
  end
  return label
end

--- The table of sample k of an index, its image entry as `image`; raises when the file has changed since.
function M.entry(self, k)
  local image = json.decode(self.index:image(k) or "", self.file)
  if type(image) ~= "table" or type(image.file_name) ~= "string" then error(self.file .. ": it has changed since it was opened", 0) end
  local width, height = math.tointeger(image.width), math.tointeger(image.height)
  return { path = common.join(self.root, image.file_name), relative = image.file_name, name = common.base(image.file_name), split = self.split, image = image,
    load = common.sized_loader(width, height, self.file) }
end

function Index:get(k)
  local given = M.entry(self, k)
  local image = given.image
  given.image, given.read_label = nil, function() return self:label(k, image) end
  return given
end

--- An index of one file { path, split }: `by_id` has its categories, `index` the places of its entries.
function M.open_file(entry, opts)
  local index, message, code = core.index.coco(entry.path)
  if not index then return nil, message, code end
  local report = common.report()
  local failures, total = index:failures()
  for _, text in ipairs(failures) do report:fail(entry.path, text) end
  report.lost = total
  local categories, rest = read_rest(index)
  local by_id, classes = {}, {}
  for _, c in ipairs(categories) do
    if type(c) == "table" and math.type(c.id) == "integer" and type(c.name) == "string" and not by_id[c.id] then
      by_id[c.id] = c
      classes[#classes + 1] = c.name
    end
  end
  local split = opts.split_name or entry.split
  local self = setmetatable({ index = index, count = #index, file = entry.path, split = entry.split, by_id = by_id, classes = classes,
    report = report, label_meta = label_meta(categories), root = find_root(index, entry.path, split, opts.images) }, Index)
  self.meta = { format = "coco", label = self.label_meta, coco = { categories = categories, rest = rest } }
  return self
end

--- opts: images (folder the file names are relative to; else the usual places are tried), split (only this one).
function M.open(path, opts)
  local info = core.file.info(path)
  if info.type == "file" then return M.open_file({ path = path, split = split_of(path) }, opts) end
  local parts = {}
  for _, entry in ipairs(files_in(common.trim(path))) do
    if not opts.split or entry.split == opts.split then
      local part, message, code = M.open_file(entry, opts)
      if not part then return nil, message, code end
      parts[#parts + 1] = part
    end
  end
  if #parts == 0 then
    return nil, ("%s: no COCO file%s"):format(path, opts.split and " of the split " .. opts.split or ""), "unsupported"
  end
  if #parts == 1 then return parts[1] end
  return require("brink.dataset.index").join(parts)
end

return M
