-- Onset, break, islands from curves. SPDX-License-Identifier: MIT
local t = require "check"
local boundaries = require "brink.search.boundaries"
local confidence = require "brink.search.confidence"

-- A complete curve from its rises at step, 2 step, ...
local function complete(rises, step, n)
  n = n or 100
  local out = { { i = 0.0, position = 0, rise = 0.0, n = n, low = 0.0, high = 0.0, lo = 0.0, hi = 0.0 } }
  for k, r in ipairs(rises) do
    local lo, hi = confidence.binomial(math.max(math.floor(r * n + 0.5), 0), n, 0.05)
    out[k + 1] = { i = k * step, position = k, rise = r, n = n, low = r, high = r, lo = lo, hi = hi, complete = true }
  end
  return out
end
local function bounds(rises, step)
  return boundaries.bounds(complete(rises, step or 0.1), { onset = 0.02, break_at = 0.49, step = step or 0.1, finest = step or 0.1 })
end

t.test("a straight line is crossed where it says", function()
  local b = bounds { 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0 }
  t.near(b.onset, 0.02, 1e-9)
  t.near(b.break_, 0.49, 1e-9)
  t.eq({ b.onset_found, b.break_found, b.cliff }, { true, true, false })
end)

t.test("a curve that never rises is never crossed", function()
  local b = bounds { 0, 0, 0.01, 0.02, 0, 0, 0, 0, 0, 0 }
  t.eq({ b.onset, b.break_, b.onset_found, b.break_found }, { 1.0, 1.0, false, false })
  t.eq(b.islands, {})
end)

t.test("exactly at the threshold is not above it", function()
  t.eq(bounds({ 0.02, 0.02 }, 0.5).onset_found, false)
end)

t.test("a negative rise is no failure", function()
  local b = bounds { -0.2, -0.3, -0.1, 0, 0, 0, 0, 0, 0, 0 }
  t.eq(b.onset_found, false)
end)

t.test("defect 05: a cliff gives bounds in order", function()
  local b = bounds { 0, 0, 0, 1, 1, 1, 1, 1, 1, 1 }
  t.ok(b.onset <= b.break_)
  t.near(b.onset, 0.3, 1e-9)
  t.near(b.break_, 0.3, 1e-9)
  t.ok(b.cliff)
  t.ok(b.break_lo <= b.break_ and b.break_ <= b.break_hi)
end)

t.test("defect 06: a safe stretch after a failure is an island, not the bound", function()
  local b = bounds { 0, 1, 1, 1, 1, 1, 1, 1, 0, 0 }
  t.near(b.break_, 0.1, 1e-9)
  t.near(b.onset, 0.1, 1e-9)
  t.eq(#b.islands, 1)
  t.near(b.islands[1].from, 0.9, 1e-9)
  t.near(b.islands[1].to, 1, 1e-9)
end)

t.test("two islands are two", function()
  local b = bounds { 1, 0, 1, 1, 0, 0, 1, 1, 1, 1 }
  t.eq(#b.islands, 2)
end)

t.test("failing at the first tick", function()
  local b = bounds { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }
  t.eq({ b.onset, b.break_, b.onset_found }, { 0.0, 0.0, true })
end)

t.test("the interval holds the estimate, and is open where never is not excluded", function()
  local b = bounds { 0, 0, 0, 0, 0.1, 0.2, 0.3, 0.4, 0.45, 0.5 }
  t.ok(b.break_open)
  t.eq(b.break_hi, 1.0)
  t.ok(b.break_lo > 0.5 and b.break_lo <= b.break_)
end)

t.test("few samples cannot exclude an early onset, many can", function()
  local function lower(n)
    local points = complete({ 0, 0, 0, 0, 0.5, 1, 1, 1, 1, 1 }, 0.1, n)
    return (boundaries.interval(points, 0.02, 0.404))
  end
  t.ok(lower(50) < 0.1)
  t.ok(lower(400) >= 0.4)
end)

t.test("open points: the crossing stays between what is below and what is above", function()
  local p = complete({ 0, 0, 0.3, 0.6, 0.8 }, 0.2)
  p[4].low, p[4].high, p[4].n = 0.0, 0.9, 3 -- hardly looked at
  local r = boundaries.crossing(p, 0.49, 0.25)
  t.eq({ r.below, r.above }, { 3, 5 })
  t.ok(r.xmin >= 0.4 and r.xmax <= 0.8 and r.x >= r.xmin and r.x <= r.xmax)
end)

t.test("a measured failure before a point that is below is suspect", function()
  local p = complete({ 0, 0, 0, 0, 0 }, 0.2)
  p[3].rise, p[3].low, p[3].high, p[3].n = 1, 0.03, 1, 3
  p[3].low = 0.0
  t.eq(boundaries.crossing(p, 0.49, 0.25).suspect, 3)
end)

t.test("open points that contradict each other are pooled by how many samples each has", function()
  local points = { { i = 0.0, rise = 0.0, n = 100, low = 0.0, high = 0.0 }, { i = 0.25, rise = 0.6, n = 10, low = 0.1, high = 0.9 },
    { i = 0.5, rise = 0.2, n = 30, low = 0.1, high = 0.9 }, { i = 1.0, rise = 1.0, n = 100, low = 1.0, high = 1.0 } }
  local r = boundaries.crossing(points, 0.49, 0.25)
  -- (.6 x 10 + .2 x 30) / 40 = .3 at the third, 1 at the fourth
  t.near(r.x, 0.5 + 0.5 * (0.49 - 0.3) / 0.7, 1e-12)
end)

t.test("an open point behind the break is safe by what was measured there", function()
  local function point(i, rise) return { i = i, rise = rise, n = 10, low = 0.3, high = 0.9 } end
  local points = { point(0, 0), point(0.25, 1), point(0.5, 0.6), point(0.75, 0.4), point(1, 0.6) }
  t.eq(boundaries.islands(points, { found = true, right = 2, threshold = 0.49 }), { { from = 0.75, to = 0.75 } })
end)

t.done()
