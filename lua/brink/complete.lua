--- Completion at the prompt: what could stand where the cursor is.
--
-- Values are looked at, never called: no method, no __index function runs. Names
-- come from tables, from metatables whose __index is a table, and from the tables
-- an __index function holds on to.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local core = require "brink.core"

local M = {}

local KEYWORDS = { "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not", "or",
  "repeat", "return", "then", "true", "until", "while" }
local IMAGE_FIELDS = { "alpha", "channels", "height", "type", "width" }

local function add_keys(t, out, only_functions)
  for key, value in next, t do
    if type(key) == "string" and key:match "^[%a_][%w_]*$" and (not only_functions or type(value) == "function") then out[key] = true end
  end
end

-- The tables behind a metatable's __index.
local function behind(meta)
  if type(meta) ~= "table" then return {} end
  local index = rawget(meta, "__index")
  if type(index) == "table" then return { index } end
  local list = {}
  if type(index) == "function" then
    for k = 1, 8 do
      local name, value = debug.getupvalue(index, k)
      if not name then break end
      if type(value) == "table" and (name == "" or name == "methods") then list[#list + 1] = value end
    end
  end
  return list
end

--- Names that may follow the value: after ":" only functions. A sorted list.
function M.names(value, only_functions)
  local found, seen = {}, {}
  local function look(v, depth)
    if depth > 6 or seen[v] then return end
    seen[v] = true
    if type(v) == "table" then add_keys(v, found, only_functions) end
    local meta = debug.getmetatable(v)
    for _, t in ipairs(behind(meta)) do look(t, depth + 1) end
  end
  if type(value) == "table" or type(value) == "userdata" or type(value) == "string" then look(value, 1) end
  local meta = debug.getmetatable(value)
  if type(meta) == "table" and rawget(meta, "__name") == "brink.Image" and not only_functions then
    for _, name in ipairs(IMAGE_FIELDS) do found[name] = true end
  end
  local list = {}
  for name in next, found do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- The field of a value, found without calling anything.
local function field(value, name)
  for _ = 1, 6 do
    if type(value) == "table" then
      local own = rawget(value, name)
      if own ~= nil then return own end
    end
    local tables = behind(debug.getmetatable(value))
    if #tables == 0 then return nil end
    for k = 2, #tables do
      local own = rawget(tables[k], name)
      if own ~= nil then return own end
    end
    value = tables[1]
  end
end

-- The value of "a.b:c" in env, or nil.
local function resolve(path, env)
  local value
  for name in path:gmatch "[%a_][%w_]*" do
    if value == nil then value = rawget(env, name) else value = field(value, name) end
    if value == nil then return nil end
  end
  return value
end

--- Where the code ends: { string = start of an open string, callee = what the innermost open bracket belongs to,
-- bracket = that bracket; key = the key whose table it opens, and within = what that table's own bracket belongs to }.
local function context(code)
  local stack, k = {}, 1
  local quote, from
  while k <= #code do
    local c = code:sub(k, k)
    if quote then
      if c == "\\" then k = k + 1 elseif c == quote then quote = nil end
    elseif c == '"' or c == "'" then
      quote, from = c, k + 1
    elseif code:sub(k, k + 1) == "--" then
      return { comment = true }
    elseif c == "(" or c == "{" or c == "[" then
      local callee = code:sub(1, k - 1):match "([%a_][%w_.:]*)%s*$"
      if not callee and c == "{" and #stack > 0 and code:sub(1, k - 1):match "[(,]%s*$" then callee = stack[#stack].callee end
      local key = c == "{" and #stack > 0 and code:sub(1, k - 1):match "([%a_][%w_]*)%s*=%s*$"
      stack[#stack + 1] = { bracket = c, callee = callee, at = k, key = key, within = key and stack[#stack].callee }
    elseif c == ")" or c == "}" or c == "]" then
      stack[#stack] = nil
    end
    k = k + 1
  end
  local top = stack[#stack] or {}
  return { string = quote and from, callee = top.callee, bracket = top.bracket, key = top.key, within = top.within, inside = top.at and code:sub(top.at + 1) or code }
end

local function row_names()
  local list = {}
  for _, row in ipairs(augment.list()) do
    list[#list + 1] = row.name
    for _, a in ipairs(row.aliases) do list[#list + 1] = a end
  end
  table.sort(list)
  return list
end

local function prim_parameters(name)
  for _, row in ipairs(core.plan.prims()) do
    if row.name == name then
      local list = {}
      for k, p in ipairs(row.params) do list[k] = p.name end
      return list
    end
  end
end

local function takes_rows(callee)
  local last = callee and callee:match "([%a_][%w_]*)$"
  return last == "apply" or last == "compose"
end

-- Keys that the table constructor at the end of the code may have, or nil.
local function keys_for(where)
  local row = takes_rows(where.within) and augment.find(where.key)
  if row then return row.param_names end
  local callee = where.callee
  if not callee then return nil end
  if takes_rows(callee) then return row_names() end
  local last = callee:match "([%a_][%w_]*)$"
  if callee:match "^prim%." or callee:match "[.]prim%." then return prim_parameters(last) end
  if last == "augmenter" then return require("brink.augmenter").fields end
  if last == "search" then return require("brink.search").options end
end

local function with(list, prefix, suffix)
  local out = {}
  for _, name in ipairs(list or {}) do
    if name:sub(1, #prefix) == prefix then out[#out + 1] = name .. (suffix or "") end
  end
  return out
end

-- File names that go on from `text`; folders end in a slash.
local function files(text)
  local dir, base = text:match "^(.*/)([^/]*)$"
  if not dir then dir, base = "", text end
  local names = core.file.list(dir == "" and "." or dir)
  local out = {}
  for _, name in ipairs(names or {}) do
    if name:sub(1, #base) == base and (base ~= "" or name:sub(1, 1) ~= ".") and not name:find "[%c\"'\\]" then
      out[#out + 1] = dir .. name .. (core.file.info(dir .. name).type == "dir" and "/" or "")
    end
  end
  return out
end

--- Candidates for the end of `code` (the line up to the cursor, with the lines before it): a list, and how many bytes at the
-- end of the code they take the place of.
function M.candidates(code, env)
  local where = context(code)
  if where.comment then return {}, 0 end
  if where.string then
    local text = code:sub(where.string)
    local list = files(text)
    if text ~= "" then table.move(with(row_names(), text), 1, 1000, #list + 1, list) end
    return list, #text
  end
  local path = code:match "[%w_.:]*$"
  local base, separator, word = path:match "^(.*)([.:])([%w_]*)$"
  if base then
    if separator == "." and base:match "%.$" then return {}, 0 end -- a concatenation
    local value = base ~= "" and not base:match "^[.:%d]" and resolve(base, env) or nil
    local before_base = code:sub(1, #code - #path)
    local names
    if value ~= nil then
      names = M.names(value, separator == ":")
    elseif separator == ":" and (base == "" and before_base:match "[)}\"']%s*$" or base ~= "") then
      names = with(M.names(core.image.methods, true), "") -- the result of a call is most often an image
    end
    return with(names, word), #word
  end
  word = path
  local begins = where.inside:match "^%s*[%w_]*$" or where.inside:match "[,;]%s*[%w_]*$"
  local keys = where.bracket == "{" and begins and keys_for(where)
  if keys then return with(keys, word, " = "), #word end
  if word:match "^%d" or word == "" then return {}, 0 end
  local list = M.names(env)
  table.move(KEYWORDS, 1, #KEYWORDS, #list + 1, list)
  table.sort(list)
  return with(list, word), #word
end

--- A completer for core.term.set_completer. `before` gives the lines already entered of an unfinished chunk.
function M.completer(env, before)
  return function(_, line, first, last)
    local list, length = M.candidates((before and before() or "") .. line:sub(1, last), env)
    local start = last - length + 1 -- what is replaced begins here; the editor replaces from `first` on
    local out = {}
    for _, name in ipairs(list) do
      if start >= first then
        out[#out + 1] = line:sub(first, start - 1) .. name
      else
        out[#out + 1] = name:sub(first - start + 1)
      end
    end
    return out
  end
end

return M
