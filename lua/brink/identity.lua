--- What a value is, as text that changes when it does: for the identity of models, rows and options in a study.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

local M = {}

local text

-- A function by its code and the plain values it holds on to. Functions and tables in it count too, a few levels down.
local function code(fn, depth)
  local ok, bytes = pcall(string.dump, fn, true)
  local out = { ok and core.file.hash_text(bytes) or "built in" }
  if ok then
    for k = 1, 255 do
      local name, value = debug.getupvalue(fn, k)
      if not name then break end
      if name ~= "_ENV" then out[#out + 1] = text(value, depth - 1) end
    end
  end
  return "function " .. table.concat(out, " ")
end

function text(value, depth)
  local kind = type(value)
  if kind == "string" then return ("%q"):format(value) end
  if kind == "number" then return math.type(value) == "integer" and ("%d"):format(value) or ("%a"):format(value) end
  if kind == "boolean" or kind == "nil" then return tostring(value) end
  if depth < 0 then return kind end
  if kind == "function" then return code(value, depth) end
  if kind ~= "table" then return kind end
  local meta = getmetatable(value)
  local keys, parts = {}, {}
  for k in next, value do
    if type(k) == "string" or type(k) == "number" then keys[#keys + 1] = k end
  end
  if #keys > 1000 or meta ~= nil then return "table" end
  table.sort(keys, function(a, b)
    if type(a) ~= type(b) then return type(a) == "number" end
    return a < b
  end)
  for _, k in ipairs(keys) do parts[#parts + 1] = text(k, 0) .. "=" .. text(value[k], depth - 1) end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- 32 hex digits for any value. Functions count by their code and the numbers, strings and functions they hold on to, not
-- by what they reach through globals or userdata.
function M.of(value) return core.file.hash_text(text(value, 3)) end

return M
