-- What an axis takes from the neighbours of a tick instead of asking, and when it stops doing so.
-- SPDX-License-Identifier: MIT
local t = require "check"
local axis = require "brink.search.axis"
local adaptive = require "brink.search.adaptive"
local grid = require "brink.search.grid"

local N, TICKS = 40, 20

local function new(baseline)
  local base, order = {}, {}
  for k = 1, N do base[k], order[k] = baseline and baseline(k) or 0.0, (k * 7) % N + 1 end
  return axis.new { name = "x", side = "", step = 0.05, onset = 0.02, break_at = 0.49, baseline = base, order = order }
end

-- Ask all of a tick and answer. Returns the samples that were asked.
local function ask(a, tick, err, infer)
  local q = a:more(tick * a.fine, nil, infer)
  if not q then return {} end
  local answers = {}
  for k, s in ipairs(q.samples) do answers[k] = err(s, q.i) end
  a:record(q, answers)
  return q.samples
end

local function point(a, tick)
  for _, p in ipairs(a:points()) do if p.position == tick * a.fine then return p end end
end

-- Sample s fails from intensity s / N on.
local function rising(s, i) return i > s / N and 1.0 or 0.0 end

t.test("who is right above is right below, who failed just before fails; one in four is asked all the same", function()
  local a = new()
  t.eq(#ask(a, 10, rising, true), N)
  local asked = ask(a, 9, rising, true)
  t.eq(#asked, 19 + 21 // 4) -- 19 fail at .5
  local p = point(a, 9)
  t.near(p.rise, 17 / N, 1e-12)
  t.eq({ p.n, p.measured, p.inferred, p.complete }, { N, #asked, N - #asked, true })
  t.eq({ p.low, p.high }, { p.rise, p.rise })
  t.ok(#ask(a, 11, rising, true) <= 21 + 19 // 4 + 1)
  t.near(point(a, 11).rise, 21 / N, 1e-12)
end)

t.test("nobody is inferred to fail for long, nor anything that was not asked for", function()
  local a = new()
  ask(a, 10, rising, true)
  local asked = ask(a, 13, rising, true)
  t.eq(#asked, N)
  local b = new()
  ask(b, 10, rising)
  t.eq(#ask(b, 9, rising), N)
end)

t.test("what contradicts itself ends it: only what was measured is left", function()
  local a = new()
  local q = a:more(9 * a.fine, 2)
  a:record(q, { rising(q.samples[1], q.i), rising(q.samples[2], q.i) })
  ask(a, 10, rising, true)
  ask(a, 9, rising, true)
  t.ok(point(a, 9).inferred > 0)
  -- somebody who failed at .5 is right at .55
  ask(a, 11, function() return 0.0 end, true)
  t.eq(a.steady, false)
  local p = point(a, 9)
  t.eq({ p.inferred, p.complete }, { 0, false })
  t.ok(p.low <= 17 / N and p.high > 17 / N)
  -- and the rest of it can be asked for
  local before = a.ticks[9 * a.fine].measured
  t.eq(#ask(a, 9, rising, true), N - before)
  t.near(point(a, 9).rise, 17 / N, 1e-12)
  t.eq(a:more(9 * a.fine), nil)
end)

t.test("getting better than on clean pixels contradicts too", function()
  local a = new(function(s) return s % 2 * 1.0 end)
  ask(a, 10, function() return 0.0 end, true)
  t.eq(a.steady, false)
end)

t.test("errors in between are inferred only where both sides agree", function()
  local a = new(function() return 0.1 end)
  ask(a, 10, function(s) return s <= 20 and 0.1 or 0.4 end, true)
  t.eq(#ask(a, 5, function() return 0.1 end, true), 20 + 20 // 4)
  t.eq(a.steady, true)
end)

t.test("a sample that failed to answer says nothing about its neighbours", function()
  local a = new()
  ask(a, 10, function() return false end, true)
  t.eq(#ask(a, 9, rising, true), N)
end)

t.test("no axis asks more than was said, whatever the answers", function()
  for seed = 1, 40 do
    math.randomseed(seed)
    local a, asked = new(), 0
    while true do
      local round = adaptive.next(a)
      if not round then break end
      for _, q in ipairs(round) do
        local answers = {}
        for k in ipairs(q.samples) do answers[k] = math.random() < 0.5 and 1.0 or 0.0 end
        asked = asked + #q.samples
        a:record(q, answers)
      end
    end
    local fine = 0
    for _, p in ipairs(a.positions) do if p % a.fine ~= 0 then fine = fine + 1 end end
    t.ok(asked <= grid.at_most(a) and fine <= 4, ("%d asked, %d between ticks"):format(asked, fine))
  end
  t.eq(grid.at_most(new()), N * (TICKS + 4))
end)

t.done()
