-- Confidence limits. SPDX-License-Identifier: MIT
local t = require "check"
local confidence = require "brink.search.confidence"

local function values(n, fn)
  local x = {}
  for k = 1, n do x[k] = fn(k) end
  return x
end

t.test("nothing seen leaves the whole range", function()
  t.eq({ confidence.betting({}, 0, 0, 1, 0.05) }, { 0, 1 })
  t.eq({ confidence.binomial(0, 0, 0.05) }, { 0.0, 1.0 })
  t.eq({ confidence.mean({}, 0, 0.25, 0.5, 0.05, true) }, { -0.5, 0.75 })
end)

t.test("binomial limits equal the published ones", function()
  -- Clopper & Pearson, 95 %: 0 of 50, 25 of 50, 1 of 10
  local l, u = confidence.binomial(0, 50, 0.05)
  t.near(l, 0, 1e-9) t.near(u, 0.0711, 5e-5)
  l, u = confidence.binomial(25, 50, 0.05)
  t.near(l, 0.3553, 5e-5) t.near(u, 0.6447, 5e-5)
  l, u = confidence.binomial(1, 10, 0.05)
  t.near(l, 0.0025, 5e-5) t.near(u, 0.4450, 5e-5)
end)

t.test("tail sums a binomial", function()
  t.near(confidence.tail(2, 2, 0.5), 0.25, 1e-12)
  t.near(confidence.tail(0, 5, 0.3), 1, 1e-12)
  t.near(confidence.tail(1, 3, 0.1), 1 - 0.9 * 0.9 * 0.9, 1e-12)
end)

t.test("all seen without replacement closes the limits", function()
  local x = values(40, function(k) return k % 4 == 0 and 1.0 or 0.0 end)
  local l, u = confidence.betting(x, 40, 0, 1, 0.05, 40)
  t.near(l, 0.25, 0.03) t.near(u, 0.25, 0.03)
  t.ok(l <= 0.25 and u >= 0.25)
end)

t.test("limits without replacement are inside those with", function()
  local x = values(30, function(k) return k % 2 * 1.0 end)
  local l, u = confidence.betting(x, 30, 0, 1, 0.05)
  local lw, uw = confidence.betting(x, 30, 0, 1, 0.05, 40)
  t.ok(lw > l and uw < u)
end)

t.test("values at both ends of the range", function()
  local l, u = confidence.betting(values(20, function() return 1.0 end), 20, 0, 1, 0.05)
  t.ok(l > 0.7 and u == 1)
  l, u = confidence.betting(values(20, function() return -1.0 end), 20, -1, 1, 0.05)
  t.ok(l == -1 and u < -0.4)
end)

t.test("signed counts: limits hold both probabilities", function()
  local l, u = confidence.signed(0, 0, 50, 0.05)
  t.ok(l < 0 and l > -0.12 and u > 0 and u < 0.12)
  l, u = confidence.signed(2, 20, 50, 0.05)
  t.ok(l > 0.05 and u < 0.6 and l < 0.36 and u > 0.36)
end)

-- How often the limits of a mean miss it, over 400 runs.
local function misses(n, draw, mean, lo, hi, look)
  math.randomseed(7)
  local miss = 0
  for _ = 1, 400 do
    local x = values(n, draw)
    local bad = false
    for _, at in ipairs(look) do
      local l, u = confidence.betting(x, at, lo, hi, 0.1)
      bad = bad or mean < l or mean > u
    end
    if bad then miss = miss + 1 end
  end
  return miss / 400
end

t.test("betting limits hold at every look", function()
  local looks = { 3, 5, 8, 12, 20, 30 }
  t.ok(misses(30, function() return math.random() < 0.1 and 1.0 or 0.0 end, 0.1, 0, 1, looks) <= 0.1)
  t.ok(misses(30, function() return math.random() end, 0.5, 0, 1, looks) <= 0.1)
  t.ok(misses(30, function() return math.random() < 0.3 and 1.0 or -0.5 end, -0.05, -1, 1, looks) <= 0.1)
end)

t.done()
