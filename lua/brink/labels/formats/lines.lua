--- A file with a JSON object for each picture, a line each: indexed in one pass, every line read again when it is asked for.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local rows = require "brink.labels.formats.rows"
local json, null = core.json, core.json.null

local M = {}

local PATHS = { "path", "file_name", "image", "file", "filename", "image_path" }

--- Path of the picture a record is about, and the field it stands in.
function M.path_of(record)
  for _, key in ipairs(PATHS) do if type(record[key]) == "string" then return record[key], key end end
end

--- The first record of a file, nil when it begins with none.
function M.first_record(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local line = f:read(1 << 20) or ""
  f:close()
  local record = json.decode((line:gsub("^\xEF\xBB\xBF", ""):match "^[^\n]*"))
  return type(record) == "table" and record or nil
end

--- A value, nil for JSON's null.
function M.plain(v)
  if v == null then return nil end
  return v
end

local Index = {}
Index.__index = Index

function Index:get(k)
  local at, n, line = self.places:get(k)
  local record = json.decode(self.file:piece(at, n), self.file.path)
  if type(record) ~= "table" then error(self.file.path .. ": it has changed since it was opened", 0) end
  local rel = M.path_of(record):gsub("^%./", "")
  local path = common.join(self.root, rel)
  return { path = path, relative = rel, name = common.base(rel), split = self.split or (type(record.split) == "string" and record.split or nil),
    read_label = function() return (self.read(self, record, path, ("%s:%d"):format(self.file.path, line))) end,
    read_beside = function() return self.beside(self, record) end }
end

-- A line as a record with a path that can be followed; nil and what is wrong.
local function check(text, path, number)
  local record, why = json.decode(text, path)
  if record == nil then return nil, (why:gsub(":1:(%d+):", function(column) return (":%d:%s:"):format(number, column) end, 1)) end
  if type(record) ~= "table" or json.is_array(record) then return nil, ("%s:%d: an object expected, got %s"):format(path, number, common.show(record)) end
  local rel = M.path_of(record)
  why = common.refusal(rel)
  if why then return nil, ("%s:%d: %s: %s"):format(path, number, rel and common.show(rel) or "path", why) end
  return record
end

--- Go over the lines once; those that cannot be used are named. read(index, record, path, where) gives a label, beside(index,
-- record) what else the line says; class_of(record, seen) takes its classes into a set.
function M.open(path, root, reading, split)
  local file, message, code = rows.open(path)
  if not file then return nil, message, code end
  local self = setmetatable({ file = file, root = root, read = reading.read, beside = reading.beside, split = split, places = rows.places(), count = 0,
    report = common.report(), label_meta = {} }, Index)
  local seen = {}
  for text, at, number in file:lines() do
    if text:find "%S" then
      local record, why = check(text, path, number)
      if record then
        self.places:add(at, #text, number)
        reading.classes(record, seen)
      else self.report:fail(path, why) end
    end
  end
  self.count, self.classes = self.places.count, common.sorted(seen)
  return self
end

return M
