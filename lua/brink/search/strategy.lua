--- Search strategies by name.
--
-- A strategy is a table { next = function(axis) -> list of questions or nil, doc,
-- at_most = function(axis) -> predictions } or only the function. It is called
-- once a round and sees what was measured so far:
--   axis.n              samples;           axis.tick_count, axis.step   the plain ticks
--   axis.onset, axis.break_at              the thresholds
--   axis.state          a table of its own, kept between rounds
--   axis:points()       the curve: { i, rise, n, low, high, complete }, first at 0
--   axis:ask(i, count)  a question: `count` more samples at intensity i (all when nil); nil when all were asked
-- SPDX-License-Identifier: MIT
local nearest = require "brink.nearest"
local rows = require "brink.augment.row"

rows.blame_caller(debug.getinfo(1, "S").source)

local M = {}
local names, by_name = {}, {}

local function checked(strategy)
  if type(strategy) == "function" then strategy = { next = strategy } end
  if type(strategy) ~= "table" or type(strategy.next) ~= "function" then
    rows.raise("strategy: a name, a function of an axis, or a table with next expected")
  end
  return strategy
end

--- Make a strategy known by a name.
function M.register(name, strategy)
  if type(name) ~= "string" or name == "" then error("strategy.register: a name expected", 2) end
  if by_name[name] then error(("strategy.register: %s is already taken"):format(name), 2) end
  by_name[name] = checked(strategy)
  names[#names + 1] = name
end

--- Names in the order they were registered.
function M.names() return table.move(names, 1, #names, 1, {}) end

--- The strategy of a name, or made from a function or table. Returns it and its name ("own" for an unnamed one).
function M.get(which)
  if type(which) == "string" then
    local s = by_name[which]
    if not s then rows.raise("strategy: no strategy %q%s", which, nearest.hint(which, names)) end
    return s, which
  end
  local s = checked(which)
  return s, s.name or "own"
end

M.register("adaptive", require "brink.search.adaptive")
M.register("grid", require "brink.search.grid")

return M
