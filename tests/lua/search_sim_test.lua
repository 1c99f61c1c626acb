-- The two strategies against each other and against the truth, on models that are functions of a sample number.
-- SPDX-License-Identifier: MIT
local t = require "check"
local sim = require "simulate"

local SEEDS, HALF = 6, 0.025

local function models()
  local m = {}
  local function add(name, make) m[#m + 1] = { name = name, make = make } end
  add("cliff", function() return function(_, i) return i > 0.333 and 1.0 or 0.0 end end)
  add("cliff on a tick", function() return function(_, i) return i > 0.3 and 1.0 or 0.0 end end)
  add("logistic", function(n) return sim.thresholds(n, sim.logistic(0.5, 0.06)) end)
  add("steep logistic", function(n) return sim.thresholds(n, sim.logistic(0.4, 0.015)) end)
  add("straight line", function(n) return sim.thresholds(n, sim.unit) end)
  add("plateau below the break", function(n)
    return sim.thresholds(n, function() return sim.unit() < 0.3 and 0.3 * sim.unit() or 2 end)
  end)
  add("never", function() return function() return 0.0 end end)
  add("soft errors", function(n)
    local at = {}
    for k = 1, n do at[k] = 0.5 + 0.2 * sim.unit() end
    return function(s, i) return math.min(1.0, 0.8 * i / at[s]) end
  end)
  add("wrong on a third of the clean pixels", function(n)
    local wrong, above = {}, sim.thresholds(n, sim.logistic(0.4, 0.05))
    for k = 1, n do wrong[k] = sim.unit() < 0.3 end
    return function(s, i) return wrong[s] and 1.0 or above(s, i) end
  end)
  add("fails in the middle only", function() return function(_, i) return i > 0.1 and i < 0.9 and 1.0 or 0.0 end end)
  return m
end

t.test("adaptive finds what grid finds, for at most 35 % of its predictions", function()
  for _, n in ipairs { 50, 120 } do
    local asked, grid_asked = 0, 0
    for _, model in ipairs(models()) do
      for seed = 1, SEEDS do
        math.randomseed(1000 * seed + n)
        local err = model.make(n)
        local g, ga = sim.run(n, "grid", err, seed)
        local a, aa = sim.run(n, "adaptive", err, seed)
        local what = ("%s, %d samples, seed %d"):format(model.name, n, seed)
        t.near(a.onset, g.onset, HALF, what .. ": onset")
        t.near(a.break_, g.break_, HALF, what .. ": break")
        t.eq({ a.onset_found, a.break_found }, { g.onset_found, g.break_found }, what)
        t.ok(aa <= 0.5 * ga, what .. ": a single axis takes more than half the grid")
        asked, grid_asked = asked + aa, grid_asked + ga
      end
    end
    t.ok(asked <= 0.35 * grid_asked, ("%d samples: %d of %d predictions"):format(n, asked, grid_asked))
  end
end)

t.test("defect 06: failing in (.1, .9) bounds at .1 and reports the island", function()
  for _, strategy in ipairs { "grid", "adaptive" } do
    local b = sim.run(50, strategy, function(_, i) return i > 0.1 and i < 0.9 and 1.0 or 0.0 end, 3)
    t.ok(b.onset <= 0.1 and b.break_ <= 0.1 and b.break_ > 0.05)
    t.eq(#b.islands, 1)
    t.near(b.islands[1].from, 0.9, 1e-9)
    t.near(b.islands[1].to, 1.0, 1e-9)
  end
end)

t.test("a cliff at a known place is found within .02", function()
  for k = 1, 40 do
    local at = 0.02 + k * 0.0237
    for _, strategy in ipairs { "grid", "adaptive" } do
      local b = sim.run(50, strategy, function(_, i) return i > at and 1.0 or 0.0 end, k)
      t.near(b.onset, at, 0.02, strategy .. " onset")
      t.near(b.break_, at, 0.02, strategy .. " break")
      t.ok(b.onset <= b.break_)
    end
  end
end)

t.test("one sample, two samples", function()
  for _, n in ipairs { 1, 2, 3 } do
    for _, strategy in ipairs { "grid", "adaptive" } do
      local b = sim.run(n, strategy, function(_, i) return i > 0.5 and 1.0 or 0.0 end, n)
      t.near(b.break_, 0.5, 0.02)
    end
  end
end)

t.test("a step that does not divide 1, a coarse and a fine one", function()
  for _, step in ipairs { 0.03, 0.3, 0.5, 0.01 } do
    for _, strategy in ipairs { "grid", "adaptive" } do
      local b = sim.run(20, strategy, function(_, i) return i > 0.42 and 1.0 or 0.0 end, 1, step)
      t.near(b.break_, 0.42, 0.02, strategy .. " step " .. step)
    end
  end
end)

t.test("an early island of failures is seen although the end is safe", function()
  local b = sim.run(60, "adaptive", function(_, i) return i > 0.32 and i < 0.48 and 1.0 or 0.0 end, 2)
  t.near(b.break_, 0.32, 0.02)
  t.ok(#b.islands >= 1)
end)

t.test("defect 07: what is wrong on clean pixels is no rise", function()
  local b = sim.run(60, "adaptive", function(s) return s % 3 == 0 and 1.0 or 0.0 end, 2)
  t.eq({ b.onset_found, b.break_found }, { false, false })
end)

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

t.done()
