--- Text files of many lines, read line by line: where each is, and CSV rows (RFC 4180).
-- SPDX-License-Identifier: MIT
local M = {}

local File = {}
File.__index = File

--- Open a file for reading pieces of it. nil, message, code when it cannot be.
function M.open(path)
  local handle, message = io.open(path, "rb")
  if not handle then return nil, message, "io" end
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
    return (line:gsub("\r?\n$", "")), start, number
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

--- A field, in quotes where it needs them.
function M.quote(value)
  value = tostring(value)
  if value:find '[",\r\n]' or value:find "^%s" or value:find "%s$" then return '"' .. value:gsub('"', '""') .. '"' end
  return value
end

return M
