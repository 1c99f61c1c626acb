--- COCO: one JSON file for all images (cocodataset.org/#format-data). Instances and keypoints; a file of any size.
--
-- Ids of categories, images and annotations are kept, unknown fields are kept. The area of an annotation is kept while
-- its shapes are the same and computed anew when they have moved.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local json, null = core.json, core.json.null

local M = { name = "coco", doc = "COCO JSON: boxes, polygons, run lengths, keypoints" }

local IMAGE_KEYS = { id = true, file_name = true, width = true, height = true }
local NOTE_KEYS = { id = true, image_id = true, category_id = true, bbox = true, area = true, iscrowd = true, segmentation = true,
  keypoints = true, num_keypoints = true, attributes = true }

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

function Index:get(k)
  local image = json.decode(self.index:image(k) or "", self.file)
  if type(image) ~= "table" or type(image.file_name) ~= "string" then error(self.file .. ": it has changed since it was opened", 0) end
  local width, height = math.tointeger(image.width), math.tointeger(image.height)
  return { path = common.join(self.root, image.file_name), relative = image.file_name, name = common.base(image.file_name), split = self.split,
    load = common.sized_loader(width, height, self.file), read_label = function() return self:label(k, image) end }
end

local function open_file(entry, opts)
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
  if info.type == "file" then return open_file({ path = path, split = split_of(path) }, opts) end
  local parts = {}
  for _, entry in ipairs(files_in(common.trim(path))) do
    if not opts.split or entry.split == opts.split then
      local part, message, code = open_file(entry, opts)
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

-- Writing ----------------------------------------------------------------------------------------------------------------

local function area_of(object)
  if object.mask then
    local rle = common.rle(object.mask)
    local counts = rle and common.counts(rle.counts)
    if counts then return common.runs_area(counts) end
  end
  if object.polygon then
    local sum = 0
    for _, ring in ipairs(object.polygon.parts) do sum = sum + common.area(ring) end
    for _, ring in ipairs(object.polygon.holes or {}) do sum = sum - common.area(ring) end
    return sum
  end
  local box = common.box_of(object)
  return box and box[3] * box[4] or 0
end

local function segmentation_of(object, facts, label)
  local polygon = object.polygon
  if polygon and #(polygon.holes or {}) == 0 then
    local parts = json.array {}
    for k, ring in ipairs(polygon.parts) do parts[k] = json.array(table.move(ring, 1, #ring, 1, {})) end
    return parts
  end
  if polygon then return common.polygon_rle(polygon, label.width, label.height) end
  if object.mask then
    local rle = common.rle(object.mask)
    return rle and { size = { rle.size[1], rle.size[2] }, counts = rle.counts } or nil
  end
  if object.quad then return json.array { json.array(table.move(object.quad, 1, 8, 1, {})) } end
  if object.obb then return json.array { json.array(common.corners(object.obb)) } end
  return facts.empty and json.array {} or nil
end

-- The category id of an object: its own while that category still has its class's name.
local function category_of(object, ids)
  local name = object.class
  if object.class_id ~= nil and ids.name[object.class_id] ~= nil and (name == nil or ids.name[object.class_id] == name) then return object.class_id end
  local key = type(name) == "string" and name or tostring(name)
  if ids.of[key] then return ids.of[key] end
  ids.max = ids.max + 1
  ids.of[key], ids.name[ids.max] = ids.max, key
  ids.added[#ids.added + 1] = { id = ids.max, name = key }
  return ids.max
end

--- An object as an annotation (a table).
function M.note(object, label, ids)
  local facts = common.sealed(object)
  local note = {}
  for key, value in next, object.extra or {} do if not NOTE_KEYS[key] then note[key] = value end end
  note.category_id = category_of(object, ids)
  note.iscrowd = object.crowd and 1 or 0
  local box = common.box_of(object)
  note.bbox = box and json.array { box[1], box[2], box[3], box[4] } or nil
  note.area = facts.area or area_of(object)
  note.segmentation = segmentation_of(object, facts, label)
  if object.keypoints then
    local points, seen = json.array {}, 0
    for k = 1, #object.keypoints, 3 do
      local x, y, v = object.keypoints[k], object.keypoints[k + 1], object.keypoints[k + 2]
      if v > 0 then seen = seen + 1 elseif not facts.of then x, y = 0, 0 end
      points[k], points[k + 1], points[k + 2] = x, y, v
    end
    note.keypoints, note.num_keypoints = points, seen
  end
  note.attributes = object.attributes
  if note.attributes == nil then note.attributes = facts.attributes end
  return note
end

-- Ids that stay where they are free, fresh ones above all others. `max`: the largest given one.
local function ids_from(max)
  local used, next_id = {}, max
  return function(id)
    if math.type(id) == "integer" and not used[id] then
      used[id] = true
      return id
    end
    next_id = next_id + 1
    used[next_id] = true
    return next_id
  end
end

local function largest_ids(records)
  local image, note = 0, 0
  for record in records() do
    local label = record.label
    if common.is_shapes(label) then
      if math.type(label.id) == "integer" and label.id < math.maxinteger // 2 then image = math.max(image, label.id) end
      for _, object in ipairs(label.shapes or {}) do
        if math.type(object.id) == "integer" and object.id < math.maxinteger // 2 then note = math.max(note, object.id) end
      end
    end
  end
  return image, note
end

local function category_ids(meta, classes)
  local ids = { of = {}, name = {}, max = 0, list = {}, added = {} }
  local function add(c)
    ids.list[#ids.list + 1] = c
    ids.of[c.name] = ids.of[c.name] or c.id
    ids.name[c.id] = c.name
    ids.max = math.max(ids.max, c.id)
  end
  for _, c in ipairs(meta.coco and meta.coco.categories or {}) do
    if type(c) == "table" and math.type(c.id) == "integer" and type(c.name) == "string" then add(c) end
  end
  if #ids.list > 0 then return ids end
  for k, name in ipairs(classes or {}) do
    local c = { id = k, name = tostring(name) }
    local label = meta.label or {}
    if label.keypoint_names then c.keypoints, c.skeleton = label.keypoint_names, label.skeleton or json.array {} end
    add(c)
  end
  return ids
end

function M.place(name, split) return (split and "images/" .. split .. "/" or "images/") .. name end

local function image_entry(record, id)
  local label, entry = record.label, {}
  if common.is_shapes(label) then for key, value in next, label.extra or {} do if not IMAGE_KEYS[key] then entry[key] = value end end
  elseif label ~= nil then entry.label = label end
  entry.id, entry.width, entry.height = id, record.width, record.height
  entry.file_name = record.name:gsub("^images/", "")
  if record.split and entry.file_name:sub(1, #record.split + 1) == record.split .. "/" then entry.file_name = entry.file_name:sub(#record.split + 2) end
  return entry
end

-- One split's file.
local function write_file(out, records, meta, classes)
  local max_image, max_note = largest_ids(records)
  local ids = category_ids(meta, classes)
  local image_id, note_id = ids_from(max_image), ids_from(max_note)
  out:write "{\"images\":["
  local first = true
  for record in records() do
    out:write(first and "\n" or ",\n", json.encode(image_entry(record, image_id(common.is_shapes(record.label) and record.label.id or nil))))
    first = false
  end
  out:write "\n],\n\"annotations\":["
  image_id, first = ids_from(max_image), true
  for record in records() do
    local id = image_id(common.is_shapes(record.label) and record.label.id or nil)
    for _, object in ipairs(common.objects(record.label)) do
      local note = M.note(object, record.label, ids)
      note.image_id, note.id = id, note_id(object.id)
      out:write(first and "\n" or ",\n", json.encode(note))
      first = false
    end
  end
  table.move(ids.added, 1, #ids.added, #ids.list + 1, ids.list)
  out:write("\n],\n\"categories\":", json.encode(json.array(ids.list)))
  local rest = meta.coco and meta.coco.rest or {}
  for _, key in ipairs(common.sorted(rest)) do
    out:write(",\n", json.encode(key), ":", json.encode(rest[key]))
  end
  out:write "}\n"
end

--- annotations/instances_SPLIT.json for every split (annotations/instances.json without).
function M.finish(folder, records, opts)
  for _, split in ipairs(opts.splits) do
    local meta = opts.meta
    if split and meta.splits and meta.splits[split] then meta = meta.splits[split] end
    local out = folder:open("annotations/instances" .. (split and "_" .. split or "") .. ".json")
    write_file(out, function() return records(split) end, meta, opts.classes)
    out:commit()
  end
end

return M
