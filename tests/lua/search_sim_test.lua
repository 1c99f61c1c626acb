-- The two strategies against each other and against the truth, on models that are functions of a sample number. How often their
-- intervals hold it: coverage_test.lua.
-- SPDX-License-Identifier: MIT
local t = require "check"
local sim = require "simulate"

local SEEDS, HALF = 5, 0.025

local function models()
  local m = {}
  local function add(name, make) m[#m + 1] = { name = name, make = make } end
  add("cliff", function() return function(_, i) return i > 0.333 and 1.0 or 0.0 end end)
  add("cliff on a tick", function() return function(_, i) return i > 0.3 and 1.0 or 0.0 end end)
  add("logistic", function(n) return sim.thresholds(n, sim.logistic(0.5, 0.06)) end)
  add("steep logistic", function(n) return sim.thresholds(n, sim.logistic(0.4, 0.015)) end)
  add("straight line", function(n) return sim.thresholds(n, sim.unit) end)
  add("gentle logistic", function(n) return sim.thresholds(n, sim.logistic(0.5, 0.12)) end)
  add("a tenth fails early", function(n)
    return sim.thresholds(n, function() return sim.unit() < 0.1 and 0.5 * sim.unit() or 0.6 + 0.3 * sim.unit() end)
  end)
  add("just under the onset", function(n)
    local late = sim.logistic(0.6, 0.04)
    return sim.thresholds(n, function() return sim.unit() < 0.015 and 0.2 * sim.unit() or late() end)
  end)
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

t.test("adaptive finds what grid finds, for at most 35 % of its predictions, on every axis of its own", function()
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
        t.ok(aa <= 0.35 * ga, ("%s: %d of %d predictions"):format(what, aa, ga))
        asked, grid_asked = asked + aa, grid_asked + ga
      end
    end
    t.ok(asked <= 0.28 * grid_asked, ("%d samples: %d of %d predictions"):format(n, asked, grid_asked))
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

t.test("answers that come and go: never far above the budget, and the break is the grid's", function()
  for seed = 1, 6 do
    math.randomseed(seed)
    local n, at, coin = 60, {}, {}
    for k = 1, n do
      at[k], coin[k] = 0.5 + 0.1 * (sim.unit() + sim.unit() - 1), {}
      for tick = 0, 80 do coin[k][tick] = sim.unit() end
    end
    local function err(s, i) return i > 0 and coin[s][(i * 80 + 0.5) // 1] < (i - at[s] + 0.1) / 0.2 and 1.0 or 0.0 end
    local g, ga = sim.run(n, "grid", err, seed)
    local a, aa, axis = sim.run(n, "adaptive", err, seed)
    t.near(a.break_, g.break_, HALF)
    t.ok(aa <= 0.45 * ga, ("seed %d: %d of %d predictions"):format(seed, aa, ga))
    t.eq(axis.steady, false)
  end
end)

t.test("a few that fail early and come back: the intervals hold what the grid finds, the break is the grid's", function()
  for _, few in ipairs { 2, 3, 6 } do
    for _, width in ipairs { 0.08, 0.3 } do
      for seed = 1, 2 do
        math.randomseed(77 * seed)
        local n, late, early = 50, {}, {}
        for k = 1, n do
          late[k] = 0.8 + 0.15 * (sim.unit() - 0.5)
          early[k] = k <= few and 0.1 + 0.4 * sim.unit() or nil
        end
        local function err(s, i)
          return i > 0 and (i > late[s] or early[s] and i > early[s] and i < early[s] + width) and 1.0 or 0.0
        end
        local g, a = sim.run(n, "grid", err, seed), (sim.run(n, "adaptive", err, seed))
        local what = ("%d early for %g, seed %d"):format(few, width, seed)
        t.ok(g.onset >= a.onset_lo - HALF and g.onset <= a.onset_hi + HALF, what .. ": onset")
        t.near(a.break_, g.break_, HALF, what .. ": break")
      end
    end
  end
end)

t.done()
