--- Where a curve of rises first crosses a threshold, and how surely.
--
-- A curve is a list of points in rising intensity, the first at intensity 0:
--   { i, rise, n,        measured mean rise over n samples
--     low, high,         what the mean over all samples of the set can be
--     lo, hi }           95 % limits for the population the set stands for
-- One algorithm serves a complete grid (low = high = rise) and a curve that is
-- known only where it matters: a point is *below* when high <= threshold, *above*
-- when low > threshold, else open. The crossing lies after the last point below
-- and at or before the first point above; between two points below everything is
-- taken to be below unless a measurement there says otherwise (a suspect).
-- SPDX-License-Identifier: MIT
local confidence = require "brink.search.confidence"

local M = {}

-- What passes for chance when a tick contradicts its neighbours.
local CHANCE = 0.05
-- So many failures more than at the later tick are taken for chance at most: two or three of three are looked into.
local DOUBTFUL = 0.2
-- A rise of more than this between neighbouring ticks is a step whose place interpolation cannot tell: look in between. The
-- onset threshold is crossed at the foot of the step, where a smaller one already misleads. (Measured: a straight line over
-- the whole axis rises .05 a tick, a logistic of scale .05 rises .25.)
M.STEEP = { onset = 0.1, break_at = 0.25 }
-- Still more than this between the finest ticks: a cliff. Its bound is its upper edge, the last intensity known to be safe.
M.CLIFF = 0.25

local function interpolate(a, ra, b, rb, threshold)
  if rb <= ra then return b end
  local t = (threshold - ra) / (rb - ra)
  if t < 0 then t = 0 elseif t > 1 then t = 1 end
  return a + (b - a) * t
end

-- Pool adjacent violators over points first..last, weight n: the best rising curve. Known sides are respected.
local function rising(points, first, last, below, above, threshold)
  local blocks = {}
  for k = first, last do
    local p = points[k]
    local r = p.guess or p.rise
    if k == below then r = math.min(r, threshold) end
    if k == above then r = math.max(r, threshold + 1e-9) end
    local block = { from = k, to = k, weight = p.guess and 1 or math.max(p.n, 1), value = r }
    -- what is decided stays decided
    if k ~= below and k ~= above then
      while #blocks > 0 and blocks[#blocks].value > block.value and not blocks[#blocks].fixed do
        local b = table.remove(blocks)
        local w = b.weight + block.weight
        block.value = (b.value * b.weight + block.value * block.weight) / w
        block.from, block.weight = b.from, w
      end
    else
      block.fixed = true
    end
    blocks[#blocks + 1] = block
  end
  local out = {}
  for _, b in ipairs(blocks) do
    for k = b.from, b.to do out[k] = b.value end
  end
  return out
end

-- First suspect before point `below`: open, measured above, and more so than chance explains if its mean is not above the
-- threshold. The same samples are compared at both points where they can be. (A judgement where to look again, not a
-- limit: rises count as hits.)
local function suspect(points, below, threshold)
  local b = points[below]
  local most = math.max(math.min(threshold - b.rise, DOUBTFUL), 1 / points[1].n)
  for k = 2, below - 1 do
    local p = points[k]
    if p.high > threshold and p.low <= threshold then
      local excess = points.excess and points.excess(p, b) or p.n * (p.rise - b.rise)
      if excess > 0 and confidence.tail(math.ceil(excess - 1e-9), p.n, most) < CHANCE then return k end
    end
  end
end

--- The first crossing of `threshold`.
-- Returns a table: `x` (intensity; 1 when never), `found`, `xmin` and `xmax` (the crossing of the complete set lies between),
-- `below` and `above` (indexes of the points around it; above = nil when nothing is known to be above), `left`, `right`
-- (the neighbours the estimate falls between), `steep` (true, false, or nil while open), `cliff`, `suspect` (index or nil).
function M.crossing(points, threshold, steep)
  local count = #points
  local above
  for k = 1, count do
    if points[k].low > threshold then above = k break end
  end
  local last = above and above - 1 or count
  local below = 1
  for k = last, 1, -1 do
    if points[k].high <= threshold then below = k break end
  end
  local r = { threshold = threshold, above = above, below = below, suspect = suspect(points, below, threshold) }
  local curve = rising(points, below, above or count, below, above, threshold)
  for k = below + 1, above or count do
    if curve[k] > threshold then r.left, r.right = k - 1, k break end
  end
  r.found = r.right ~= nil
  if not r.found then
    r.x = count > 1 and points[count].i or 1.0 -- nothing measured is nothing found
    r.xmin = below == count and r.x or points[below].i
    r.xmax = r.x
    r.steep = false
    return r
  end
  local a, b = points[r.left], points[r.right]
  r.x = interpolate(a.i, curve[r.left], b.i, curve[r.right], threshold)
  r.jump = curve[r.right] - curve[r.left]
  -- the highest and the lowest curve that are still possible
  local cap = math.huge
  for k = below + 1, above and above - 1 or count do cap = math.min(cap, points[k].high) end
  if below + 1 == above then cap = points[above].high end
  r.xmin = interpolate(points[below].i, points[below].high, points[below + 1].i, cap, threshold)
  if above then
    local floor = 0
    for k = below, above - 1 do floor = math.max(floor, points[k].low) end
    r.xmax = interpolate(points[above - 1].i, math.min(floor, threshold), points[above].i, points[above].low, threshold)
  else
    r.xmax = points[count].i
  end
  -- stay where half the remaining doubt lies on each side
  local half = (r.xmax - r.xmin) / 2
  if r.x < r.xmin or r.x > r.xmax then r.x = r.xmin + half end
  -- steep: all curves agree
  if math.max(b.high, curve[r.right]) - math.min(a.low, curve[r.left]) <= steep then
    r.steep = false
  elseif math.min(b.low, curve[r.right]) - math.max(a.high, curve[r.left]) > steep then
    r.steep = true
  elseif a.high == a.low and b.high == b.low then
    r.steep = r.jump > steep
  end
  return r
end

--- Keep `r.x` within half a tick of every crossing that is still possible, and move it to the edge of a cliff.
-- `finest`: width below which a bracket is not refined further.
function M.settle(points, r, step, finest)
  if not r.found then return r end
  local low, high = r.xmax - step / 2, r.xmin + step / 2
  if low <= high then r.x = math.min(math.max(r.x, low), high) end
  local a, b = points[r.left], points[r.right]
  if r.jump > M.CLIFF and b.i - a.i <= finest * (1 + 1e-9) then
    r.x, r.cliff = a.i, true
  end
  return r
end

--- 95 % interval of the population's crossing, from the pointwise limits of the curve (fields lo, hi).
-- Returns lower and upper intensity; upper is 1 with `open = true` as third value when the data do not exclude "never".
function M.interval(points, threshold, x)
  local lower, upper, open = 0.0, #points > 1 and points[#points].i or 1.0, true
  for k = #points, 1, -1 do
    local p = points[k]
    if p.i <= x and p.hi <= threshold then
      lower = p.i
      local q = points[k + 1]
      -- between ticks the upper limit is followed, but not across a step
      if q and q.hi > threshold and q.rise - p.rise <= M.STEEP.onset then
        lower = interpolate(p.i, p.hi, q.i, q.hi, threshold)
      end
      break
    end
  end
  for k = 1, #points do
    local p = points[k]
    if p.lo > threshold and p.i >= x then upper, open = p.i, false break end
  end
  return math.min(lower, x), math.max(upper, x), open
end

--- Safe islands: the stretches after `r` (a found crossing) where the rise is at or below the threshold again.
-- Points that are open count by their measured rise. Returns a list of { from, to } (outermost safe ticks).
function M.islands(points, r)
  local out = {}
  if not r.found then return out end
  local run
  for k = r.right + 1, #points do
    local p = points[k]
    local safe = p.rise <= r.threshold and not (p.low > r.threshold)
    if safe and run then
      run.to = p.i
    elseif safe then
      run = { from = p.i, to = p.i }
      out[#out + 1] = run
    else
      run = nil
    end
  end
  return out
end

--- Everything about one curve: { onset, onset_lo, onset_hi, onset_found, break_, break_lo, break_hi, break_found, islands,
-- cliff }. `opts`: onset, break_at (thresholds), step, finest. onset <= break_ always.
function M.bounds(points, opts)
  local on = M.settle(points, M.crossing(points, opts.onset, M.STEEP.onset), opts.step, opts.finest)
  local br = M.settle(points, M.crossing(points, opts.break_at, M.STEEP.break_at), opts.step, opts.finest)
  if on.x > br.x then on.x = br.x end
  local out = { islands = M.islands(points, br), cliff = br.cliff or false }
  out.onset, out.onset_found = on.x, on.found
  out.break_, out.break_found = br.x, br.found
  out.onset_lo, out.onset_hi, out.onset_open = M.interval(points, opts.onset, on.x)
  out.break_lo, out.break_hi, out.break_open = M.interval(points, opts.break_at, br.x)
  return out
end

return M
