-- How often the 95 % intervals of onset and break hold the truth, on models whose population is known.
-- SPDX-License-Identifier: MIT
local t = require "check"
local sim = require "simulate"

-- The 95 % intervals hold the crossing of the population's own curve in at least 93 of 100 sets drawn from it.
local function coverage(n, strategy, draw, quantile)
  local onset, break_ = math.max(quantile(sim.ONSET), 0), math.min(quantile(sim.BREAK), 1)
  local held_onset, held_break, width = 0, 0, 0
  for seed = 1, 100 do
    math.randomseed(seed * 1000 + n)
    local b = sim.run(n, strategy, sim.thresholds(n, draw), seed)
    if b.onset_lo <= onset + 1e-9 and onset <= b.onset_hi + 1e-9 then held_onset = held_onset + 1 end
    if b.break_lo <= break_ + 1e-9 and break_ <= b.break_hi + 1e-9 then held_break = held_break + 1 end
    width = width + (b.break_hi - b.break_lo) / 100
  end
  return held_onset, held_break, width
end

t.test("intervals cover the truth in 93 of 100 seeds", function()
  local draw, quantile = sim.logistic(0.45, 0.05)
  for _, case in ipairs { { 50, "adaptive", 0.35 }, { 100, "adaptive", 0.25 }, { 100, "grid", 0.15 } } do
    local onset, break_, width = coverage(case[1], case[2], draw, quantile)
    local what = ("%s, %d samples"):format(case[2], case[1])
    t.ok(onset >= 93, ("%s: onset held by %d"):format(what, onset))
    t.ok(break_ >= 93, ("%s: break held by %d"):format(what, break_))
    t.ok(width <= case[3], ("%s: mean width of the break's interval %.3f"):format(what, width))
  end
end)

-- Errors between 0 and 1, as of the recogniser: each sample falls at a place and with a width of its own, from a baseline that
-- is not 0; its rise is 1 - baseline in the end.
local function soft(n)
  local at, width, base = {}, {}, {}
  for k = 1, n do
    at[k], width[k] = 0.3 + 0.3 * sim.unit(), 0.05 + 0.1 * sim.unit()
    base[k] = 0.1 * sim.unit() * sim.unit()
  end
  return function(s, i)
    local way = math.min(math.max((i - at[s]) / width[s] + 0.5, 0), 1)
    return base[s] + (1 - base[s]) * way
  end
end

t.test("intervals cover the truth with soft errors, a baseline and few samples", function()
  math.randomseed(1)
  local many, truth = soft(5000), {}
  for _, threshold in ipairs { sim.ONSET, sim.BREAK } do
    local lo, hi = 0, 1
    for _ = 1, 14 do
      local mid, sum = (lo + hi) / 2, 0
      for s = 1, 5000 do sum = sum + many(s, mid) - many(s, 0) end
      if sum / 5000 > threshold then hi = mid else lo = mid end
    end
    truth[#truth + 1] = hi
  end
  for _, strategy in ipairs { "grid", "adaptive" } do
    for _, n in ipairs { 5, 15 } do
      local onset, break_ = 0, 0
      for seed = 1, 100 do
        math.randomseed(seed * 1000 + n)
        local b = sim.run(n, strategy, soft(n), seed)
        if b.onset_lo <= truth[1] and truth[1] <= b.onset_hi then onset = onset + 1 end
        if b.break_lo <= truth[2] and truth[2] <= b.break_hi then break_ = break_ + 1 end
      end
      t.ok(onset >= 93 and break_ >= 93, ("%s, %d samples: onset held by %d, break by %d"):format(strategy, n, onset, break_))
    end
  end
end)

t.done()
