--- Text files of many lines, read line by line: where each is, and CSV rows (RFC 4180).
-- SPDX-License-Identifier: MIT
local M = {}

local File = {}
File.__index = File

--- Open a file for reading pieces of it. nil, message, code when it cannot be, or is UTF-16.
function M.open(path)
  local handle, message = io.open(path, "rb")
  if not handle then return nil, message, "io" end
  local mark = handle:read(2)
  if mark == "\xFF\xFE" or mark == "\xFE\xFF" then
    handle:close()
    return nil, path .. ": UTF-16, UTF-8 expected", "unsupported"
  end
  return setmetatable({ handle = handle, path = path }, File)
end

--- n bytes from position at (from 0).
function File:piece(at, n)
  self.handle:seek("set", at)
  return self.handle:read(n) or ""
end

--- Iterator over lines: text without its end, position (from 0), number (from 1). A mark at the beginning is passed over.
function File:lines()
  self.handle:seek("set", 0)
  local at, number, path_handle = 0, 0, self.handle
  return function()
    local line = path_handle:read "L"
    if not line then return nil end
    local start = at
    at, number = at + #line, number + 1
    if number == 1 and line:sub(1, 3) == "\xEF\xBB\xBF" then
      line, start = line:sub(4), start + 3
    end
    if line:byte(-1) == 10 then line = line:sub(1, line:byte(-2) == 13 and -3 or -2) end
    return line, start, number
  end
end

--- The fields of a row. Returns nil, "open" when a quote is not closed in it, nil, reason when malformed.
function M.split(text, separator)
  local out = {}
  if not text:find('"', 1, true) then
    local at = 1
    while true do
      local stop = text:find(separator, at, true)
      out[#out + 1] = text:sub(at, (stop or #text + 1) - 1)
      if not stop then return out end
      at = stop + 1
    end
  end
  local at = 1
  while true do
    if text:sub(at, at) == '"' then
      local from, piece = at + 1, {}
      while true do
        local quote = text:find('"', from, true)
        if not quote then return nil, "open" end
        piece[#piece + 1] = text:sub(from, quote - 1)
        if text:sub(quote + 1, quote + 1) ~= '"' then
          at = quote + 1
          break
        end
        piece[#piece + 1] = '"'
        from = quote + 2
      end
      out[#out + 1] = table.concat(piece)
      local after = text:sub(at, at)
      if after == "" then return out end
      if after ~= separator then return nil, ("column %d: a separator expected after the closing quote, got %q"):format(#out, after) end
      at = at + 1
    else
      local stop = text:find(separator, at, true)
      out[#out + 1] = text:sub(at, (stop or #text + 1) - 1) -- a quote within is itself
      if not stop then return out end
      at = stop + 1
    end
  end
end

--- Iterator over rows: fields (nil: bad, with a reason), position, bytes, line. Quotes may hold line ends.
function M.rows(file, separator)
  local next_line = file:lines()
  return function()
    local text, at, number = next_line()
    if not text then return nil end
    local fields, why = M.split(text, separator)
    if why ~= "open" then return at, text, number, fields, why end
    local parts = { text }
    while why == "open" and #parts < 1000 do
      local more = next_line()
      if not more then break end
      parts[#parts + 1] = more
      if more:find('"', 1, true) then fields, why = M.split(table.concat(parts, "\n"), separator) end
    end
    if why == "open" then why = "a quote that is not closed" end
    return at, table.concat(parts, "\n"), number, fields, why
  end
end

local Places = {}
Places.__index = Places
local BLOCK, PLACE = 1024, 16

--- Where pieces of a file are, 16 bytes each: position, length, line.
function M.places() return setmetatable({ count = 0, blocks = {}, tail = {} }, Places) end

function Places:add(at, n, line)
  self.count = self.count + 1
  self.tail[#self.tail + 1] = string.pack("<I8I4I4", at, n, line)
  if #self.tail == BLOCK then
    self.blocks[#self.blocks + 1] = table.concat(self.tail)
    self.tail = {}
  end
end

--- Position, length and line of piece k.
function Places:get(k)
  local block = self.blocks[(k - 1) // BLOCK + 1]
  if not block then return string.unpack("<I8I4I4", self.tail[k - #self.blocks * BLOCK]) end
  return string.unpack("<I8I4I4", block, (k - 1) % BLOCK * PLACE + 1)
end

--- A field, in quotes where it needs them.
function M.quote(value)
  value = tostring(value)
  if value:find '[",\r\n]' or value:find "^%s" or value:find "%s$" then return '"' .. value:gsub('"', '""') .. '"' end
  return value
end

return M
