--- Values as a person reads them: tables in order, on one line where they fit, bounded in depth and length.
-- SPDX-License-Identifier: MIT
local M = {}

local WIDTH, DEPTH, ENTRIES, NESTED, TOTAL, TEXT = 78, 4, 40, 12, 150, 4000

local RESERVED = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until while]]):gmatch "%a+" do
  RESERVED[word] = true
end

--- A string without control characters, cut to `most` bytes (4000).
function M.plain(s, most)
  most = most or TEXT
  local rest = #s - most
  if rest > 0 then s = s:sub(1, most) end
  s = s:gsub("[%c\127]", function(c)
    if c == "\n" or c == "\t" then return c end
    return ("\\%d"):format(c:byte())
  end)
  if not utf8.len(s) then s = s:gsub("[\128-\255]", function(c) return ("\\%d"):format(c:byte()) end) end
  return rest > 0 and ("%s ... and %d bytes"):format(s, rest) or s
end

local function quoted(s)
  return '"' .. M.plain(s:gsub('[\\"]', "\\%0"), 200):gsub("\n", "\\n"):gsub("\t", "\\t") .. '"'
end

local function function_text(fn)
  local info = debug.getinfo(fn, "S")
  if info.what == "C" then return "function (built in)" end
  return ("function (%s:%d)"):format(info.short_src, info.linedefined)
end

local function number_text(v)
  if math.type(v) == "integer" then return ("%d"):format(v) end
  local short = ("%.14g"):format(v)
  return short:find "[^%d-]" and short or short .. ".0"
end

local RANK = { number = 1, string = 2, boolean = 3 }
local function before(a, b)
  local ra, rb = RANK[type(a)] or 4, RANK[type(b)] or 4
  if ra ~= rb then return ra < rb end
  if ra <= 2 then return a < b end
  return tostring(a) < tostring(b)
end

-- Own keys without the list part, in order.
local function keys_of(t, length)
  local keys = {}
  for k in next, t do
    if not (math.type(k) == "integer" and k >= 1 and k <= length) then keys[#keys + 1] = k end
  end
  table.sort(keys, before)
  return keys
end

local value_text

local function key_text(k, state)
  if type(k) == "string" and k:match "^[%a_][%w_]*$" and not RESERVED[k] then return k end
  return "[" .. value_text(k, state, DEPTH, 0) .. "]"
end

local function table_text(t, state, depth, indent)
  if state.open[t] then return "(itself)" end
  local length = rawlen(t)
  local keys = keys_of(t, length)
  if length + #keys == 0 then return "{}" end
  if depth >= DEPTH then return ("{ ... %d }"):format(length + #keys) end
  state.open[t] = true
  local parts, left = {}, length + #keys
  local function add(text)
    parts[#parts + 1] = text
    left, state.count = left - 1, state.count + 1
    return #parts < (depth == 0 and ENTRIES or NESTED) and state.count < TOTAL
  end
  local more = true
  for k = 1, length do
    if not more then break end
    more = add(value_text(rawget(t, k), state, depth + 1, indent + 2))
  end
  for _, k in ipairs(keys) do
    if not more then break end
    more = add(key_text(k, state) .. " = " .. value_text(rawget(t, k), state, depth + 1, indent + 2))
  end
  if left > 0 then parts[#parts + 1] = ("... and %d more"):format(left) end
  state.open[t] = nil
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #line + indent <= WIDTH and not line:find("\n", 1, true) then return line end
  local pad = (" "):rep(indent + 2)
  return "{\n" .. pad .. table.concat(parts, ",\n" .. pad) .. "\n" .. (" "):rep(indent) .. "}"
end

function value_text(v, state, depth, indent)
  local kind = type(v)
  if kind == "string" then return quoted(v) end
  if kind == "number" then return number_text(v) end
  if kind == "function" then return function_text(v) end
  if kind == "table" then
    local meta = getmetatable(v)
    if type(meta) == "table" and meta.__tostring and depth > 0 then
      local ok, text = pcall(tostring, v)
      text = ok and M.plain(text, 200) or "?"
      return (text:gsub("\n.*", " ..."))
    end
    local name = type(meta) == "table" and type(meta.__name) == "string" and meta.__name .. " " or ""
    return name .. table_text(v, state, depth, indent)
  end
  local ok, text = pcall(tostring, v)
  return M.plain(ok and text or kind, 200)
end

--- The value as text, for a prompt. Strings come as they are (without control characters), tables with a __tostring
-- speak for themselves; others are shown to depth 4, 40 entries (12 inside another table), 150 in all.
function M.text(v)
  if type(v) == "string" then return M.plain(v) end
  local meta = type(v) == "table" and getmetatable(v)
  if type(meta) == "table" and meta.__tostring then
    local ok, text = pcall(tostring, v)
    if ok then return (M.plain(text, 20000):gsub("\n$", "")) end
  end
  return value_text(v, { open = {}, count = 0 }, 0, 0)
end

return M
