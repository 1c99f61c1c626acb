--- Label formats of one's own, in Lua.
--
--   brink.label_format {
--     name = "polar", extension = ".polar",           -- a file beside each picture
--     decode = function(text, picture) return label end,
--     encode = function(label, picture) return text end,
--     transform = function(label, warp) return label end,
--   }
--
-- picture: { path, name, width, height }. decode gives a label of shapes (labels/shapes.lua), which moves by itself, or
-- any table, which `transform` moves: warp:point(x, y), warp:polygon, warp:box, warp:mask. What decode raises is
-- the label file's failure.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local index_module = require "brink.dataset.index"
local nearest = require "brink.nearest"

local M = {}

local FIELDS = { "name", "doc", "extension", "detect", "decode", "encode", "transform" }
local defined, order = {}, {}

local function check(given)
  if type(given) ~= "table" then error("label_format: a table expected, got " .. type(given), 3) end
  for key in next, given do
    local ok = false
    for _, name in ipairs(FIELDS) do ok = ok or name == key end
    if not ok then error(("label_format: no field %s%s"):format(tostring(key), nearest.hint(tostring(key), FIELDS)), 3) end
  end
  if type(given.name) ~= "string" or given.name == "" then error("label_format: name: a text expected", 3) end
  for _, key in ipairs { "detect", "decode", "encode", "transform" } do
    if given[key] ~= nil and type(given[key]) ~= "function" then
      error(("label_format %s: %s: a function expected, got %s"):format(given.name, key, type(given[key])), 3)
    end
  end
  if not given.decode then error(("label_format %s: decode: a function expected"):format(given.name), 3) end
  local extension = given.extension or "." .. given.name
  if type(extension) ~= "string" or not extension:find "^%.[^/]+$" then
    error(("label_format %s: extension: a text as \".abc\" expected, got %s"):format(given.name, common.show(extension)), 3)
  end
  return extension
end

-- A message without where in Lua it was raised.
local function plain(err) return (tostring(err):gsub("^[^\n:]*:%d+: ", "")) end

local function read_label(self, path)
  local file = common.stem(path) .. self.extension
  local text, message, code = core.file.read(file, 1 << 28)
  if not text then
    self.report:fail(file, message, code)
    return nil
  end
  local width, height
  width, height, code = common.size(path)
  if not width then
    self.report:fail(path, height, code)
    return nil
  end
  local ok, label, why = pcall(self.decode, text, { path = path, name = common.base(path), width = width, height = height })
  if not ok or label == nil then
    self.report:fail(file, ("%s: %s"):format(file, ok and (why or "decode returned nothing") or plain(label)))
    return nil
  end
  if common.is_shapes(label) then label.width, label.height = label.width or width, label.height or height
  elseif type(label) == "table" and label.kind == nil and self.transform then label.kind = self.name end
  return label
end

--- A format from its description (checked; raises on misuse). Returns a reader for dataset.register.
function M.define(given)
  local extension = check(given)
  local format = { name = given.name, doc = given.doc or given.name, extension = extension, transform = given.transform, encode = given.encode }
  local function has_label(name) return name:sub(-#extension) == extension end
  function format.detect(path, info)
    if given.detect then return given.detect(path, info) and true or false end
    return info.type == "dir" and #common.walk(common.trim(path), has_label, nil, 1) > 0
  end
  function format.open(path)
    local root, report = common.trim(path), common.report()
    if common.is_file(root) then root = common.folder(root) end
    local files, ignored = common.walk(root, common.is_picture, report)
    local items = {}
    for _, rel in ipairs(files) do if common.is_file(root .. "/" .. common.stem(rel) .. extension) then items[#items + 1] = rel end end
    return index_module.list(items, function(rel, _, self)
      local at = root .. "/" .. rel
      return { path = at, relative = rel, name = common.base(rel), read_label = function() return read_label(self, at) end }
    end, { report = report, ignored = ignored, decode = given.decode, transform = given.transform, name = given.name, extension = extension,
      meta = { format = given.name } })
  end
  if given.encode then
    function format.place(name, split) return (split and split .. "/" or "") .. name end
    function format.files(record)
      local ok, text = pcall(given.encode, record.label, { name = common.base(record.name), width = record.width, height = record.height })
      if not ok then return nil, plain(text) end
      if type(text) ~= "string" then return nil, ("encode: a text expected, got %s"):format(type(text)) end
      return { { common.stem(record.name) .. extension, text } }
    end
    function format.finish() end
  end
  if not defined[given.name] then order[#order + 1] = given.name end
  defined[given.name] = format
  return format
end

function M.get(name) return defined[name] end

function M.list()
  local out = {}
  for k, name in ipairs(order) do out[k] = defined[name] end
  return out
end

--- The function that moves this label, when its format has one.
function M.transform_of(label)
  local format = type(label) == "table" and defined[label.kind]
  return format and format.transform
end

return M
