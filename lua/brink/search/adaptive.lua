--- Strategy "adaptive": as sure as the grid about onset and break, for a fraction of its questions.
--
-- A scan puts a few samples to every tick, so that an island or an early failure
-- shows. Then each round asks where it matters: at the two ticks between which
-- the crossing is thought to lie, in growing batches, until every complete curve
-- that agrees with what was seen crosses within half a step of the answer.
-- A tick between two ticks that are below the threshold is taken to be below,
-- unless what was seen there says otherwise; then it is asked until it is clear.
-- A sample that answers the same on both sides of a tick is taken to answer so
-- there too, until one sample of the axis gets better again: from then on, only
-- what was measured counts (axis:more). One in four is asked all the same.
-- However far apart the two sides are: to ask again where they are more than two
-- ticks apart takes a seventh more predictions, and one axis in seven over 35 %
-- of the grid's; what it finds is the same but for onsets that hang on a few
-- samples which come back, of which it misses 49 % rather than 54 % (none: 49 %).
-- Decisions are made between rounds, from the answers alone.
-- SPDX-License-Identifier: MIT
local axis_module = require "brink.search.axis"
local boundaries = require "brink.search.boundaries"
local grid = require "brink.search.grid"

-- version: part of a study's identity; goes up when other questions are asked or other conclusions drawn.
local M = { doc = "few samples everywhere, many near the thresholds", at_most = grid.at_most, version = 2 }

-- Share of a step that may stay between the earliest and the latest possible crossing.
local DOUBT = 0.95
-- Samples spent on one tick behind the break to tell whether it is a safe island.
local ISLAND = 16

-- Times the lower side may advance by a single tick before it leaps.
local LEAP = 2

local function batch(n) return math.max(4, n // 3) end

-- Collects questions: one per position, the larger count wins.
local function asker(axis)
  local counts, positions = {}, {}
  local self = {}
  local plain = {} -- where nothing may be inferred
  function self.ask(position, n, infer)
    local count = batch(n)
    if not counts[position] then positions[#positions + 1] = position end
    counts[position] = math.max(counts[position] or 0, count)
    plain[position] = plain[position] or not infer
  end
  function self.questions()
    table.sort(positions)
    local out = {}
    for _, p in ipairs(positions) do out[#out + 1] = axis:more(p, counts[p], not plain[p]) end
    return #out > 0 and out or nil
  end
  return self
end

-- Ask the open one of the two neighbours, the upper one first: who is right there is right at the lower one too. Where the
-- answer has moved the crossing on by one tick several times in a row (a plateau close to the threshold), leap ahead in doubling
-- strides, to find the other side of it.
local function ask_neighbours(axis, points, r, walk, ask)
  local a, b = points[r.left], points[r.right]
  local a_open = r.left > r.below and not a.complete
  local b_open = r.right ~= r.above and not b.complete
  if a_open and not (b_open and axis.steady) then ask(a.position, a.n, true) end
  if b_open then
    local k = math.min((r.above or #points + 1) - 1, r.right + walk.up)
    ask(points[k].position, points[k].n, true)
  end
  if a_open or b_open then return end
  -- both decided: the one that is known less
  local p = a.high - a.low > b.high - b.low and a or b
  ask(p.position, p.n, true)
end

-- How often in a row the lower side has advanced by one tick; from the third time on, strides 1, 3, 7, ...
local function track(walk, r)
  if walk.below and r.below > walk.below then
    walk.times = r.below == walk.below + 1 and walk.times + 1 or 0
    walk.up = walk.times < LEAP and 0 or walk.up * 2 + 1
  end
  walk.below = r.below
end

-- Where to look between two ticks, in as many places as at_most counts.
local function between(axis, points, r)
  local position = grid.between(points, r)
  if not position or axis.ticks[position] then return position end
  local used = axis.state.between or 0
  if used >= 2 * grid.halvings(axis) then return nil end
  axis.state.between = used + 1
  return position
end

local function pursue(axis, points, name, ask)
  local r = boundaries.crossing(points, axis[name], boundaries.STEEP[name])
  if r.suspect then
    ask(points[r.suspect].position, points[r.suspect].n)
    return r
  end
  if not r.found then
    if r.below < #points then ask(points[#points].position, points[#points].n) end
    return r
  end
  local walk = axis.state[name] or { up = 0, times = 0 }
  axis.state[name] = walk
  track(walk, r)
  local bracket = r.below == r.left and r.above == r.right
  local sure = r.xmax - r.xmin <= DOUBT * axis.step
  if bracket and r.steep == true then
    local position = between(axis, points, r)
    if position then ask(position, 0, true) return r end
  elseif sure and r.steep == false then
    return r
  end
  local a, b = points[r.left], points[r.right]
  if bracket and (b.position - a.position == 1 or a.complete and b.complete) then return r end
  ask_neighbours(axis, points, r, walk, ask)
  return r
end

-- Ticks behind the break that look safe, or not clearly broken next to ones that look safe.
local function islands(points, r, ask)
  if not r.found then return end
  for k = r.right + 1, #points do
    local p = points[k]
    local open = p.high > r.threshold and p.low <= r.threshold
    if open and p.rise <= r.threshold and p.n < ISLAND then ask(p.position, p.n) end
  end
end

-- Share of the grid's questions up to which the interval ends are measured, and the most samples for one of them.
local BUDGET, MARGIN = 0.32, 200

-- Where the limits of the curve should pass the threshold: levels of about 95 % for m samples.
local function levels(threshold, m)
  local up = threshold + 2.2 * math.sqrt(math.max(threshold * (1 - threshold), 0.05) / m)
  local down = threshold - 2.2 * math.sqrt(threshold * (1 - threshold) / m)
  return down, up
end

-- Once the crossings are known: what is left of the budget goes to the ticks where their intervals should end, so that the
-- intervals are not much wider than the grid's. How many samples is fixed here, not while looking at them.
local function margins(axis, points)
  local left = math.tointeger((BUDGET * axis.n * (axis.tick_count + 1)) // 1) - axis.n - axis.asked
  local m = math.min(axis.n, MARGIN, left // 3)
  if m < 8 then return nil end
  local wanted, seen = {}, {}
  local function want(p)
    if p and p.position > 0 and p.n < m and not p.complete and not seen[p.position] then
      seen[p.position] = true
      wanted[#wanted + 1] = axis:more(p.position, m - p.n, true)
    end
  end
  for _, name in ipairs { "break_at", "onset" } do
    local r = boundaries.crossing(points, axis[name], boundaries.STEEP[name])
    if r.found then
      local down, up = levels(axis[name], m)
      local below, above
      local level = 0
      for k = 2, #points do
        level = math.max(level, points[k].guess or points[k].rise)
        if level <= down and k <= r.left then below = points[k] end
        if level >= up and k >= r.right and not above then above = points[k] end
      end
      want(above)
      if name == "break_at" then want(below) end
    end
  end
  return #wanted > 0 and wanted or nil
end

--- The next round of questions; nil at the end.
function M.next(axis)
  if not axis.state.scanned then
    axis.state.scanned = true
    local out = {}
    local scan = axis_module.scan_size(axis.n, axis.tick_count)
    for k = 1, axis.tick_count do out[#out + 1] = axis:more(k * axis.fine, scan) end
    return out
  end
  local points = axis:points()
  local asked = asker(axis)
  pursue(axis, points, "onset", asked.ask)
  local r = pursue(axis, points, "break_at", asked.ask)
  islands(points, r, asked.ask)
  local questions = asked.questions()
  if questions or axis.state.margins then return questions end
  axis.state.margins = true
  return margins(axis, points)
end

return M
