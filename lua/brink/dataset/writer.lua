--- Writing a data set: pictures, their labels, and what describes the set as a whole, in any of the formats.
--
--   local out = dataset.writer("yolo", "generated", { classes = data.classes, meta = data.meta })
--   assert(out:add("0001.png", bytes, label, { width = 64, height = 48, split = "train" }))
--   assert(out:finish())
--
-- Pictures and the files beside them are written at once, each whole or not at all; a line in a log says that they
-- are. The files about the set (a COCO file, data.yaml, ...) are made from the log by finish, so a run that was killed and
-- started again on the same folder ends with the same bytes: what is in the log is not written again.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local formats = require "brink.labels.formats"
local nearest = require "brink.nearest"
local tar = require "brink.dataset.tar"
local file, json = core.file, core.json

local M = {}

local WORK = ".brink"
local LOG = WORK .. "/dataset.jsonl"
local OPTIONS = { "classes", "meta", "task", "shard", "splits" }

local World = { __tostring = function(e) return e.message end }
local function try(value, message, code)
  if value == nil or value == false then error(setmetatable({ message = tostring(message), code = code or "io" }, World), 0) end
  return value
end

-- f(...), with failures of the world as nil, message, code.
local function guarded(f, ...)
  local out = table.pack(pcall(f, ...))
  if out[1] then return table.unpack(out, 2, out.n) end
  if getmetatable(out[2]) == World then return nil, out[2].message, out[2].code end
  error(out[2], 0)
end

-- The folder -------------------------------------------------------------------------------------------------------------

local Folder = {}
Folder.__index = Folder

function Folder:mkdirs(path)
  if self.made[path] then return end
  try(file.mkdirs(path))
  self.made[path] = true
end

--- A file written piece by piece, there under its name after commit.
local Out = {}
Out.__index = Out
function Out:write(...)
  local ok, message = self.handle:write(...)
  if not ok then try(nil, ("%s: %s"):format(self.path, message)) end
  return self
end
function Out:commit()
  local ok, message = self.handle:close()
  if not ok then try(nil, ("%s: %s"):format(self.path, message)) end
  if file.sync then try(file.sync { self.path .. ".tmp" }) end
  try(file.rename(self.path .. ".tmp", self.path))
end

function Folder:open(relative)
  local path = self.dir .. "/" .. relative
  self:mkdirs(common.folder(path))
  local handle, message = io.open(path .. ".tmp", "wb")
  try(handle, message)
  return setmetatable({ path = path, handle = handle }, Out)
end

local function put(folder, root, relative, bytes)
  local path = root .. "/" .. relative
  folder:mkdirs(common.folder(path))
  try(file.write(path, bytes, { durable = false }))
end

-- The log ------------------------------------------------------------------------------------------------------------------

-- The label as it is logged: data; what all labels of the set share left out.
local function plain(label, meta)
  if not common.is_shapes(label) then return label end
  local out = require("brink.labels").record(label)
  if meta.label then out.meta = nil end
  return out
end

local Writer = {}
Writer.__index = Writer

-- Complete lines of the log; a torn last one is cut off.
local function recover(self)
  local path = self.dir .. "/" .. LOG
  if common.type_of(path) ~= "file" then return end
  local text = try(file.read(path))
  local good = 0
  for line, stop in text:gmatch "([^\n]*)\n()" do
    local record = json.decode(line)
    if type(record) ~= "table" or type(record.name) ~= "string" then break end
    self:note(record)
    self.count, good = self.count + 1, stop - 1
    self:note_split(record.split)
  end
  if good < #text then try(file.write(path, text:sub(1, good))) end
end

-- A picture that is there: its place and its stem are taken by the name it was given.
function Writer:note(record)
  self.known[record.name] = record.given or true
  if self.format.files or self.format.packs then self.stems[common.stem(record.name)] = record.given or true end
end

function Writer:note_split(split)
  local key = split or ""
  if self.seen[key] then return end
  self.seen[key] = true
  table.insert(self.splits, split or false)
end

local function options_of(given, level)
  given = given or {}
  if type(given) ~= "table" then error("dataset.writer: options: a table expected, got " .. type(given), level + 1) end
  for key in next, given do
    local ok = false
    for _, name in ipairs(OPTIONS) do ok = ok or name == key end
    if not ok then error(("dataset.writer: no option %s%s"):format(tostring(key), nearest.hint(tostring(key), OPTIONS)), level + 1) end
  end
  local opts = { classes = given.classes or {}, meta = given.meta or {}, task = given.task, shard = given.shard, class_ids = {} }
  for k, name in ipairs(opts.classes) do opts.class_ids[name] = opts.class_ids[name] or k end
  opts.plain = function(label) return plain(label, {}) end
  return opts
end

--- What the formats' functions take as options, from those of new.
function M.options(given) return options_of(given, 2) end

local function format_of(name, level)
  local format = formats.get(name)
  if not format or not format.place then
    local names = formats.writable()
    error(("dataset.writer: %s: no format of this name that can be written%s; there are %s"):format(tostring(name), nearest.hint(tostring(name), names),
      table.concat(names, ", ")), level + 1)
  end
  return format
end

--- A writer of a data set. format: a name (raises on one that cannot be written); dir: a folder, made if need be, or "-" for an
-- archive on standard output ("webdataset" only).
-- opts: classes (list, for class numbers), meta (data.meta of the set the labels come from: categories, keypoints, unknown
-- fields), task ("detect", "segment", "pose", "obb" for yolo), shard (samples per archive, 10000).
-- Returns a writer, or nil, message, code.
function M.new(name, dir, given)
  local format = format_of(name, 2)
  if type(dir) ~= "string" or dir == "" then error("dataset.writer: the path of a folder expected, got " .. tostring(dir), 2) end
  local opts = options_of(given, 2)
  if dir == "-" then
    if not format.members then error("dataset.writer: only webdataset can be written to standard output", 2) end
    return M.stream(format, io.stdout, opts)
  end
  dir = common.trim(dir)
  local self = setmetatable({ format = format, dir = dir, opts = opts, known = {}, stems = {}, seen = {}, splits = {}, count = 0, unsynced = 0 }, Writer)
  self.folder = setmetatable({ dir = dir, made = {}, parts = dir .. "/" .. WORK .. "/parts" }, Folder)
  return guarded(function()
    self.folder:mkdirs(dir .. "/" .. WORK)
    recover(self)
    self.log = try(file.appender(dir .. "/" .. LOG))
    return self
  end)
end

--- Where a picture of this name goes, relative to the folder.
function Writer:place(name, split, label) return self.format.place(name, split, label) end

-- Bytes and shape of a picture given as an Image, bytes, or { path = }.
local function picture_of(picture, name, info)
  local bytes = picture
  if type(picture) == "userdata" then
    local kind = (name:match "%.(%w+)$" or "png"):lower()
    bytes = try(picture:encode((kind == "jpg" or kind == "jpeg") and "jpeg" or "png"))
    return bytes, picture.width, picture.height, picture.channels
  end
  if type(picture) == "table" then bytes = try(file.read(picture.path)) end
  return bytes, info.width, info.height, info.channels
end

local function check_name(name)
  local why = common.refusal(name)
  if why then try(nil, ("%s: %s"):format(common.show(name), why), "refused") end
end

local function size_of(picture, bytes, label, info, name)
  local width, height, channels = info.width, info.height, info.channels
  if common.is_shapes(label) then width, height = width or label.width, height or label.height end
  if not width and core.image.probe and picture.path then width, height = common.size(picture.path) end
  if width and height then return width, height, channels end
  local image = try(core.image.decode(bytes, { name = name }))
  width, height, channels = image.width, image.height, image.channels
  image:close()
  return width, height, channels
end

-- The place of a picture, and the files beside it; nil for the files when the picture is there already. Where another picture
-- has the place, or a label file of the same name, "_2" and so on is put behind the name.
function Writer:room(record, at, given)
  local stem, ending = common.stem(at), at:sub(#common.stem(at) + 1)
  for n = 1, math.huge do
    if n > 1 then at = ("%s_%d%s"):format(stem, n, ending) end
    local owner = self.known[at]
    if owner == given or owner == true and n == 1 then return at end
    if not owner then
      local files, why = {}, nil
      record.name = at
      if self.format.files then files, why = self.format.files(record, self.opts) end
      try(files, ("%s: %s: %s"):format(given, self.format.name, tostring(why)), "unsupported")
      local free = self.stems[common.stem(at)] == nil or #files == 0 and not self.format.packs
      if free then return at, files end
    end
  end
end

--- Add a picture. name: of its file, may have folders; picture: an Image (encoded as the name asks), bytes, or { path = };
-- label: any; info: { width, height (of the picture, when it is no Image and the label does not say), split, channels, beside (what
-- its label file said of it beside the label: sample.lua) }.
-- Returns the picture's path in the folder; nil, message, code when something cannot be written, or when the format cannot
-- hold the label ("unsupported"). A picture already there from before is left as it is; another one of the same place or
-- stem gets a number behind its name.
function Writer:add(name, picture, label, info)
  info = info or {}
  return guarded(function()
    check_name(name)
    local at = self.format.place(name, info.split, label)
    local given = (info.split or "") .. "/" .. name
    if self.known[at] == given then return at end
    local bytes, width, height, channels = picture_of(picture, name, info)
    width, height, channels = size_of(picture, bytes, label, { width = width, height = height, channels = channels }, name)
    local record = { split = info.split, width = width, height = height, channels = channels, label = label, bytes = bytes, beside = info.beside }
    local files
    at, files = self:room(record, at, given)
    if not files then return at end
    local root = self.format.packs and self.folder.parts or self.dir
    put(self.folder, root, at, bytes)
    for _, f in ipairs(files) do put(self.folder, root, f[1], f[2]) end
    record.bytes, record.label, record.given = nil, plain(label, self.opts.meta), given
    try(self.log:write(json.encode(record) .. "\n"))
    self:note(record)
    self.count, self.unsynced = self.count + 1, self.unsynced + 1
    self:note_split(info.split)
    if self.unsynced >= 64 then
      try(self.log:sync())
      self.unsynced = 0
    end
    return at
  end)
end

-- Iterator over the log's records, those of one split when it is given (false: of those without one).
local function records_of(self, split, all)
  local handle = try(io.open(self.dir .. "/" .. LOG, "rb"), self.dir .. "/" .. LOG .. ": cannot be read")
  return function()
    while handle do
      local line = handle:read "L"
      if not line then
        handle:close()
        handle = nil
        return nil
      end
      local record = json.decode(line)
      if type(record) == "table" and (all or (record.split or false) == (split or false)) then
        if record.label == json.null then record.label = nil end
        return record
      end
    end
  end
end

--- Write what describes the set as a whole. The folder is complete afterwards; more may be added and finish called again.
-- Returns true, or nil, message, code.
function Writer:finish()
  return guarded(function()
    try(self.log:sync())
    local splits = table.move(self.splits, 1, #self.splits, 1, {})
    table.sort(splits, function(a, b) return (a or "") < (b or "") end)
    if #splits == 0 then splits[1] = false end
    self.opts.splits = splits
    if self.format.finish then self.format.finish(self.folder, function(split) return records_of(self, split, split == nil) end, self.opts) end
    return true
  end)
end

--- Release the log.
function Writer:close()
  if self.log then self.log:close() end
  self.log = nil
end
Writer.__close, Writer.__gc = Writer.close, Writer.close

--- Write what describes a set whose pictures and label files lie in a folder. records(split) gives an iterator over { name, split,
-- width, height, label }, of all without an argument; opts: of M.options, with `splits` (false: none). Returns true, or nil,
-- message, code.
function M.describe(format, dir, records, opts)
  local folder = setmetatable({ dir = dir, made = {}, parts = dir }, Folder)
  return guarded(function()
    if format.finish then format.finish(folder, records, opts) end
    return true
  end)
end

-- On standard output -------------------------------------------------------------------------------------------------------

local Stream = {}
Stream.__index = Stream

--- A writer of an archive into `handle` as it comes. add gives nil, message, "closed" when the reader has gone: end quietly then.
function M.stream(format, handle, opts)
  handle:setvbuf "full"
  return setmetatable({ format = format, opts = opts or options_of({}, 2), count = 0, archive = tar.writer { write = function(_, text)
    local ok, message, errno = handle:write(text)
    if ok then return true end
    return nil, message, errno == 32 and "closed" or "io"
  end }, handle = handle }, Stream)
end

function Stream:place(name) return self.format.place(name) end

function Stream:add(name, picture, label, info)
  return guarded(function()
    check_name(name)
    local bytes = picture_of(picture, name, info or {})
    local record = { name = self.format.place(name), label = label, bytes = bytes, beside = info and info.beside }
    for _, member in ipairs(self.format.members(record, self.opts)) do try(self.archive:add(member[1], member[2])) end
    local ok, message, errno = self.handle:flush()
    if not ok then try(nil, message, errno == 32 and "closed" or "io") end
    self.count = self.count + 1
    return record.name
  end)
end

function Stream:finish()
  return guarded(function()
    try(self.archive:finish())
    local ok, message, errno = self.handle:flush()
    if not ok then try(nil, message, errno == 32 and "closed" or "io") end
    return true
  end)
end

function Stream:close() end
Stream.__close = Stream.close

-- A whole set ---------------------------------------------------------------------------------------------------------------

-- The picture's bytes as they are.
local function bytes_of(s)
  if rawget(s, "read_bytes") then return s:read_bytes() end
  if rawget(s, "pixels") then return s.pixels:encode "png" end
  local bytes, message, code = file.read(s.path)
  if bytes and core.image.probe(s.path) then return bytes end
  if not rawget(s, "loader") then return bytes, message, code end
  local image
  image, message, code = s:load()
  if not image then return nil, message, code end
  return image:encode "png"
end

--- Write every sample of a data set, pictures as they are, into a folder. format: default that it was read from. opts: as new
-- takes; classes and meta default to the set's. Returns { written, failures = { { path, reason, code }, ... } }, or nil,
-- message, code.
function M.write(data, format, dir, given)
  local opts = {}
  for key, value in next, given or {} do opts[key] = value end
  opts.classes, opts.meta = opts.classes or data.classes, opts.meta or data.meta
  local out, message, code = M.new(format or data.format, dir, opts)
  if not out then return nil, message, code end
  local result = { written = 0, failures = {} }
  for s in data:samples() do
    local label = s.label
    local bytes, why, word = bytes_of(s)
    local at
    if bytes then
      local name = s.relative or s.name
      local split = rawget(s, "split")
      if split and name:sub(1, #split + 8) == "images/" .. split .. "/" then name = name:sub(#split + 9)
      elseif split and name:sub(1, #split + 1) == split .. "/" then name = name:sub(#split + 2)
      elseif name:sub(1, 7) == "images/" then name = name:sub(8)
      elseif name:sub(1, 11) == "JPEGImages/" then name = name:sub(12) end
      local beside = rawget(s, "read_beside")
      at, why, word = out:add(name, bytes, label, { split = split, beside = beside and beside(s) or nil })
    end
    if at then result.written = result.written + 1
    else result.failures[#result.failures + 1] = { path = s.path, reason = why, code = word } end
  end
  local ok
  ok, message, code = out:finish()
  out:close()
  if not ok then return nil, message, code end
  return result
end

return M
