--- An augmentation row: what it may contain, the check that runs when it loads,
-- and its intensity axis.
--
-- Intensity i runs from 0 (identity) to 1 (beyond what anyone would want); a
-- signed row has a second side from 0 to -1. Each parameter goes from `off` at 0
-- to `full` at 1 along its law, and to `minus` at -1. A parameter with `value`
-- instead stays where it is unless overridden.
--
--   name, family ("own"), aliases, doc (one sentence), source (paper)
--   params = { NAME = { unit, doc, off, full, minus, law, value, lo, hi, whole } }
--     law: "linear" (as without one), "geometric", an exponent of i, or a function of i
--     lo, hi: what may be set by hand; whole: rounded to a whole number
--   weight (1)            how often synthesis takes it, beside other rows
--   conflicts             names that must not meet it in one picture; counts both ways
--   signed                there is a side from 0 to -1
--   discrete              it is done as a whole from some intensity on, nothing in between
--   not_monotone, changes_size, per_pixel
--                         a reason each, why it need not grow with i, keep the
--                         picture's size, look alike in a larger picture
--   plan(params, ctx)     the list of primitives; ctx: width, height, channels, type,
--                         short_side, long_side, rng (its own draws), stats(), boxes()
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local nearest = require "brink.nearest"

local M = {}

local inside = { [debug.getinfo(1, "S").source] = true } -- files that blame their caller

--- The first place on the stack outside the catalogue's own code: "recipe.lua:3".
function M.caller()
  for level = 2, 40 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    if info.what ~= "C" and not inside[info.source] then return ("%s:%d"):format(info.short_src, info.currentline) end
  end
  return "?"
end

--- Errors raised from the file of `source` name its caller.
function M.blame_caller(source) inside[source] = true end

--- Raise a message that names the file and line of whoever called the catalogue.
local function raise(format, ...) error(M.caller() .. ": " .. format:format(...), 0) end
M.raise = raise

local ROW_FIELDS = {
  name = "string", family = "string", aliases = "list", doc = "string", source = "string", params = "table",
  weight = "number", conflicts = "list", signed = "boolean", discrete = "boolean",
  not_monotone = "string", changes_size = "string", per_pixel = "string", plan = "function",
}
local PARAM_FIELDS = {
  unit = "string", doc = "string", off = "number", full = "number", minus = "number", value = "number",
  lo = "number", hi = "number", law = "any", whole = "boolean",
}
local FIELD_NAMES, PARAM_NAMES = {}, {}
for name in pairs(ROW_FIELDS) do FIELD_NAMES[#FIELD_NAMES + 1] = name end
for name in pairs(PARAM_FIELDS) do PARAM_NAMES[#PARAM_NAMES + 1] = name end
table.sort(FIELD_NAMES)
table.sort(PARAM_NAMES)

--- "a, b, c": keys of t in order, for messages and loops.
local function sorted_keys(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

--- A number as a person writes it: 0.25, 12, -3.
local function num(v, digits)
  if v == math.huge then return "inf" elseif v == -math.huge then return "-inf" end
  if math.abs(v) >= tonumber("1e" .. (digits or 6)) then return ("%.0f"):format(v) end
  return ("%." .. (digits or 6) .. "g"):format(v)
end
M.number_text = num

local function is_number(v) return type(v) == "number" and v == v and v ~= math.huge and v ~= -math.huge end

local function check_type(fail, where, value, want)
  if want == "any" then return end
  if want == "number" then
    if not is_number(value) then fail("%s: expected a finite number, got %s", where, tostring(value)) end
  elseif want == "list" then
    if type(value) ~= "table" then fail("%s: expected a list of strings, got a %s", where, type(value)) end
    for k, v in pairs(value) do
      if math.type(k) ~= "integer" or k < 1 or k > #value or type(v) ~= "string" or v == "" then
        fail("%s: expected a list of strings", where)
      end
    end
  elseif type(value) ~= want then
    fail("%s: expected a %s, got a %s", where, want, type(value))
  end
end

local function check_fields(fail, prefix, t, fields, names)
  for _, key in ipairs(sorted_keys(t)) do
    local want = fields[key]
    if not want then
      fail("%s%s: no such field%s", prefix, tostring(key), nearest.hint(key, names))
    end
    check_type(fail, prefix .. key, t[key], want)
  end
end

-- Halves go away from 0, so that both sides of a signed row turn at the same intensity.
local function whole(v) return v < 0 and -math.floor(0.5 - v) or math.floor(v + 0.5) end

--- Share of the way at t = |i| in (0,1).
local function along(law, t)
  if type(law) == "number" then return law == 2 and t * t or core.math.pow(t, law) end
  return t
end

--- The parameter's value at intensity i.
local function value_at(p, i)
  if p.value then return p.value end
  if i == 0 then return p.off end
  local t, far = i, p.full
  if i < 0 then t, far = -i, p.minus end
  local v
  if type(p.law) == "function" then
    v = p.law(i)
  elseif t == 1 then
    v = far
  elseif p.law == "geometric" then
    v = p.off * core.math.pow(far / p.off, t)
  else
    v = p.off + (far - p.off) * along(p.law, t)
  end
  return p.whole and whole(v) or v
end

local function check_law(fail, where, p)
  local law = p.law
  if law == nil or law == "linear" then return "linear" end
  if law == "geometric" then
    if not (p.off * p.full > 0) or (p.minus and not (p.off * p.minus > 0)) then
      fail("%s.law: geometric needs off, full and minus of one sign and not 0", where)
    end
    return law
  end
  if is_number(law) then
    if law < 0.1 or law > 10 then fail("%s.law: exponent %s is outside 0.1..10", where, num(law)) end
    return law
  end
  if type(law) == "function" then return law end
  fail("%s.law: expected \"linear\", \"geometric\", an exponent or a function of the intensity, got %s", where, tostring(law))
end

local function check_inside(fail, where, p, field)
  local v = p[field]
  if v and (v < p.lo or v > p.hi) then
    fail("%s.%s: %s is outside %s..%s%s", where, field, num(v), num(p.lo), num(p.hi), p.unit ~= "" and " " .. p.unit or "")
  end
end

--- One parameter: a checked copy with every default filled in.
local function check_param(fail, name, given, signed)
  local where = "params." .. name
  if type(given) ~= "table" then fail("%s: expected a table, got a %s", where, type(given)) end
  check_fields(fail, where .. ".", given, PARAM_FIELDS, PARAM_NAMES)
  local p = { name = name, unit = given.unit or "", doc = given.doc or "", whole = given.whole or false, lo = given.lo, hi = given.hi }
  if given.value then
    for _, f in ipairs { "off", "full", "minus", "law" } do
      if given[f] ~= nil then fail("%s.%s: a parameter with a fixed value has no %s", where, f, f) end
    end
    p.value, p.off, p.full = given.value, given.value, given.value
    p.lo, p.hi = p.lo or p.value, p.hi or p.value
  else
    for _, f in ipairs { "off", "full" } do
      if given[f] == nil then fail("%s.%s: missing (the value at intensity %d)", where, f, f == "off" and 0 or 1) end
    end
    p.off, p.full = given.off, given.full
    if p.off == p.full then fail("%s.full: equals off (%s); use value for a parameter that stays", where, num(p.off)) end
    if given.minus and not signed then fail("%s.minus: the row is not signed", where) end
    if signed then
      p.minus = given.minus or (given.law == "geometric" and p.full ~= 0 and p.off * p.off / p.full) or 2 * p.off - p.full
    end
    p.law = check_law(fail, where, { off = p.off, full = p.full, minus = p.minus, law = given.law })
    p.lo = p.lo or math.min(p.off, p.full, p.minus or p.off)
    p.hi = p.hi or math.max(p.off, p.full, p.minus or p.off)
  end
  if p.lo > p.hi then fail("%s.lo: %s is above hi, %s", where, num(p.lo), num(p.hi)) end
  for _, f in ipairs(p.value and { "value" } or { "off", "full", "minus" }) do check_inside(fail, where, p, f) end
  if type(p.law) == "function" then
    for _, i in ipairs(signed and { -1, -0.5, 0.5, 1 } or { 0.5, 1 }) do
      local v = p.law(i)
      if not is_number(v) or v < p.lo or v > p.hi then
        fail("%s.law: gives %s at intensity %s, outside %s..%s", where, tostring(v), num(i), num(p.lo), num(p.hi))
      end
    end
  end
  return p
end

local Row = {}
Row.__index = Row
Row.__name = "brink.Augmentation"
M.Row = Row

--- Check a row as a recipe wrote it and return the Row object, or call fail(format, ...) which raises.
function M.new(given, fail)
  if type(given) ~= "table" then fail("expected a table with name, params and plan, got a %s", type(given)) end
  check_fields(fail, "", given, ROW_FIELDS, FIELD_NAMES)
  for _, f in ipairs { "name", "params", "plan" } do
    if given[f] == nil then fail("%s: missing", f) end
  end
  local function check_name(field, name)
    if not name:match "^%a[%w_]*$" then fail("%s: %q is not a name (letters, digits, underscores)", field, name) end
  end
  check_name("name", given.name)
  for _, a in ipairs(given.aliases or {}) do check_name("aliases", a) end
  local row = setmetatable({
    name = given.name, family = given.family or "own", doc = given.doc or "", source = given.source or "",
    weight = given.weight or 1, signed = given.signed or false, discrete = given.discrete or false,
    not_monotone = given.not_monotone, changes_size = given.changes_size, per_pixel = given.per_pixel,
    aliases = table.move(given.aliases or {}, 1, #(given.aliases or {}), 1, {}),
    conflicts = table.move(given.conflicts or {}, 1, #(given.conflicts or {}), 1, {}),
    params = {}, param_names = sorted_keys(given.params), make = given.plan,
  }, Row)
  if row.weight < 0 then fail("weight: %s is below 0", num(row.weight)) end
  local moving = false
  for _, name in ipairs(row.param_names) do
    if type(name) ~= "string" then fail("params: expected names as keys, got %s", tostring(name)) end
    row.params[name] = check_param(fail, name, given.params[name], row.signed)
    moving = moving or not row.params[name].value
  end
  if not moving then fail("params: none moves with the intensity (give one off and full)") end
  return row
end

--- Raise unless i is an intensity of this row.
function Row:check_intensity(i)
  local lo = self.signed and -1 or 0
  if not is_number(i) then raise("%s: intensity: expected a number, got %s", self.name, tostring(i)) end
  if i < lo or i > 1 then raise("%s: intensity %s is outside %d..1", self.name, num(i), lo) end
end

--- Raise unless every entry of `params` is a parameter of this row with a legal value.
function Row:check_params(params)
  if type(params) ~= "table" then raise("%s: parameters: expected a table, got a %s", self.name, type(params)) end
  for _, name in ipairs(sorted_keys(params)) do
    local p, v = self.params[name], params[name]
    if not p then raise("%s.%s: no such parameter%s", self.name, tostring(name), nearest.hint(name, self.param_names)) end
    if not is_number(v) then raise("%s.%s: expected a number, got %s", self.name, name, tostring(v)) end
    if v < p.lo or v > p.hi then
      raise("%s.%s: %s is outside %s..%s%s", self.name, name, num(v), num(p.lo), num(p.hi), p.unit ~= "" and " " .. p.unit or "")
    end
    if p.whole and v ~= math.floor(v) then raise("%s.%s: %s is not a whole number", self.name, name, num(v)) end
  end
end

--- The physical parameters at intensity i: a new table { name = value }.
-- i in [0,1], or [-1,1] for a signed row; raises outside.
function Row:at(i)
  self:check_intensity(i)
  local params = {}
  for _, name in ipairs(self.param_names) do params[name] = value_at(self.params[name], i) end
  return params
end

--- The primitives for physical parameters: a list of { op = ..., ... }.
-- `ctx` is what augment.context returns. Placement drawn from ctx.rng stands in the list as numbers.
function Row:plan(params, ctx)
  local list = self.make(params, ctx)
  if type(list) ~= "table" then raise("%s: plan: expected a list of primitives, got a %s", self.name, type(list)) end
  for k, step in ipairs(list) do
    if type(step) ~= "table" or type(step.op) ~= "string" then
      raise("%s: plan: entry %d is not a primitive ({ op = name, ... })", self.name, k)
    end
  end
  return list
end

--- "augmentation GaussianBlur (blur): sigma 0 .. 0.05 of short side".
function Row:__tostring()
  local parts = {}
  for _, name in ipairs(self.param_names) do
    local p = self.params[name]
    if not p.value then
      parts[#parts + 1] = ("%s %s%s .. %s%s"):format(name, p.minus and num(p.minus) .. " < " or "", num(p.off), num(p.full), p.unit ~= "" and " " .. p.unit or "")
    end
  end
  return ("augmentation %s (%s): %s"):format(self.name, self.family, table.concat(parts, ", "))
end

--- True when these parameters are the ones of intensity 0.
function Row:is_off(params)
  for _, name in ipairs(self.param_names) do
    local p = self.params[name]
    if not p.value and params[name] ~= p.off then return false end
  end
  return true
end

--- The moving parameters as text: "sigma 0.0125 of short side". `digits` counts (6).
function Row:text(params, digits)
  local out = {}
  for _, name in ipairs(self.param_names) do
    local p = self.params[name]
    if not p.value or params[name] ~= p.value then
      out[#out + 1] = ("%s %s%s"):format(name, num(params[name], digits), p.unit ~= "" and " " .. p.unit or "")
    end
  end
  return table.concat(out, ", ")
end

--- How the law reads in a table: "linear", "geometric", "i^1.5", "own".
function M.law_text(p)
  if p.value then return "fixed" end
  if type(p.law) == "number" then return "i^" .. num(p.law) end
  return type(p.law) == "function" and "own" or p.law
end

return M
