--- Tar archives: ustar, with pax headers for long or non-ASCII names and sizes past 8 GiB. What is written depends on names
-- and bytes alone: no time, no owner. Reads ustar, pax and GNU long names.
-- SPDX-License-Identifier: MIT
local M = {}

local BLOCK, RECORD = 512, 10240

local function octal(n, width) return ("%0" .. width - 1 .. "o\0"):format(n) end

local function checksum(header)
  local sum = 0
  for k = 1, BLOCK do sum = sum + ((k >= 149 and k <= 156) and 32 or header:byte(k)) end
  return sum
end

-- name as prefix and name of a ustar header, nil when it does not fit.
local function split_name(name)
  if name:find "[\128-\255]" then return nil end
  if #name <= 100 then return "", name end
  if #name > 256 then return nil end
  for at = #name - 1, 1, -1 do
    if name:sub(at, at) == "/" and at - 1 <= 155 and #name - at <= 100 then return name:sub(1, at - 1), name:sub(at + 1) end
  end
end

local function header(prefix, name, size, kind)
  local head = string.pack("c100c8c8c8c12c12c8c1c100c6c2c32c32c8c8c155c12", name, octal(420, 8), octal(0, 8), octal(0, 8),
    octal(size, 12), octal(0, 12), "        ", kind, "", "ustar\0", "00", "", "", octal(0, 8), octal(0, 8), prefix, "")
  return head:sub(1, 148) .. ("%06o\0 "):format(checksum(head)) .. head:sub(157)
end

local function padding(n) return ("\0"):rep(-n % BLOCK) end

-- "LENGTH key=value\n", the length counting itself.
local function pax_line(key, value)
  local body = (" %s=%s\n"):format(key, value)
  local n = #body + 1
  while #tostring(n) + #body ~= n do n = #tostring(n) + #body end
  return n .. body
end

local Writer = {}
Writer.__index = Writer

--- A writer of an archive. `out` has write(self, text) -> true | nil, message[, code].
function M.writer(out) return setmetatable({ out = out, size = 0 }, Writer) end

function Writer:put(text)
  self.size = self.size + #text
  local ok, message, code = self.out:write(text)
  if not ok then return nil, message, code end
  return true
end

--- Add a file. Returns true, or nil, message, code.
function Writer:add(name, bytes)
  if name == "" or name:find "%z" then error("tar: a name without NUL expected", 2) end
  local prefix, short = split_name(name)
  local head, big = "", #bytes >= 1 << 33
  if not prefix or big then
    local lines = (not prefix and pax_line("path", name) or "") .. (big and pax_line("size", #bytes) or "")
    if not prefix then prefix, short = "", (name:gsub("[\128-\255]", "_")):sub(-100) end
    head = header("", "PaxHeaders/" .. short:sub(-80), #lines, "x") .. lines .. padding(#lines)
  end
  local ok, message, code = self:put(head .. header(prefix, short, big and 0 or #bytes, "0"))
  if ok then ok, message, code = self:put(bytes) end
  if ok then ok, message, code = self:put(padding(#bytes)) end
  return ok, message, code
end

--- The end of the archive. Returns true, or nil, message, code.
function Writer:finish()
  local tail = 2 * BLOCK
  return self:put(("\0"):rep(tail + -(self.size + tail) % RECORD))
end

local function text_of(field) return field:match "^[^\0]*" end

-- A number in octal, or in base 256 as GNU writes large ones.
local function number_of(field)
  local first = field:byte(1)
  if first and first >= 128 then
    local v = first & 127
    for k = 2, #field do
      if v >= 1 << 54 then return nil end
      v = v << 8 | field:byte(k)
    end
    return v
  end
  local digits = field:match "^ *([0-7]*)[ \0]*$"
  return digits and (tonumber(digits, 8) or 0)
end

local function pax_values(text, into)
  local at = 1
  while at <= #text do
    local digits = text:match("^(%d+) ", at)
    local n = digits and math.tointeger(tonumber(digits))
    if not n or n < #digits + 4 or at + n - 1 > #text then return nil end
    local key, value = text:sub(at + #digits + 1, at + n - 2):match "^([^=]+)=(.*)$"
    if not key then return nil end
    into[key] = value
    at = at + n
  end
  return into
end

--- Iterator over the files of an archive: name, position of the bytes, their number. At the end, or where it cannot go on, nil;
-- then the second value is what is wrong, if anything.
function M.entries(handle, path)
  local at, long, pax = 0, nil, {}
  local size_of_file = handle:seek "end"
  local function damaged(what) return nil, ("%s: byte %d: %s"):format(path, at, what) end
  local function body(size)
    if size > 1 << 20 then return nil end
    handle:seek("set", at + BLOCK)
    local text = handle:read(size)
    return text and #text == size and text or nil
  end
  return function()
    while true do
      handle:seek("set", at)
      local head = handle:read(BLOCK)
      if not head then return damaged "the archive ends without its end mark" end
      if #head < BLOCK then return damaged "cut inside a header" end
      if head == ("\0"):rep(BLOCK) then return nil end
      if number_of(head:sub(149, 156)) ~= checksum(head) then return damaged "no header here (its checksum is wrong)" end
      local size, kind = number_of(head:sub(125, 136)), head:sub(157, 157)
      if pax.size and (kind == "0" or kind == "\0") then size = math.tointeger(tonumber(pax.size)) end
      if not size or size < 0 then return damaged "a size that is no number" end
      if at + BLOCK + size > size_of_file then return damaged(("a file of %d bytes, but the archive ends before"):format(size)) end
      local here = at
      if kind == "x" or kind == "L" then
        local text = body(size)
        if not text then return damaged "a header extension of more than 1 MiB" end
        if kind == "L" then long = text_of(text)
        elseif not pax_values(text, pax) then return damaged "a malformed pax header" end
      end
      at = at + BLOCK + size + -size % BLOCK
      if kind == "0" or kind == "\0" or kind == "7" then
        local prefix = head:sub(258, 262) == "ustar" and text_of(head:sub(346, 500)) or ""
        local name = pax.path or long or (prefix ~= "" and prefix .. "/" or "") .. text_of(head:sub(1, 100))
        long, pax = nil, {}
        return name, here + BLOCK, size
      elseif kind ~= "x" and kind ~= "L" and kind ~= "g" then
        long, pax = nil, {}
      end
    end
  end
end

return M
