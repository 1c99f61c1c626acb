--- A JSON object per line: path and any label, shapes included, nothing lost; semantic masks are PNG files in masks.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local lines = require "brink.labels.formats.lines"
local json = core.json

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

-- The semantic mask in a file of its own.
local function read_mask(self, label, where)
  local given = label.segmentation
  if type(given) ~= "table" then return end
  label.segmentation = nil
  local why = common.refusal(given.file)
  local path = not why and self.root .. "/" .. given.file
  local image, message, code
  if path then image, message, code = core.image.load(path, { keep_palette = true }) end
  if not image then return self.report:fail(self.file.path, ("%s: label.segmentation.file: %s"):format(where, why or message), code) end
  label.segmentation = image
end

local function read(self, record, path, where)
  local label = lines.plain(record.label)
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
  read_mask(self, label, where)
  return label
end

local KEYS = { path = true, label = true, split = true }

local function beside(_, record)
  local _, key = lines.path_of(record)
  local fields = common.unknown(record, { [key] = true, label = true, split = true })
  return fields and { jsonl = fields }
end

local function take_classes(record, seen) common.take_classes(lines.plain(record.label), seen) end

local function ours_in(dir)
  for _, name in ipairs { "labels.jsonl", "dataset.jsonl", "annotations.jsonl" } do if common.is_file(dir .. "/" .. name) then return dir .. "/" .. name end end
end

local M = { name = "jsonl", doc = "a JSON object per line: path and any label" }

function M.detect(path, info)
  if info.type == "dir" then return ours_in(common.trim(path)) ~= nil end
  if not path:find "%.jsonl$" and not path:find "%.ndjson$" or common.base(path) == "metadata.jsonl" then return false end
  local record = lines.first_record(path)
  return record ~= nil and lines.path_of(record) ~= nil
end

--- opts: images (folder the paths are relative to; else that of the file).
function M.open(path, opts)
  local name = core.file.info(path).type == "file" and path or ours_in(common.trim(path))
  if not name then return nil, path .. ": no labels.jsonl in it", "unsupported" end
  local self, message, code = lines.open(name, opts.images and common.trim(opts.images) or common.folder(name), { read = read, beside = beside, classes = take_classes })
  if not self then return nil, message, code end
  local settings = json.decode(core.file.read(common.folder(name) .. "/" .. SETTINGS) or "null")
  self.meta = type(settings) == "table" and type(settings.meta) == "table" and settings.meta or {}
  self.meta.format = "jsonl"
  self.label_meta = self.meta.label or {}
  if type(settings) == "table" and type(settings.classes) == "table" then self.classes = settings.classes end
  return self
end

function M.place(name, split) return (split and "images/" .. split .. "/" or "images/") .. name end

-- Where the semantic mask of a picture goes.
local function mask_place(record) return "masks/" .. common.stem((record.name:gsub("^images/", ""))) .. ".png" end

--- The semantic mask, as a picture of its own.
function M.files(record)
  local label = record.label
  local mask = common.is_shapes(label) and label.segmentation
  if type(mask) ~= "userdata" then return {} end
  return { { mask_place(record), assert(mask:encode("png", { palette = label.palette and common.palette_bytes(label.palette) or nil })) } }
end

--- labels.jsonl, and dataset.json with the classes and what else the set knows.
function M.finish(folder, records, opts)
  local out = folder:open "labels.jsonl"
  for record in records() do
    local line, label = {}, record.label
    for key, value in next, record.beside and record.beside.jsonl or {} do if not KEYS[key] then line[key] = value end end
    if common.is_shapes(label) and label.segmentation then label.segmentation.file = mask_place(record) end
    line.path, line.label, line.split = record.name, label, record.split or nil
    out:write(json.encode(line), "\n")
  end
  out:commit()
  out = folder:open(SETTINGS)
  out:write(json.encode({ classes = json.array(opts.classes), meta = opts.meta }, { indent = 2 }), "\n")
  out:commit()
end

return M
