--- Hugging Face imagefolder: metadata.jsonl or metadata.csv beside the pictures, with file_name and any columns; objects of bbox
-- and category are boxes (huggingface.co/docs/datasets/image_dataset).
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local index_module = require "brink.dataset.index"
local lines = require "brink.labels.formats.lines"
local rows = require "brink.labels.formats.rows"
local json, null = core.json, core.json.null

local SPLITS = { "train", "val", "valid", "validation", "test" }
local COLUMNS = { bbox = true, category = true, categories = true, label = true, labels = true }

-- The column of the objects' classes.
local function class_column(objects)
  for _, name in ipairs { "category", "categories", "label", "labels" } do if type(objects[name]) == "table" then return name end end
  return "category"
end

local function read_objects(self, objects, path, where)
  local width, height, code = common.size(path)
  if not width then
    self.report:fail(path, height, code)
    return nil
  end
  local label = { kind = "shapes", width = width, height = height, shapes = json.array {}, meta = self.label_meta }
  local column = class_column(objects)
  if type(objects.bbox) ~= "table" then
    self.report:fail(path, where .. ": objects.bbox: a list expected")
    return label
  end
  for k, b in ipairs(objects.bbox) do
    local box, why = common.numbers(b, 4)
    if box then box, why = common.box(self.report, b[1], b[2], b[3], b[4], width, height) end
    if not box then self.report:fail(path, ("%s: objects.bbox[%d]: %s"):format(where, k - 1, why))
    else
      local object = { class = objects[column] and lines.plain(objects[column][k]), box = box }
      for key, list in next, objects do
        if not COLUMNS[key] and type(list) == "table" then
          if key == "id" then object.id = lines.plain(list[k])
          else
            object.extra = object.extra or {}
            object.extra[key] = list[k]
          end
        end
      end
      label.shapes[#label.shapes + 1] = object
    end
  end
  if column ~= "category" then label.class_column = column end
  return label
end

local LABELS = { "label", "labels", "text", "caption" }

-- The column that is the label, nil for none.
local function label_column(record)
  for _, key in ipairs(LABELS) do if record[key] ~= nil then return key end end
end

-- The label of a record without objects: a column, else all of them.
local function other_label(record)
  local key = label_column(record)
  if key then return lines.plain(record[key]) end
  return common.unknown(record, { file_name = true })
end

local function read(self, record, path, where)
  if type(record.objects) ~= "table" then return other_label(record) end
  local label = read_objects(self, record.objects, path, where)
  if label then label.extra = common.unknown(record, { file_name = true, objects = true }) end
  return label
end

-- The other columns, and how that of the label is called.
local function beside(_, record)
  local key = type(record.objects) ~= "table" and label_column(record)
  local fields = key and common.unknown(record, { file_name = true, [key] = true })
  if not key or key == "label" and not fields then return nil end
  return { huggingface = { column = key, fields = fields } }
end

local function take_classes(record, seen)
  local objects = record.objects
  if type(objects) ~= "table" then return common.take_classes(other_label(record), seen) end
  for _, class in ipairs(objects[class_column(objects)] or {}) do if class ~= json.null then seen[class] = true end end
end

local READING = { read = read, beside = beside, classes = take_classes }

local function metadata_in(dir)
  for _, name in ipairs { "metadata.jsonl", "metadata.csv" } do if common.is_file(dir .. "/" .. name) then return dir .. "/" .. name end end
end

local M = { name = "huggingface", doc = "Hugging Face imagefolder: metadata.jsonl or metadata.csv" }

function M.detect(path, info)
  if info.type == "file" then return common.base(path) == "metadata.jsonl" or common.base(path) == "metadata.csv" end
  local dir = common.trim(path)
  if metadata_in(dir) then return true end
  for _, split in ipairs(SPLITS) do if metadata_in(dir .. "/" .. split) then return true end end
  return false
end

-- The next row as a record: file_name and columns of text.
local function csv_record(head, fields)
  local record = {}
  for k, name in ipairs(head) do record[name] = fields[k] end
  return record
end

-- metadata.csv: the rows are read again when they are asked for.
local function open_csv(path, split)
  local file, message, code = rows.open(path)
  if not file then return nil, message, code end
  local report, places, seen, head = common.report(), rows.places(), {}, nil
  for at, text, line, fields, why in rows.rows(file, ",") do
    if fields and not head then head = fields
    elseif fields and #fields == #head then
      local record = csv_record(head, fields)
      why = common.refusal(record.file_name)
      if not why then
        places:add(at, #text, line)
        common.take_classes(other_label(record), seen)
      end
    elseif fields and text ~= "" then why = ("%d columns expected, got %d"):format(#head, #fields) end
    if why then report:fail(path, ("%s:%d: %s"):format(path, line, why)) end
  end
  local root = common.folder(path)
  local self = { count = places.count, report = report, split = split, meta = { format = "huggingface" }, classes = common.sorted(seen) }
  function self.get(_, k)
    local at, n = places:get(k)
    local record = csv_record(head, rows.split(file:piece(at, n), ","))
    return { path = common.join(root, record.file_name), relative = record.file_name, name = common.base(record.file_name), split = split, label = other_label(record),
      read_beside = function() return beside(nil, record) end }
  end
  return self
end

local function open_metadata(path, split)
  if path:find "%.csv$" then return open_csv(path, split) end
  local self, message, code = lines.open(path, common.folder(path), READING, split)
  if not self then return nil, message, code end
  self.meta = { format = "huggingface" }
  return self
end

function M.open(path, opts)
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

function M.place(name, split) return (split or "train") .. "/" .. name end

local function objects_of(label)
  local column = label.class_column or "category"
  local objects, keys = { bbox = json.array {}, [column] = json.array {} }, {}
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
      objects[column][k] = object.class == nil and null or object.class
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
function M.finish(folder, records, opts)
  for _, split in ipairs(opts.splits) do
    local dir = split or "train"
    local out = folder:open(dir .. "/metadata.jsonl")
    for record in records(split) do
      local line = {}
      if common.is_shapes(record.label) then
        for key, value in next, record.label.extra or {} do line[key] = value end
        line.objects = objects_of(record.label)
      elseif type(record.label) == "table" and not json.is_array(record.label) then
        for key, value in next, record.label do line[key] = value end
      else
        local also = record.beside and record.beside.huggingface or {}
        for key, value in next, also.fields or {} do line[key] = value end
        line[also.column or "label"] = record.label
      end
      line.file_name = record.name:sub(#dir + 2)
      out:write(json.encode(line), "\n")
    end
    out:commit()
  end
end

return M
