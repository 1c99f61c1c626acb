--- WebDataset: tar shards in which the files of a sample share a name up to its first dot (webdataset 1.0, tariterators.py).
-- Fields read and written: pictures by their ending, json (labels of shapes, or any), cls (class number), txt, seg.png.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local index_module = require "brink.dataset.index"
local tar = require "brink.dataset.tar"
local json = core.json

local M = { name = "webdataset", doc = "WebDataset tar shards" }

local FIELDS = { json = true, cls = true, txt = true, ["seg.png"] = true }

local function is_tar(name) return name:find "%.tar$" ~= nil end

-- "a{000..002}.tar" -> its names.
local function expand(path, out)
  local before, lo, hi, after = path:match "^(.-){(%d+)%.%.(%d+)}(.*)$"
  if not before then
    out[#out + 1] = path
    return out
  end
  local a, b = tonumber(lo), tonumber(hi)
  if b - a > 1000000 then return out end
  for k = a, b do expand(("%s%0" .. #lo .. "d%s"):format(before, k, after), out) end
  return out
end

function M.detect(path, info)
  if info.type == "file" then return is_tar(path) end
  if info.type ~= "dir" then return false end
  for _, name in ipairs(core.file.list(path) or {}) do if is_tar(name) then return true end end
  return false
end

--- Key and field of a name; nil for what webdataset passes over.
function M.key_of(name)
  local dir, base = name:match "^(.-)([^/]*)$"
  local stem, field = base:match "^([^.]+)%.(.*)$"
  if not stem or base:find "^__.*__" then return nil end
  return dir .. stem, field:lower()
end

local function pack_fields(fields)
  local out = {}
  for k, f in ipairs(fields) do out[k] = string.pack("<s1I8I8", f[1], f[2], f[3]) end
  return table.concat(out)
end

local function unpack_fields(text)
  local out, at = {}, 1
  while at <= #text do
    local name, offset, size
    name, offset, size, at = string.unpack("<s1I8I8", text, at)
    out[name] = { offset, size }
    if not out.picture and common.PICTURE[name] then out.picture = name end
  end
  return out
end

local Index = {}
Index.__index = Index

local function piece(self, place)
  self.handle:seek("set", place[1])
  local bytes = self.handle:read(place[2]) or ""
  if #bytes < place[2] then return nil, ("%s: byte %d: shorter than when it was opened"):format(self.file, place[1]), "damaged" end
  return bytes
end

local function read_json(self, key, place)
  local text, message, code = piece(self, place)
  local value
  if text then value, message, code = json.decode(text, key .. ".json") end
  if value == nil then
    self.report:fail(self.file, ("%s: %s"):format(self.file, message), code)
    return nil
  end
  return value ~= json.null and value or nil
end

local function read_class(self, place)
  local text = piece(self, place) or ""
  return math.tointeger(tonumber(text)) or text:match "^%s*(.-)%s*$"
end

local function read_label(self, key, fields)
  local label = fields.json and read_json(self, key, fields.json)
  if common.is_shapes(label) then
    if fields["seg.png"] then
      local bytes = piece(self, fields["seg.png"])
      local image, message, code
      if bytes then image, message, code = core.image.decode(bytes, { keep_palette = true, name = key .. ".seg.png" }) end
      if not image then self.report:fail(self.file, ("%s: %s"):format(self.file, message or "cut"), code) end
      label.segmentation = image
    end
    if type(label.shapes) ~= "table" then label.shapes = json.array {} end
    return label
  end
  if fields.txt then return (piece(self, fields.txt)) end
  if fields.cls then return read_class(self, fields.cls) end
  return label
end

-- What stands beside the label: of a line of text the class and the JSON, of a class the JSON, of shapes the text and the class.
local function read_beside(self, key, fields)
  if not (fields.txt or fields.cls) then return nil end
  local other = fields.json and read_json(self, key, fields.json)
  local shapes = common.is_shapes(other)
  local class = fields.cls and (fields.txt or shapes) and read_class(self, fields.cls) or nil
  local text = shapes and fields.txt and piece(self, fields.txt) or nil
  if shapes then other = nil end
  return (other ~= nil or class ~= nil or text ~= nil) and { webdataset = { json = other, cls = class, txt = text } } or nil
end

function Index:get(k)
  local key = self.keys[k]
  local fields = unpack_fields(self.fields[k])
  local name = key .. "." .. fields.picture
  return { path = self.file .. "/" .. name, relative = name, name = common.base(name), split = self.split,
    read_bytes = function() return piece(self, fields[fields.picture]) end, read_label = function() return read_label(self, key, fields) end,
    read_beside = function() return read_beside(self, key, fields) end }
end

local function close_sample(self, sample)
  if not sample or #sample.fields == 0 then return end
  local picture = false
  for _, f in ipairs(sample.fields) do picture = picture or common.PICTURE[f[1]] ~= nil end
  if not picture then return self.report:fail(self.file, ("%s: %s: no picture among its files"):format(self.file, sample.key)) end
  self.count = self.count + 1
  self.keys[self.count], self.fields[self.count] = sample.key, pack_fields(sample.fields)
end

local function open_shard(path)
  local handle, message = io.open(path, "rb")
  if not handle then return nil, message, "io" end
  local head = handle:read(2)
  if head == "\x1F\x8B" then return nil, path .. ": compressed by gzip; unpack it, a plain tar expected", "unsupported" end
  local split = common.base(path):match "^(%a+)[-_]%d+%.tar$" or common.base(path):match "^(%a+)%.tar$"
  if split ~= "train" and split ~= "val" and split ~= "valid" and split ~= "test" then split = nil end
  local self = setmetatable({ handle = handle, file = path, keys = {}, fields = {}, count = 0, report = common.report(), classes = common.label_classes,
    split = split, meta = { format = "webdataset" } }, Index)
  local sample
  local next_entry, any = tar.entries(handle, path), false
  while true do
    local name, at, size = next_entry()
    if not name then
      if at and not any then return nil, at, "damaged" end
      if at then self.report:fail(path, at, "damaged") end
      break
    end
    any = true
    local why = common.refusal(name:gsub("^%./", ""))
    local key, field = M.key_of((name:gsub("^%./", "")))
    if why then self.report:fail(path, ("%s: %s: %s"):format(path, common.show(name), why))
    elseif key and (FIELDS[field] or common.PICTURE[field]) then
      if not sample or sample.key ~= key then
        close_sample(self, sample)
        sample = { key = key, fields = {}, seen = {} }
      end
      if sample.seen[field] then self.report:fail(path, ("%s: %s: a second file %s"):format(path, key, field))
      else
        sample.seen[field] = true
        table.insert(sample.fields, { field, at, size })
      end
    end
  end
  close_sample(self, sample)
  return self
end

--- A tar, a folder of them, or names with {000..007} in them.
function M.open(path)
  local parts, names = {}, {}
  if common.is_dir(path) then
    for _, name in ipairs(core.file.list(path) or {}) do if is_tar(name) then names[#names + 1] = common.trim(path) .. "/" .. name end end
  else expand(path, names) end
  for _, name in ipairs(names) do
    local part, message, code = open_shard(name)
    if not part then return nil, message, code end
    parts[#parts + 1] = part
  end
  if #parts == 0 then return nil, path .. ": no tar in it", "unsupported" end
  return #parts == 1 and parts[1] or index_module.join(parts)
end

--- Is the path a set of names (which is no file itself)?
function M.is_pattern(path) return path:find "{%d+%.%.%d+}[^/]*%.tar$" ~= nil end

-- Writing ------------------------------------------------------------------------------------------------------------------

M.packs = true -- pictures end up in an archive, not in the folder

--- Key of a picture's name: no dot may be in its last part.
function M.key(name)
  local dir, base = common.stem(name):match "^(.-)([^/]*)$"
  return dir .. base:gsub("%.", "_")
end

function M.place(name, split)
  return (split and split .. "/" or "") .. M.key(name) .. "." .. (name:match "%.(%w+)$" or "png"):lower()
end

--- The files of a sample for an archive: { { name, bytes }, ... }, the picture first.
function M.members(record, opts)
  local label, key, beside = record.label, M.key(record.name), record.beside and record.beside.webdataset or {}
  local ending = (record.name:match "%.(%w+)$" or "png"):lower()
  local out = { { key .. "." .. ending, record.bytes } }
  if common.is_shapes(label) then
    local segmentation = type(label.segmentation) == "userdata" and label.segmentation or nil
    out[#out + 1] = { key .. ".json", json.encode(opts.plain(label)) }
    if beside.cls ~= nil then out[#out + 1] = { key .. ".cls", tostring(beside.cls) } end
    if beside.txt then out[#out + 1] = { key .. ".txt", beside.txt } end
    if segmentation then out[#out + 1] = { key .. ".seg.png", assert(segmentation:encode "png") } end
  elseif type(label) == "string" then
    local id = opts.class_ids[label]
    local class = beside.cls
    if class == nil and not beside.json and id then class = id - 1 end
    if class ~= nil then out[#out + 1] = { key .. ".cls", tostring(class) } end
    out[#out + 1] = { key .. ".txt", label }
  elseif math.type(label) == "integer" then out[#out + 1] = { key .. ".cls", ("%d"):format(label) }
  elseif label ~= nil then out[#out + 1] = { key .. ".json", json.encode(label) } end
  if beside.json ~= nil and (type(label) == "string" or math.type(label) == "integer") then out[#out + 1] = { key .. ".json", json.encode(beside.json) } end
  return out
end

--- The label's files, kept beside the picture until they are packed.
function M.files(record, opts)
  local out = M.members(record, opts)
  table.remove(out, 1)
  return out
end

local ENDINGS = { "json", "seg.png", "cls", "txt" }

-- SPLIT-000000.tar and on, `shard` samples in each.
local function pack_split(folder, records, split, opts)
  local per, count, number, out, archive = opts.shard or 10000, 0, 0, nil, nil
  local function close()
    if not archive then return end
    assert(archive:finish())
    out:commit()
    archive = nil
  end
  for record in records(split) do
    if not archive then
      out = folder:open(("%s-%06d.tar"):format(split or "data", number))
      archive, count, number = tar.writer { write = function(_, text)
        out:write(text)
        return true
      end }, 0, number + 1
    end
    local key = M.key(record.name)
    local function put(name)
      local bytes = core.file.read(folder.parts .. "/" .. name)
      if not bytes then return false end
      assert(archive:add(split and name:sub(#split + 2) or name, bytes))
      return true
    end
    put(record.name)
    for _, e in ipairs(ENDINGS) do put(key .. "." .. e) end
    count = count + 1
    if count == per then close() end
  end
  close()
end

function M.finish(folder, records, opts)
  for _, split in ipairs(opts.splits) do pack_split(folder, records, split, opts) end
end

return M
