--- Writing COCO: images, annotations and categories, with the ids they came with where those are free.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local json = core.json

local M = {}

--- Fields of an image and of an annotation that are not carried as unknown ones.
M.IMAGE_KEYS = { id = true, file_name = true, width = true, height = true }
M.NOTE_KEYS = { id = true, image_id = true, category_id = true, bbox = true, area = true, iscrowd = true, segmentation = true,
  keypoints = true, num_keypoints = true, attributes = true }
local IMAGE_KEYS, NOTE_KEYS = M.IMAGE_KEYS, M.NOTE_KEYS

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

--- The category id of an object: its own while that category still has its class's name.
function M.category_of(object, ids)
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
  note.category_id = M.category_of(object, ids)
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

--- Ids that stay where they are free, fresh ones above all others. `max`: the largest given number.
function M.ids_from(max)
  local used, next_id = {}, max
  return function(id)
    if (math.type(id) == "integer" or type(id) == "string") and not used[id] then
      used[id] = true
      return id
    end
    next_id = next_id + 1
    used[next_id] = true
    return next_id
  end
end

--- The largest numbers among the ids of images and of annotations.
function M.largest_ids(records)
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

--- The categories of a set: `list` of them, `of` names their ids, `name` the other way; `added` are those found while writing.
function M.category_ids(meta, classes)
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

--- A picture as an entry of the list of images.
function M.image_entry(record, id)
  local label, entry = record.label, {}
  if common.is_shapes(label) then for key, value in next, label.extra or {} do if not IMAGE_KEYS[key] then entry[key] = value end end
  elseif label ~= nil then entry.label = label end
  entry.id, entry.width, entry.height = id, record.width, record.height
  entry.file_name = record.name:gsub("^images/", "")
  if record.split and entry.file_name:sub(1, #record.split + 1) == record.split .. "/" then entry.file_name = entry.file_name:sub(#record.split + 2) end
  return entry
end

local function id_of(label) return common.is_shapes(label) and label.id or nil end

--- One split's file. maker(largest id of an annotation) gives a function (record, id of the image, ids of the categories) ->
-- list of the picture's annotations.
function M.write_file(out, records, meta, classes, maker)
  local max_image, max_note = M.largest_ids(records)
  local notes = maker(max_note)
  local ids, image_id = M.category_ids(meta, classes), M.ids_from(max_image)
  local first = true
  local function put(entry)
    out:write(first and "\n" or ",\n", json.encode(entry))
    first = false
  end
  out:write "{\"images\":["
  for record in records() do put(M.image_entry(record, image_id(id_of(record.label)))) end
  out:write "\n],\n\"annotations\":["
  image_id, first = M.ids_from(max_image), true
  for record in records() do
    for _, note in ipairs(notes(record, image_id(id_of(record.label)), ids)) do put(note) end
  end
  table.move(ids.added, 1, #ids.added, #ids.list + 1, ids.list)
  out:write("\n],\n\"categories\":", json.encode(json.array(ids.list)))
  local rest = meta.coco and meta.coco.rest or {}
  for _, key in ipairs(common.sorted(rest)) do
    out:write(",\n", json.encode(key), ":", json.encode(rest[key]))
  end
  out:write "}\n"
end

--- What the set a split was read from knows.
function M.meta_of(opts, split)
  local meta = opts.meta
  return split and meta.splits and meta.splits[split] or meta
end

local function instances(max_note)
  local note_id = M.ids_from(max_note)
  return function(record, id, ids)
    local out = {}
    for k, object in ipairs(common.objects(record.label)) do
      local note = M.note(object, record.label, ids)
      note.image_id, note.id = id, note_id(object.id)
      out[k] = note
    end
    return out
  end
end

--- annotations/instances_SPLIT.json for every split (annotations/instances.json without).
function M.finish(folder, records, opts)
  for _, split in ipairs(opts.splits) do
    local out = folder:open("annotations/instances" .. (split and "_" .. split or "") .. ".json")
    M.write_file(out, function() return records(split) end, M.meta_of(opts, split), opts.classes, instances)
    out:commit()
  end
end

return M
