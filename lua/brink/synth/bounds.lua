--- The intensities a synthesis may draw from, per side of every augmentation.
--
-- From a study: onset and break of the model, scaled by the realism r to (1 - r)
-- onset .. (1 - r) break. What never breaks is bounded by the guard instead: the
-- largest intensity at which a picture is still readable. Without a study, a
-- default range that is mild for every row. What is done as a whole or not at
-- all (discrete rows) cannot be done mildly: realism does not scale it, and the
-- range is 0 to 1, or to where the study says it breaks, which is below the step.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"

local M = {}

--- Without a study the range is 0 .. DEFAULT * (1 - r).
M.DEFAULT = 0.3

local function sides(row) return row.signed and { "+", "-" } or { "" } end

-- What the study knows about a row: bounds by side, or nil when it has no such row.
local function measured(study, row)
  local known = false
  for _, name in ipairs(study:names()) do known = known or name == row.name end
  if not known then return nil end
  local by_side = {}
  for _, b in ipairs(study:bounds(row.name)) do by_side[b.side] = b end
  return by_side
end

--- The ends before realism: from, to, and where they come from ("study", "guard", "default").
-- `limit(row, side)` is the guard's largest intensity.
local function ends(row, side, known, limit)
  local b = known and known[side]
  if not b then return 0.0, row.discrete and 1.0 or M.DEFAULT, "default" end
  local from = b.onset_found and not row.discrete and b.onset or 0.0
  if b.break_found then return from, b.break_, "study" end
  local to = limit(row, side)
  return math.min(from, to), to, "guard"
end

--- One range: { name, side, lo, hi, from, to, source, clamped }. lo <= hi, both in [0,1].
-- o: realism, range ({ min, max, multiplier, only_shrink_max } or nil).
local function range_of(row, side, from, to, source, o)
  local shrink, range = 1 - o.realism, o.range or {}
  local scale = shrink * (range.multiplier or 1)
  local lo = range.only_shrink_max and from or scale * from
  local hi = scale * to
  if range.only_shrink_max then lo = math.min(lo, hi) end
  if range.min then lo = range.min end
  if range.max then hi = range.max end
  if lo > hi then
    -- an end given by hand stands; two computed ends are put in order
    if range.min and not range.max then hi = lo
    elseif range.max and not range.min then lo = hi
    else lo, hi = hi, lo end
  end
  local function clamp(v) return math.min(math.max(v, 0.0), 1.0) + 0.0 end
  local out = { name = row.name, side = side, from = from + 0.0, to = to + 0.0, source = source, lo = clamp(lo), hi = clamp(hi), realism = o.realism }
  out.clamped = out.lo ~= lo or out.hi ~= hi
  return out
end

--- Ranges for all rows: { [row name] = list of ranges, one per side }, and a list of notes (a clamp is noted once per row).
-- o: rows, study (nil: none), realism (default for all), realisms, ranges (by row name), limit (function (row, side) -> i).
function M.of(o)
  local out, notes = {}, {}
  for _, row in ipairs(o.rows) do
    local known = o.study and measured(o.study, row)
    local list, clamped = {}, nil
    for k, side in ipairs(sides(row)) do
      local from, to, source = ends(row, side, known, o.limit)
      list[k] = range_of(row, side, from, to, source, { realism = o.realisms[row.name] or row.discrete and 0 or o.realism, range = o.ranges[row.name] })
      if list[k].clamped then clamped = clamped or list[k] end
    end
    if clamped then
      notes[#notes + 1] = ("%s: realism %g goes past the row's legal range; intensities end at %g"):format(row.name, clamped.realism, clamped.hi)
    end
    if o.study and not known then notes[#notes + 1] = row.name .. ": not in the study; the default range is used" end
    out[row.name] = list
  end
  return out, notes
end

--- An intensity of a row's ranges: the side by key where there are two, then uniform between its ends. Signed.
function M.draw(list, rng)
  local b = #list == 1 and list[1] or (rng:choice(list))
  local i = b.lo == b.hi and b.lo or rng:uniform(b.lo, b.hi)
  return b.side == "-" and -i or i
end

--- The rows of a run and their weights: those with weight 0 stay out.
function M.rows(rows, weights)
  local list, heavy = {}, {}
  for _, row in ipairs(rows or augment.list()) do
    local w = weights[row.name] or row.weight
    if w > 0 then
      list[#list + 1] = row
      heavy[#heavy + 1] = w
    end
  end
  return list, heavy
end

return M
