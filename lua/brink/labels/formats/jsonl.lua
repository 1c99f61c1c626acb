--- A JSON object per line: "jsonl" is ours (path and any label, shapes included, nothing lost), "huggingface" the metadata
-- of an imagefolder (file_name; objects of bbox and category; huggingface.co/docs/datasets/image_dataset).
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local index_module = require "brink.dataset.index"
local rows = require "brink.labels.formats.rows"
local json, null = core.json, core.json.null

local PATHS = { "path", "file_name", "image", "file", "filename", "image_path" }
local SPLITS = { "train", "val", "valid", "validation", "test" }

local function path_of(record)
  for _, key in ipairs(PATHS) do if type(record[key]) == "string" then return record[key], key end end
end

local function first_record(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local line = f:read(1 << 20) or ""
  f:close()
  local record = json.decode((line:gsub("^\xEF\xBB\xBF", ""):match "^[^\n]*"))
  return type(record) == "table" and record or nil
end

-- One file of lines -------------------------------------------------------------------------------------------------------

local Index = {}
Index.__index = Index

function Index:record(k)
  local record = json.decode(self.file:piece(self.at[k], self.n[k]), self.file.path)
  if type(record) ~= "table" then error(self.file.path .. ": it has changed since it was opened", 0) end
  return record
end

function Index:get(k)
  local record = self:record(k)
  local rel = path_of(record):gsub("^%./", "")
  local path = common.join(self.root, rel)
  return { path = path, relative = rel, name = common.base(rel), split = self.split or (type(record.split) == "string" and record.split or nil),
    read_label = function() return self.read(self, record, path, ("%s:%d"):format(self.file.path, self.line[k])) end }
end

-- Go over the lines once; those that cannot be used are named.
local function open_lines(path, root, read, split)
  local file, message, code = rows.open(path)
  if not file then return nil, message, code end
  local self = setmetatable({ file = file, root = root, read = read, split = split, at = {}, n = {}, line = {}, count = 0, report = common.report(),
    label_meta = {} }, Index)
  for text, at, number in file:lines() do
    if text:find "%S" then
      local record, why = json.decode(text, path)
      if record ~= nil and (type(record) ~= "table" or json.is_array(record)) then why = ("%s:%d: an object expected, got %s"):format(path, number, common.show(record))
      elseif record ~= nil then
        local rel = path_of(record)
        why = common.refusal(rel)
        if why then why = ("%s:%d: %s: %s"):format(path, number, rel and common.show(rel) or "path", why) end
      else why = why:gsub(":1:(%d+):", function(column) return (":%d:%s:"):format(number, column) end, 1) end
      if why then self.report:fail(path, why)
      else
        self.count = self.count + 1
        self.at[self.count], self.n[self.count], self.line[self.count] = at, #text, number
      end
    end
  end
  return self
end

local function label_classes(self)
  local seen = {}
  for k = 1, self.count do
    local label = self:get(k).read_label()
    if type(label) == "string" or math.type(label) == "integer" then seen[label] = true end
    for _, object in ipairs(common.objects(label)) do if object.class ~= nil then seen[object.class] = true end end
  end
  return common.sorted(seen)
end

local function plain(v)
  if v == null then return nil end
  return v
end

-- Ours ---------------------------------------------------------------------------------------------------------------------

local SETTINGS = "dataset.json"

local function check_object(object, k)
  if type(object) ~= "table" then return ("label.shapes[%d]: an object expected, got %s"):format(k - 1, common.show(object)) end
  for name, n in next, { box = 4, obb = 5, quad = 8 } do
    if object[name] ~= nil then
      local ok, why = common.numbers(object[name], n)
      if not ok then return ("label.shapes[%d].%s: %s"):format(k - 1, name, why) end
    end
  end
  local polygon = object.polygon
  if polygon ~= nil and (type(polygon) ~= "table" or type(polygon.parts) ~= "table") then
    return ("label.shapes[%d].polygon: parts and holes expected"):format(k - 1)
  end
  for _, rings in ipairs(polygon and { polygon.parts, polygon.holes or {} } or {}) do
    for _, ring in ipairs(rings) do
      local ok, why = common.numbers(ring)
      if not ok or #ring < 6 or #ring % 2 ~= 0 then return ("label.shapes[%d].polygon: %s"):format(k - 1, why or "3 points or more expected") end
    end
  end
  if object.keypoints ~= nil then
    local ok, why = common.numbers(object.keypoints)
    if not ok or #ok % 3 ~= 0 then return ("label.shapes[%d].keypoints: %s"):format(k - 1, why or "triples x, y, v expected") end
  end
end

local function read_ours(self, record, path, where)
  local label = plain(record.label)
  if not common.is_shapes(label) then return label end
  local kept = json.array {}
  if type(label.shapes) ~= "table" then
    self.report:fail(path, where .. ": label.shapes: a list expected")
    return nil
  end
  for k, object in ipairs(label.shapes) do
    local why = check_object(object, k)
    if why then self.report:fail(path, where .. ": " .. why) else kept[#kept + 1] = object end
  end
  label.shapes = kept
  label.meta = label.meta or self.label_meta
  return label
end

local function ours_in(dir)
  for _, name in ipairs { "labels.jsonl", "dataset.jsonl", "annotations.jsonl" } do if common.is_file(dir .. "/" .. name) then return dir .. "/" .. name end end
end

local ours = { name = "jsonl", doc = "a JSON object per line: path and any label" }

function ours.detect(path, info)
  if info.type == "dir" then return ours_in(common.trim(path)) ~= nil end
  if not path:find "%.jsonl$" and not path:find "%.ndjson$" or common.base(path) == "metadata.jsonl" then return false end
  local record = first_record(path)
  return record ~= nil and path_of(record) ~= nil
end

--- opts: images (folder the paths are relative to; else that of the file).
function ours.open(path, opts)
  local name = core.file.info(path).type == "file" and path or ours_in(common.trim(path))
  if not name then return nil, path .. ": no labels.jsonl in it", "unsupported" end
  local self, message, code = open_lines(name, opts.images and common.trim(opts.images) or common.folder(name), read_ours)
  if not self then return nil, message, code end
  local settings = json.decode(core.file.read(common.folder(name) .. "/" .. SETTINGS) or "null")
  self.meta = type(settings) == "table" and type(settings.meta) == "table" and settings.meta or {}
  self.meta.format = "jsonl"
  self.label_meta = self.meta.label or {}
  self.classes = type(settings) == "table" and type(settings.classes) == "table" and settings.classes or label_classes
  return self
end

function ours.place(name, split) return (split and "images/" .. split .. "/" or "images/") .. name end

--- labels.jsonl, and dataset.json with the classes and what else the set knows.
function ours.finish(folder, records, opts)
  local out = folder:open "labels.jsonl"
  for record in records() do
    out:write(json.encode { path = record.name, label = record.label, split = record.split or nil }, "\n")
  end
  out:commit()
  out = folder:open(SETTINGS)
  out:write(json.encode({ classes = json.array(opts.classes), meta = opts.meta }, { indent = 2 }), "\n")
  out:commit()
end

-- Hugging Face -------------------------------------------------------------------------------------------------------------

local COLUMNS = { bbox = true, category = true, categories = true, label = true, labels = true }

local function read_objects(self, objects, path, where)
  local width, height, code = common.size(path)
  if not width then
    self.report:fail(path, height, code)
    return nil
  end
  local label = { kind = "shapes", width = width, height = height, shapes = json.array {}, meta = self.label_meta }
  local column = "category"
  for _, name in ipairs { "category", "categories", "label", "labels" } do if type(objects[name]) == "table" then column = name break end end
  if type(objects.bbox) ~= "table" then
    self.report:fail(path, where .. ": objects.bbox: a list expected")
    return label
  end
  for k, b in ipairs(objects.bbox) do
    local box, why = common.numbers(b, 4)
    if box then box, why = common.box(self.report, b[1], b[2], b[3], b[4], width, height) end
    if not box then self.report:fail(path, ("%s: objects.bbox[%d]: %s"):format(where, k - 1, why))
    else
      local object = { class = objects[column] and plain(objects[column][k]), box = box }
      for key, list in next, objects do
        if not COLUMNS[key] and type(list) == "table" then
          if key == "id" then object.id = plain(list[k])
          else
            object.extra = object.extra or {}
            object.extra[key] = list[k]
          end
        end
      end
      label.shapes[#label.shapes + 1] = object
    end
  end
  return label, column
end

local function read_hf(self, record, path, where)
  if type(record.objects) == "table" then
    local label = read_objects(self, record.objects, path, where)
    if label then label.extra = common.unknown(record, { file_name = true, objects = true }) end
    return label
  end
  for _, key in ipairs { "label", "labels", "text", "caption" } do if record[key] ~= nil then return plain(record[key]) end end
  local rest, n = {}, 0
  for key, value in next, record do
    if key ~= "file_name" then
      rest[key] = value
      n = n + 1
    end
  end
  return n > 0 and rest or nil
end

local function metadata_in(dir)
  for _, name in ipairs { "metadata.jsonl", "metadata.csv" } do if common.is_file(dir .. "/" .. name) then return dir .. "/" .. name end end
end

local hf = { name = "huggingface", doc = "Hugging Face imagefolder: metadata.jsonl or metadata.csv" }

function hf.detect(path, info)
  if info.type == "file" then return common.base(path) == "metadata.jsonl" or common.base(path) == "metadata.csv" end
  local dir = common.trim(path)
  if metadata_in(dir) then return true end
  for _, split in ipairs(SPLITS) do if metadata_in(dir .. "/" .. split) then return true end end
  return false
end

-- metadata.csv: file_name and columns of text. The rows are few enough to be a list.
local function open_csv(path, split)
  local file, message, code = rows.open(path)
  if not file then return nil, message, code end
  local report, head, items = common.report(), nil, {}
  for _, _, line, fields, why in rows.rows(file, ",") do
    if fields and not head then
      head = {}
      for k, name in ipairs(fields) do head[k] = name end
    elseif fields and #fields == #head then
      local record = {}
      for k, name in ipairs(head) do record[name] = fields[k] end
      why = common.refusal(record.file_name)
      if not why then items[#items + 1] = record end
    elseif fields then why = ("%d columns expected, got %d"):format(#head, #fields) end
    if why then report:fail(path, ("%s:%d: %s"):format(path, line, why)) end
  end
  file.handle:close()
  local root = common.folder(path)
  return index_module.list(items, function(record)
    return { path = common.join(root, record.file_name), relative = record.file_name, split = split, label = read_hf(nil, record) }
  end, { report = report, split = split, meta = { format = "huggingface" }, classes = function()
    local seen = {}
    for _, record in ipairs(items) do
      local label = read_hf(nil, record)
      if type(label) == "string" then seen[label] = true end
    end
    return common.sorted(seen)
  end })
end

local function open_metadata(path, split)
  if path:find "%.csv$" then return open_csv(path, split) end
  local self, message, code = open_lines(path, common.folder(path), read_hf, split)
  if not self then return nil, message, code end
  self.classes, self.meta = label_classes, { format = "huggingface" }
  return self
end

function hf.open(path, opts)
  if core.file.info(path).type == "file" then return open_metadata(path) end
  local dir, parts = common.trim(path), {}
  local top = metadata_in(dir)
  if top and not opts.split then return open_metadata(top) end
  for _, split in ipairs(SPLITS) do
    local name = metadata_in(dir .. "/" .. split)
    if name and (not opts.split or opts.split == split) then
      local part, message, code = open_metadata(name, split)
      if not part then return nil, message, code end
      parts[#parts + 1] = part
    end
  end
  if #parts == 0 then return nil, ("%s: no metadata.jsonl%s"):format(path, opts.split and " of the split " .. opts.split or ""), "unsupported" end
  return #parts == 1 and parts[1] or index_module.join(parts)
end

function hf.place(name, split) return (split or "train") .. "/" .. name end

local function hf_objects(label)
  local objects, keys = { bbox = json.array {}, category = json.array {} }, {}
  local ids = false
  for _, object in ipairs(label.shapes) do
    if object.id ~= nil then ids = true end
    for key in next, object.extra or {} do keys[key] = true end
  end
  local list = common.sorted(keys)
  if ids then objects.id = json.array {} end
  for _, key in ipairs(list) do objects[key] = json.array {} end
  for _, object in ipairs(label.shapes) do
    local box = common.box_of(object)
    if box then
      table.insert(objects.bbox, json.array { box[1], box[2], box[3], box[4] })
      local k = #objects.bbox
      objects.category[k] = object.class == nil and null or object.class
      if ids then objects.id[k] = object.id == nil and null or object.id end
      for _, key in ipairs(list) do
        local v = object.extra and object.extra[key]
        objects[key][k] = v == nil and null or v
      end
    end
  end
  return objects
end

--- SPLIT/metadata.jsonl (train without splits).
function hf.finish(folder, records, opts)
  for _, split in ipairs(opts.splits) do
    local dir = split or "train"
    local out = folder:open(dir .. "/metadata.jsonl")
    for record in records(split) do
      local line = {}
      if common.is_shapes(record.label) then
        for key, value in next, record.label.extra or {} do line[key] = value end
        line.objects = hf_objects(record.label)
      elseif type(record.label) == "table" and not json.is_array(record.label) then
        for key, value in next, record.label do line[key] = value end
      else line.label = record.label end
      line.file_name = record.name:sub(#dir + 2)
      out:write(json.encode(line), "\n")
    end
    out:commit()
  end
end

return { jsonl = ours, huggingface = hf }
