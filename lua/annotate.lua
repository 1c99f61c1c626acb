-- Annotations for language servers (LuaLS), from what is there: the tables `require "brink"` gives, the docstrings
-- above their functions (in Lua files "---" lines, in C files the comment "name(arguments) -> results"), the rows
-- of the primitives and of the catalogue. Run by `make annotations`; prints one definition file.
--   build/brink lua/annotate.lua [--undocumented]
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local core = require "brink.core"

local TYPES = { image = "brink.Image", img = "brink.Image", path = "string", dir = "string", name = "string", side = "string", fn = "function", opts = "table", options = "table",
  w = "integer", h = "integer", width = "integer", height = "integer", x = "number", y = "number", seed = "integer|string", bytes = "string",
  given = "brink.Effects|table", text = "string", row = "brink.Augmentation|string", i = "number", effects = "brink.Effects" }
local RETURNS = { image = "brink.Image", bytes = "string", text = "string", ["true"] = "true", number = "number", info = "table" }

local out, undocumented = {}, {}
local function line(format, ...) out[#out + 1] = select("#", ...) > 0 and format:format(...) or format end

local function sorted(t)
  local keys = {}
  for k in next, t do if type(k) == "string" and k:match "^%a[%w_]*$" then keys[#keys + 1] = k end end
  table.sort(keys)
  return keys
end

-- ---- docstrings of Lua functions

local files = {}
local function lines_of(path)
  if not files[path] then
    files[path] = {}
    for text in io.lines(path) do table.insert(files[path], text) end
  end
  return files[path]
end

-- The "---" comment that ends above line `last` + 1 of a file.
local function doc_above(lines, last)
  local doc, k = {}, last
  while k > 0 and lines[k]:match "^%s*%-%-" do
    table.insert(doc, 1, (lines[k]:gsub("^%s*%-%-%-?", ""):gsub("^ ", "")))
    k = k - 1
  end
  if not (lines[k + 1] or ""):match "^%s*%-%-%-" then return {} end -- an ordinary comment
  return doc
end

--- The docstring of a function, as a list of lines without the marks: above it, or in `file` above "M.name = ", where a
-- function made by another gets its name.
local function lua_doc(fn, name, file)
  local info = debug.getinfo(fn, "S")
  local ok, lines = pcall(lines_of, "lua/" .. info.source:gsub("^[@=]", ""):gsub("^lua/", ""))
  local doc = ok and doc_above(lines, info.linedefined - 1) or {}
  if #doc > 0 or not file then return doc end
  for _, path in ipairs { "lua/brink/" .. file .. ".lua", "lua/brink/" .. file .. "/init.lua" } do
    ok, lines = pcall(lines_of, path)
    for k, text in ipairs(ok and lines or {}) do
      if text:find("M." .. name .. " = ", 1, true) == 1 then return doc_above(lines, k - 1) end
    end
  end
  return {}
end

local function lua_params(fn)
  local list, info = {}, debug.getinfo(fn, "u")
  for k = 1, info.nparams do list[k] = { name = debug.getlocal(fn, k) } end
  if info.isvararg then list[#list + 1] = { name = "..." } end
  return list
end

-- ---- comments of C functions: file -> name -> { params, returns, text }

local function c_params(text)
  local list, depth = {}, 0
  for token, bracket in (text:gsub("[%[%]]", " %0 ") .. ","):gmatch "([^,%[%]]*)([,%[%]])" do
    local name = token:match "^%s*([%a_][%w_]*)" or (token:match "%S" and "options")
    if token:match "^%s*{" then name = "options" end
    if name then list[#list + 1] = { name = name, optional = depth > 0 } end
    if bracket == "[" then depth = depth + 1 elseif bracket == "]" then depth = depth - 1 end
  end
  return list
end

local MORE = { image = "image codec" } -- modules bound in several files: core.image is made by lua_image.c and lua_codec.c
local c_files = {}
local function c_comments(file)
  if c_files[file] then return c_files[file] end
  local found = {}
  c_files[file] = found
  local f = io.open("engine/lua/lua_" .. file .. ".c")
  if not f then return found end
  for comment in f:read("a"):gmatch "/%*(.-)%*/" do
    comment = comment:gsub("%s*\n %* ?", " "):gsub("%s*SPDX.*", ""):match "^%s*(.-)%s*$"
    local name, args, rest = comment:gsub("^[%a_]+:", ""):match "^([%a_][%w_]*)(%b())%s*(.*)$"
    if name and not found[name] then
      local returns = rest:match "^%->%s*([%a_]+)"
      found[name] = { params = c_params(args:sub(2, -2)), returns = returns, text = comment }
    end
  end
  f:close()
  return found
end

-- ---- output

-- `c_file` names the C file or the Lua module to look into further.
local function describe(prefix, separator, name, fn, c_file)
  local doc, params, returns
  if debug.getinfo(fn, "S").what == "C" then
    local c
    for file in (c_file or ""):gmatch "%a+" do c = c or c_comments(file)[name] end
    if not c and c_file == "math" then c = { text = "As the function of C, the same bits on every machine.", params = { { name = "x" }, { name = "..." } }, returns = "number" } end
    doc, params, returns = c and { c.text } or {}, c and c.params or { { name = "..." } }, c and c.returns
  else
    doc, params = lua_doc(fn, name, c_file), lua_params(fn)
    if separator == ":" and params[1] and (params[1].name == "self" or params[1].name == "image") then table.remove(params, 1) end
  end
  if #doc == 0 then undocumented[#undocumented + 1] = prefix .. separator .. name end
  local has = {}
  for _, text in ipairs(doc) do
    local given = text:match "^%s*@param%s+([%w_.]+)"
    if given then has[given] = true end
    local fixed = text:gsub("^%s*@", "@")
    line("---%s", fixed)
    if fixed:match "^@return" then returns = nil end
  end
  local names = {}
  for k, p in ipairs(params) do
    names[k] = p.name
    if not has[p.name] then line("---@param %s%s %s", p.name, p.optional and "?" or "", p.name == "..." and "any" or TYPES[p.name] or "any") end
  end
  if returns then line("---@return %s", RETURNS[returns] or "any") end
  line("function %s%s%s(%s) end\n", prefix, separator, name, table.concat(names, ", "))
end

local function methods(class, variable, tables, fields, c_file)
  line("---@class %s", class)
  for _, f in ipairs(fields or {}) do line("---@field %s", f) end
  line("local %s = {}\n", variable)
  local seen = {}
  for _, t in ipairs(tables) do
    for _, name in ipairs(sorted(t)) do
      if type(t[name]) == "function" and not seen[name] then
        seen[name] = true
        describe(variable, ":", name, t[name], c_file)
      end
    end
  end
end

-- The methods behind an object.
local function class_of(object)
  local index = getmetatable(object).__index
  if type(index) == "table" then return index end
  for k = 1, 8 do
    local name, value = debug.getupvalue(index, k)
    if not name then break end
    if type(value) == "table" and (name == "" or name == "methods") then return value end
  end
  return {}
end

local function range_of(p)
  local range = p.lo and p.hi and ("%g..%g"):format(p.lo, p.hi) or ""
  local doc = range .. (p.unit and p.unit ~= "" and " " .. p.unit or "") .. (p.doc and p.doc ~= "" and ": " .. p.doc or "")
  return (doc:gsub("[\r\n]", " "))
end

local LUA_TYPE = { number = "number", float = "number", real = "number", integer = "integer", int = "integer", list = "number[]", enum = "string", choice = "string", key = "string|integer",
  bool = "boolean", boolean = "boolean" }

local function primitives()
  for _, row in ipairs(core.plan.prims()) do
    line("---@class brink.prim.%s", row.name)
    for _, p in ipairs(row.params) do line("---@field %s? %s %s", p.name, LUA_TYPE[p.type] or "any", range_of(p)) end
    line("")
  end
  line("---Constructors of primitives: parameters by name, or in their order.")
  line("---@class brink.prims\nlocal prim = {}\n")
  for _, row in ipairs(core.plan.prims()) do
    line("---%s", (row.doc:gsub("[\r\n]", " ")))
    line("---@param parameters? brink.prim.%s|number|number[]\n---@param ... any\n---@return table step", row.name)
    line("function prim.%s(parameters, ...) end\n", row.name)
  end
end

local function effects()
  line("---Intensities by name of augmentation, 0 (identity) to 1; signed ones from -1.")
  line("---@class brink.Effects")
  for _, row in ipairs(brink.augment.list()) do line("---@field %s? number %s: %s", row.name, row.signed and "-1..1" or "0..1", (row.doc:gsub("[\r\n]", " "))) end
  line("")
end

local function module(path, t, c_file)
  for _, name in ipairs(sorted(t)) do
    local v = t[name]
    if type(v) == "function" then describe(path, ".", name, v, c_file)
    elseif type(v) == "number" then line("---@type number\n%s.%s = %.17g\n", path, name, v) end
  end
end

local function main(list_only)
  line("---@meta brink\n-- Made by lua/annotate.lua; do not edit. SPDX-License-Identifier: MIT\n")
  effects()
  primitives()
  methods("brink.Image", "Image", { core.image.methods }, { "width integer pixels", "height integer pixels", "channels integer 1..4, more for f32",
    'type "u8"|"f32"', "alpha boolean the last channel is opacity" }, "image codec draw")
  local sample = brink.sample { image = core.image.new(1, 1, 3) }
  methods("brink.Sample", "Sample", { class_of(sample) }, { "id string 32 hex digits", "path string", "name string", "label any" })
  methods("brink.Dataset", "Dataset", { class_of(brink.dataset {}) }, { "[integer] brink.Sample", "failures table[]", "classes string[]", "fingerprint string" })
  methods("brink.Augmenter", "Augmenter", { getmetatable(brink.augmenter { predict = function() end }).__index })
  methods("brink.Study", "Study", { getmetatable(brink.study.new(nil, {})).__index }, { "analysis table" })
  methods("brink.Augmentation", "Augmentation", { getmetatable(brink.augment.list()[1]).__index }, { "name string", "family string", "doc string", "signed boolean" })
  methods("brink.Rng", "Rng", { class_of(core.rng(1, "", "", 0)) }, nil, "rng")
  line("---@class brink\nlocal brink = {}\n")
  for _, name in ipairs(sorted(brink)) do
    local v = brink[name]
    if name == "prim" then
      line("---@type brink.prims\nbrink.prim = nil\n")
    elseif type(v) == "function" then
      describe("brink", ".", name, v, name)
    elseif type(v) == "table" and name ~= "core" then
      local call = getmetatable(v) and getmetatable(v).__call
      line("---@class brink.%s%s", name, call and "\n---@overload fun(...): any" or "")
      line("brink.%s = {}\n", name)
      module("brink." .. name, v, MORE[name] or name)
    end
  end
  line("return brink")
  if list_only then print(table.concat(undocumented, "\n")) else print(table.concat(out, "\n")) end
end

main(arg[1] == "--undocumented")
