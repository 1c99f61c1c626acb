--- Data sets: a folder of pictures, a table of samples, or whatever a registered reader knows.
--
-- Only names are kept; pixels are read sample by sample. Order is bytewise by path
-- and does not depend on the file system.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local map = require "brink.map"
local sample = require "brink.sample"

local M = {}

local Dataset = { __name = "brink.Dataset" }
local methods = {}
local readers = {} -- in the order they are asked

-- Names by which a file asks to be read as a picture; others in the folder are counted as ignored.
local PICTURE = { png = true, jpg = true, jpeg = true, jpe = true, jfif = true, bmp = true, gif = true, tif = true, tiff = true, webp = true,
  ppm = true, pgm = true, pbm = true, avif = true, heic = true, jxl = true, jp2 = true }

--- Add a reader { name, detect = function(path, info) -> boolean, read = function(path, opts) -> list of samples (tables), extra }.
-- `extra` may hold `failures` (list of { path, reason, code }), `classes` and `ignored`. Readers added later are asked first.
function M.register(reader)
  if type(reader) ~= "table" or type(reader.name) ~= "string" or type(reader.detect) ~= "function" or type(reader.read) ~= "function" then
    error("dataset.register: { name, detect, read } expected", 2)
  end
  table.insert(readers, 1, reader)
end

function Dataset.__index(self, key)
  if key == "fingerprint" then return self:identity() end
  return methods[key]
end
function Dataset.__len(self) return self.count end

function Dataset:__tostring()
  return ("data set of %d pictures%s%s%s"):format(self.count, self.path and " in " .. self.path or "",
    #self.classes > 0 and (", %d classes"):format(#self.classes) or "", #self.failures > 0 and (", %d unreadable"):format(#self.failures) or "")
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

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function classes_of(list)
  local seen = {}
  for _, s in ipairs(list) do if type(s.label) == "string" then seen[s.label] = true end end
  return sorted(seen)
end

local function finish(list, extra)
  local self = setmetatable({}, Dataset)
  for k, s in ipairs(list) do self[k] = sample.new(s) end
  self.count = #list
  self.failures = extra.failures or {}
  self.ignored = extra.ignored or 0
  self.classes = extra.classes or classes_of(list)
  self.path = extra.path
  return self
end

-- Every file below dir, depth first in bytewise order of the relative path. Folders already seen (links in a circle) and
-- hidden names are passed over.
local function walk(dir, relative, out, seen)
  local names, message, code = core.file.list(dir)
  if not names then
    out.failures[#out.failures + 1] = { path = dir, reason = message, code = code }
    return
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local path, rel = dir .. "/" .. name, relative .. name
    local info = core.file.info(path)
    if name:sub(1, 1) == "." then
      out.ignored = out.ignored + 1
    elseif info and info.type == "dir" then
      local key = ("%s:%s"):format(info.dev, info.ino)
      if not seen[key] then
        seen[key] = true
        walk(path, rel .. "/", out, seen)
      end
    elseif PICTURE[(name:match "%.(%w+)$" or ""):lower()] then
      out.files[#out.files + 1] = { path = path, relative = rel }
    else
      out.ignored = out.ignored + 1
    end
  end
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
  read = function(path, opts)
    local label = labeller(opts.labels)
    local out = { files = {}, failures = {}, ignored = 0 }
    local root = path:gsub("(.)/+$", "%1")
    local info = core.file.info(root)
    walk(root, "", out, { [("%s:%s"):format(info.dev, info.ino)] = true })
    table.sort(out.files, function(a, b) return a.relative < b.relative end)
    local list = {}
    for k, f in ipairs(out.files) do
      list[k] = { path = f.path, name = f.relative:match("[^/]*$"), relative = f.relative, label = label(f.relative) }
    end
    return list, { failures = out.failures, ignored = out.ignored, path = root }
  end,
}

M.register {
  name = "file",
  detect = function(path, info) return info.type == "file" and PICTURE[(path:match "%.(%w+)$" or ""):lower()] or false end,
  read = function(path, opts)
    local label = labeller(opts.labels)
    local name = path:match("[^/]*$")
    return { { path = path, name = name, relative = name, label = label(path) } }, { path = path }
  end,
}

--- A data set from a folder, a file some reader knows, a table of samples (tables of sample.lua, or paths), or a data set.
-- opts: labels (see labeller above; a reader may take more), format (the reader's name). Returns a data set: `#data`,
-- `data[k]`, `data:samples()`, `failures`, `classes`, `ignored`, `fingerprint`. Raises on misuse; a path that is
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
  if info.type == "missing" then return nil, source .. ": no such file or folder", "io" end
  for _, reader in ipairs(readers) do
    if (opts.format == nil or opts.format == reader.name) and (opts.format or reader.detect(source, info)) then
      local list, extra, word = reader.read(source, opts)
      if not list then return nil, extra, word end
      return finish(list, extra or {})
    end
  end
  if opts.format then error("dataset: format: no reader named " .. tostring(opts.format), 2) end
  return nil, source .. ": not a folder of pictures and no known data set format", "unsupported"
end

require "brink.dataset.manifest"(M.register)

return setmetatable(M, { __call = function(_, source, opts) return M.open(source, opts) end })
