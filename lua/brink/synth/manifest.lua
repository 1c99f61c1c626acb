--- The folder of a synthesis: pictures, manifest.jsonl with a line per picture, skipped.jsonl with a line per draw that gave none.
--
-- A line in the manifest means that its picture is whole and on disk: a batch's
-- pictures are synced, then its lines written and synced. What a run that was
-- killed leaves behind (a torn last line, pictures without a line) is dropped or
-- written again, so a run that goes on ends with the same bytes as one that was
-- never stopped.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local file, json = core.file, core.json

local M = { NAME = "manifest.jsonl", SKIPPED = "skipped.jsonl", SETTINGS = "synthesis.json", WORK = ".brink" }

local BATCH, SECONDS = 32, 1 -- pictures, and time, between two syncs

local Folder = {}
Folder.__index = Folder

local World = { __tostring = function(e) return e.message end }

--- Raise a failure of the world; M.failure tells it from other errors.
local function try(value, message, code)
  if value == nil then error(setmetatable({ message = tostring(message), code = code or "io" }, World), 0) end
  return value
end
M.try = try

--- message, code of an error raised by try, else nil.
function M.failure(err)
  if getmetatable(err) == World then return err.message, err.code end
end

local SOURCE = { "path", "name", "relative" }

--- A sample's path, name and relative path for a line. JSON holds no bytes that are not UTF-8: such a name has its bytes in hex
-- beside it.
function M.source(sample)
  local out = {}
  for _, key in ipairs(SOURCE) do
    local text = sample[key]
    out[key] = text
    if text and not utf8.len(text) then out[key .. "_hex"] = text:gsub(".", function(c) return ("%02x"):format(c:byte()) end) end
  end
  return out
end

-- The bytes of the names in a line that was read.
local function restore(source)
  for _, key in ipairs(SOURCE) do
    local hex = source[key .. "_hex"]
    if type(hex) == "string" then source[key] = hex:gsub("%x%x", function(x) return string.char(tonumber(x, 16)) end) end
  end
end

--- Iterator over the complete lines of a file: record, number of the line, position after it. A last line without its end is
-- left out. Raises on a line that is no JSON object; a missing file has no lines.
function M.lines(path)
  local f = io.open(path, "rb")
  local number, at = 0, 0
  return function()
    local line = f and f:read("L")
    if not line or line:sub(-1) ~= "\n" then
      if f then f:close() end
      f = nil
      return nil
    end
    number, at = number + 1, at + #line
    local record, message = json.decode(line)
    if type(record) ~= "table" or math.type(record.n) ~= "integer" then
      f:close()
      f = nil
      try(nil, ("%s: line %d: %s"):format(path, number, message or "not a line of a manifest"), "damaged")
    end
    if type(record.source) == "table" then restore(record.source) end
    return record, number, at
  end
end

-- Cut a file after the lines that count; `keep(record)` says which do. Returns the number of lines kept.
local function trim(path, keep)
  local info = try(file.info(path))
  if info.type == "missing" then return 0 end
  local good, count = 0, 0
  for record, _, at in M.lines(path) do
    if not keep(record) then break end
    good, count = at, count + 1
  end
  if good < info.size then try(file.truncate(path, good)) end
  return count
end

local function differing(a, b)
  local keys, seen, out = {}, {}, {}
  for _, t in ipairs { a, b } do
    for key in pairs(t) do
      if not seen[key] then
        seen[key] = true
        keys[#keys + 1] = key
      end
    end
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local function text(v) return v == nil and "" or json.encode(v) end
    if text(a[key]) ~= text(b[key]) then out[#out + 1] = key end
  end
  return out
end

--- Open (and make) the folder for writing, and clear up after a run that was killed. Raises by M.try.
-- settings: a table of data; with strict = true a folder with pictures made by other settings is refused.
-- Returns an object: `last` (highest draw number with a line), `count` (lines), `names` (those in use).
function M.open(dir, settings, strict)
  try(file.mkdirs(dir .. "/" .. M.WORK .. "/tmp"))
  local self = setmetatable({ dir = dir, names = {}, last = 0, count = 0, missing = 0, batch = {}, beside = {}, skips = {}, folders = {}, clock = core.term.clock() }, Folder)
  self.guard = try(file.lock(dir .. "/" .. M.WORK .. "/lock"))
  local ok, err = pcall(self.recover, self, settings, strict)
  if not ok then
    self.guard:close()
    error(err, 0)
  end
  return self
end

function Folder:recover(settings, strict)
  for _, name in ipairs(try(file.list(self.dir .. "/" .. M.WORK .. "/tmp"))) do try(file.remove(self.dir .. "/" .. M.WORK .. "/tmp/" .. name)) end
  local path = self.dir .. "/" .. M.NAME
  trim(path, function(record)
    if record.n <= self.last or type(record.name) ~= "string" then
      try(nil, ("%s: draw %d follows draw %d"):format(path, record.n, self.last), "damaged")
    end
    self.last, self.count = record.n, self.count + 1
    self.names[record.name] = record.n
    if file.info(self.dir .. "/" .. record.name).type == "missing" then self.missing = self.missing + 1 end
    return true
  end)
  trim(self.dir .. "/" .. M.SKIPPED, function(record) return record.n <= self.last end)
  local settings_path = self.dir .. "/" .. M.SETTINGS
  if strict and self.count > 0 then
    local old = json.decode(file.read(settings_path) or "") or {}
    local list = differing(old, settings)
    if #list > 0 then
      try(nil, ("%s: its pictures were made with other settings (%s); choose another folder, or do without total to add to them")
        :format(self.dir, table.concat(list, ", ")), "mismatch")
    end
  end
  try(file.write(settings_path, json.encode(settings, { indent = 2 }) .. "\n", { durable = true }))
  self.out = try(file.appender(path))
  self.out_skipped = try(file.appender(self.dir .. "/" .. M.SKIPPED))
end

--- Where the picture of draw n waits until its turn.
function Folder:waiting(n) return ("%s/%s/tmp/%d"):format(self.dir, M.WORK, n) end

-- Make a folder of a file to be written, once.
function Folder:room(name)
  local folder = name:match "^(.*)/[^/]*$"
  local path = folder and self.dir .. "/" .. folder or self.dir
  if not self.folders[path] then
    try(file.mkdirs(path))
    self.folders[path] = true
  end
  return path
end

--- Take in the waiting picture of record.n under record.name, and files beside it ({ { path, text }, ... }). In order of draws.
function Folder:add(record, files)
  local other = self.names[record.name]
  if other then error(("name: %q is given to draws %d and %d"):format(record.name, other, record.n), 0) end
  self.names[record.name] = record.n
  local path = self:room(record.name)
  for _, f in ipairs(files or {}) do
    local at = self.dir .. "/" .. f[1]
    local beside = self:room(f[1])
    try(file.write(at, f[2], { durable = false }))
    table.insert(self.beside, { path = at, folder = beside })
  end
  try(file.rename(self:waiting(record.n), self.dir .. "/" .. record.name))
  table.insert(self.batch, { path = self.dir .. "/" .. record.name, folder = path, line = json.encode(record) .. "\n" })
  self:due()
end

--- A draw that gave no picture.
function Folder:skip(record)
  table.insert(self.skips, json.encode(record) .. "\n")
  self:due()
end

function Folder:due()
  if #self.batch + #self.skips >= BATCH or core.term.clock() - self.clock > SECONDS then self:commit() end
end

--- What was added is on disk afterwards.
function Folder:commit()
  local paths, folders, lines = {}, {}, {}
  local function sync(b)
    paths[#paths + 1] = b.path
    if not folders[b.folder] then
      folders[b.folder] = true
      table.insert(paths, b.folder)
    end
  end
  for k, b in ipairs(self.batch) do
    sync(b)
    lines[k] = b.line
  end
  for _, b in ipairs(self.beside) do sync(b) end
  if next(self.folders) then paths[#paths + 1] = self.dir end
  if #paths > 0 then try(file.sync(paths)) end
  -- skips first: those behind the last picture's draw are drawn again after a crash
  if #self.skips > 0 then
    try(self.out_skipped:write(table.concat(self.skips)))
    try(self.out_skipped:sync())
    self.skips = {}
  end
  if #lines > 0 then
    try(self.out:write(table.concat(lines)))
    try(self.out:sync())
    self.count = self.count + #lines
  end
  self.batch, self.beside, self.clock = {}, {}, core.term.clock()
end

--- Release everything; what was not committed is dropped.
function Folder:close()
  if self.out then self.out:close() end
  if self.out_skipped then self.out_skipped:close() end
  self.guard:close()
end
Folder.__close = Folder.close

return M
