--- A sample: one picture with its label and identity. Pixels are read when asked for and not kept.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local identity = require "brink.identity"

local M = {}

local Sample = { __name = "brink.Sample" }
M.Sample = Sample

local methods = {}

-- The field `id` is worked out when it is first read; so is `label`, when the sample has a function read_label.
function Sample.__index(self, key)
  if key == "id" then return (methods.identify(self)) end
  if key == "label" then
    local read = rawget(self, "read_label")
    if not read then return nil end
    local label = read(self)
    rawset(self, "read_label", nil)
    rawset(self, "label", label)
    return label
  end
  return methods[key]
end

function Sample:__tostring() return "sample " .. self.path .. (type(self.label) == "string" and ", " .. self.label or "") end

--- A sample from a table: { path = } or { image = Image } or { load = function(self) -> Image, id = }, and label, name.
-- One inside another file has read_bytes = function(self) -> its bytes, and a path to show. read_beside = function(self) gives
-- what the label file says of the picture beside its label, { FORMAT = data }, for whoever writes that format again.
-- Returns the table itself as a sample. Raises on anything else.
function M.new(given)
  if getmetatable(given) == Sample then return given end
  if type(given) == "string" then given = { path = given } end
  if type(given) ~= "table" then error("sample: a table or a path expected, got " .. type(given), 2) end
  if type(given.image) == "userdata" then
    given.pixels, given.image = given.image, nil
  end
  local load = rawget(given, "load")
  if not (given.pixels or type(given.path) == "string" or type(load) == "function") then
    error("sample: path, image or load expected", 2)
  end
  if load and not given.path and type(given.id) ~= "string" then error("sample: load: needs an id that names the content", 2) end
  given.name = given.name or (given.path and given.path:match("[^/]*$")) or given.id or "image"
  given.path = given.path or given.name
  if load then given.loader, given.load = load, nil end
  return setmetatable(given, Sample)
end

--- What the sample is: 32 hex digits of its file's content (or of its pixels, when it has no file). nil, message, code when
-- the file cannot be read.
function methods:identify()
  local id = rawget(self, "id")
  if id then return id end
  local message, code
  local bytes = rawget(self, "read_bytes")
  if self.pixels then id = self.pixels:hash()
  elseif bytes then
    bytes, message, code = bytes(self)
    id = bytes and core.file.hash_text(bytes)
  else id, message, code = core.file.hash(self.path) end
  if not id then return nil, message, code end
  rawset(self, "id", id)
  return id
end

--- Its picture: an Image, or nil, message, code. Read afresh each time.
function methods:load()
  if self.pixels then return self.pixels end
  if self.loader then return self.loader(self) end
  local read = rawget(self, "read_bytes")
  if read then
    local bytes, message, code = read(self)
    if not bytes then return nil, message, code end
    return core.image.decode(bytes, { name = self.path })
  end
  return core.image.load(self.path)
end
methods.image = methods.load

--- A label as text: JSON where it can be, else what identity.lua makes of it; "" for none.
function M.label_text(label)
  if label == nil then return "" end
  local ok, text = pcall(core.json.encode, label)
  return ok and text or core.json.encode("(" .. type(label) .. " " .. identity.of(label) .. ")")
end

return M
