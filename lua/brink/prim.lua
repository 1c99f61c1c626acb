--- Constructors of primitives, one per row of `core.plan.prims()`.
--
--   prim.gamma(2)            --> { op = "gamma", gamma = 2 }        parameters in their declared order
--   prim.gamma{ gamma = 2 }  --> the same                           or by name
--   prim.matrix{ 1, 0, ... } --> { op = "matrix", values = { ... } } a list is a list parameter
--
-- A plan is a list of these; names and ranges are checked when it is compiled (`core.plan.new`,
-- `image:run`). Raises on an unknown primitive, an unknown parameter name and too many arguments.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local nearest = require "brink.nearest"

local M, names = {}, {}

local function named(row, t)
  local step, known = { op = row.name }, {}
  for _, p in ipairs(row.params) do
    known[#known + 1] = p.name
    step[p.name] = t[p.name]
  end
  local bad
  for key in pairs(t) do
    if step[key] == nil and (not bad or tostring(key) < tostring(bad)) then bad = key end
  end
  if bad ~= nil then
    error(("%s: no parameter %q%s"):format(row.name, tostring(bad), nearest.hint(bad, known)), 3)
  end
  return step
end

local function positional(row, ...)
  local n, step = select("#", ...), { op = row.name }
  if n > #row.params then
    error(("%s: %d arguments, at most %d expected"):format(row.name, n, #row.params), 3)
  end
  for i = 1, n do step[row.params[i].name] = (select(i, ...)) end
  return step
end

local function constructor(row)
  return function(...)
    local first = ...
    if select("#", ...) == 1 and type(first) == "table" and first[1] == nil then return named(row, first) end
    return positional(row, ...)
  end
end

for _, row in ipairs(core.plan.prims()) do
  names[#names + 1] = row.name
  M[row.name] = constructor(row)
end

return setmetatable(M, {
  __index = function(_, name)
    error(("prim: no primitive %q%s"):format(tostring(name), nearest.hint(name, names)), 2)
  end,
})
