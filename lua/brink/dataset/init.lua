--- Data sets: a folder of pictures, a table of samples, or whatever a registered reader knows.
--
-- Only names are kept; pixels are read sample by sample. Order is bytewise by path
-- and does not depend on the file system.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local map = require "brink.map"
local nearest = require "brink.nearest"
local sample = require "brink.sample"
local shown = require "brink.shown"
local index_module = require "brink.dataset.index"

local M = {}

local Dataset = { __name = "brink.Dataset" }
local methods = {}
local readers = {} -- in the order they are asked

--- Add a reader { name, detect = function(path, info, opts) -> boolean } with one of
-- read = function(path, opts) -> list of samples (tables), extra, for sets that fit in a table; `extra` may hold `failures` (list
-- of { path, reason, code }), `classes`, `meta` and `ignored`;
-- open = function(path, opts) -> index (dataset/index.lua), for sets of any size.
-- Either may return nil, message, code. Readers added later are asked first; one of the same name takes the other's place.
function M.register(reader)
  if type(reader) ~= "table" or type(reader.name) ~= "string" or type(reader.detect) ~= "function" or
    (type(reader.read) ~= "function" and type(reader.open) ~= "function") then
    error("dataset.register: { name, detect, read or open } expected", 2)
  end
  for k = #readers, 1, -1 do if readers[k].name == reader.name then table.remove(readers, k) end end
  table.insert(readers, 1, reader)
end

--- Names of the formats that can be read, sorted.
function M.formats()
  local list = {}
  for k, reader in ipairs(readers) do list[k] = reader.name end
  table.sort(list)
  return list
end

-- Sample k of an index; made again when nobody holds it any more.
local function fetch(self, k)
  if k < 1 or k > self.count then return nil end
  local held = self.held[k]
  if held then return held end
  local s = sample.new(self.index:get(k))
  self.held[k] = s
  return s
end

function Dataset.__index(self, key)
  local index = rawget(self, "index")
  if index and math.type(key) == "integer" then return fetch(self, key) end
  if key == "fingerprint" then return self:identity() end
  if key == "classes" then
    local list = index and index.classes or {}
    if type(list) == "function" then list = list(index) end
    rawset(self, "classes", list)
    return list
  end
  return methods[key]
end
function Dataset.__len(self) return self.count end

function Dataset:__tostring()
  return ("data set of %s%s%s%s"):format(shown.count(self.count, "picture"), self.path and " in " .. self.path or "",
    #self.classes > 0 and ", " .. shown.count(#self.classes, "class", "classes") or "", #self.failures > 0 and (", %d unreadable"):format(#self.failures) or "")
end

--- Iterator over the samples in order: for s in data:samples() do.
function methods:samples()
  local k = 0
  return function()
    k = k + 1
    return self[k]
  end
end

--- Hash over the ids and labels of all samples (32 hex digits); reads every file once. Samples that cannot be read count
-- by their path. Also the field `fingerprint`.
function methods:identity()
  local known = rawget(self, "known")
  if known then return known end
  local parts = {}
  map.each(self, function(s)
    local id, message = s:identify()
    return (id or "unreadable " .. tostring(message)) .. " " .. sample.label_text(s.label)
  end, { each = function(text, k) parts[k] = text end })
  known = core.file.hash_text(table.concat(parts, "\n"))
  rawset(self, "known", known)
  return known
end

local function classes_of(list)
  local seen = {}
  for _, s in ipairs(list) do if type(s.label) == "string" then seen[s.label] = true end end
  return common.sorted(seen)
end

local function finish(list, extra)
  local self = setmetatable({}, Dataset)
  for k, s in ipairs(list) do self[k] = sample.new(s) end
  self.count = #list
  self.failures = extra.failures or {}
  self.ignored = extra.ignored or 0
  self.classes = extra.classes or classes_of(list)
  self.meta = extra.meta or {}
  self.path = extra.path
  return self
end

local function finish_index(index, path, format)
  local report = index.report or common.report()
  return setmetatable({ index = index, count = index.count, held = setmetatable({}, { __mode = "v" }), failures = report.failures, report = report,
    ignored = index.ignored or 0, meta = index.meta or {}, path = index.path or path, format = format }, Dataset)
end

--- Read every label once. Returns the set's failures (all of them are known then), and { lost, clipped }: entries that
-- could not be used, coordinates set back to the frame.
function methods:check()
  local report = self.report or {}
  for k = 1, self.count do local _ = self[k].label end
  return self.failures, { lost = report.lost or #self.failures, clipped = report.clipped or 0 }
end

-- Labels of a folder: false or nil none; "folder" the name of the picture's folder; a function of the relative path; or a
-- table by relative path or by file name.
local function labeller(labels)
  if labels == nil or labels == false then return function() end end
  if labels == "folder" then return function(relative) return relative:match("([^/]+)/[^/]+$") end end
  if type(labels) == "function" then return labels end
  if type(labels) == "table" then
    return function(relative)
      local label = labels[relative]
      if label == nil then label = labels[relative:match("[^/]*$")] end
      return label
    end
  end
  error("dataset: labels: expected false, \"folder\", a function or a table, got " .. tostring(labels), 4)
end

M.register {
  name = "folder",
  detect = function(_, info) return info.type == "dir" end,
  open = function(path, opts)
    local label = labeller(opts.labels)
    local root, report = common.trim(path), common.report()
    local files, ignored = common.walk(root, common.is_picture, report)
    local any = opts.labels ~= nil and opts.labels ~= false
    return index_module.list(files, function(relative)
      return { path = root .. "/" .. relative, name = common.base(relative), relative = relative, label = any and label(relative) or nil }
    end, { report = report, ignored = ignored, path = root, classes = function(self)
      local seen = {}
      for k = 1, any and self.count or 0 do
        local value = self:get(k).label
        if type(value) == "string" then seen[value] = true end
      end
      return common.sorted(seen)
    end })
  end,
}

M.register {
  name = "file",
  detect = function(path, info) return info.type == "file" and common.is_picture(path) end,
  read = function(path, opts)
    local label = labeller(opts.labels)
    local name = path:match("[^/]*$")
    return { { path = path, name = name, relative = name, label = label(path) } }, { path = path }
  end,
}

--- A data set from a folder, a file some reader knows, a table of samples (tables of sample.lua, or paths), or a data set.
-- opts: labels (see labeller above; a reader may take more), format (the reader's name; else the first whose detect says
-- yes), split. Returns a data set: `#data`, `data[k]`, `data:samples()`, `failures`, `classes`, `ignored`, `fingerprint`,
-- `format`, `meta`, `check()`. Labels of large sets are read when they are asked for; what is wrong with them is in
-- `failures` from then on. Raises on misuse; a path that is
-- missing or unreadable gives nil, message, code.
function M.open(source, opts)
  opts = opts or {}
  if type(opts) ~= "table" then error("dataset: options: a table expected, got " .. type(opts), 2) end
  if getmetatable(source) == Dataset then return source end
  if type(source) == "table" then
    local list = {}
    for k = 1, #source do
      local ok, s = pcall(sample.new, source[k])
      if not ok then error(("dataset: entry %d: %s"):format(k, s), 2) end
      list[k] = s
    end
    return finish(list, { path = nil })
  end
  if type(source) ~= "string" or source == "" then error("dataset: a path or a table of samples expected, got " .. tostring(source), 2) end
  local info, message, code = core.file.info(source)
  if not info then return nil, message, code end
  if info.type == "missing" and require("brink.labels.formats.webdataset").is_pattern(source) then
    opts = setmetatable({ format = "webdataset" }, { __index = opts })
  elseif info.type == "missing" then return nil, source .. ": no such file or folder", "io" end
  for _, reader in ipairs(readers) do
    if (opts.format == nil or opts.format == reader.name) and (opts.format or reader.detect(source, info, opts)) then
      local got, extra, word
      if reader.open then got, extra, word = reader.open(source, opts) else got, extra, word = reader.read(source, opts) end
      if not got then return nil, extra, word end
      if reader.open then return finish_index(got, source, reader.name) end
      local set = finish(got, extra or {})
      set.format = reader.name
      return set
    end
  end
  if opts.format then
    local names = M.formats()
    error(("dataset: format: no reader named %s%s; there are %s"):format(tostring(opts.format), nearest.hint(tostring(opts.format), names),
      table.concat(names, ", ")), 2)
  end
  return nil, source .. ": not a folder of pictures and no known data set format", "unsupported"
end

for _, format in ipairs(require "brink.labels.formats".list()) do
  if format.open then M.register(format) end
end

require "brink.dataset.manifest"(M.register)

--- Write a data set: writer(format, folder[, options]). See dataset/writer.lua.
function M.writer(...) return require "brink.dataset.writer".new(...) end

--- Write all of a data set in a format (default: its own) into a folder. See dataset/writer.lua.
function M.write(...) return require "brink.dataset.writer".write(...) end

--- A label format of one's own. See labels/formats/custom.lua.
function M.label_format(format) return M.register(require "brink.labels.formats.custom".define(format)) end

return setmetatable(M, { __call = function(_, source, opts) return M.open(source, opts) end })
