--- Confidence limits for the mean of bounded numbers, from few assumptions.
--
-- Limits by betting: under the hypothesis "the mean is m" a game that pays
-- 1 + f (c - x) / (hi - c) for each value x (c the mean of what is still to
-- come, f in (0,1] the fraction staked) is fair, so the wealth of a player
-- exceeds 1/alpha at any time with probability alpha at most (Ville). Every m
-- that makes a player rich is excluded. The player splits the stake over fixed
-- fractions. The limits hold at every stopping time, so a search may look after
-- each round. Without replacement, c follows from what was already seen, and
-- the limits close completely at the last value.
--
-- Source: Waudby-Smith & Ramdas, "Estimating means of bounded random variables
-- by betting", JRSS-B 2024, sections 4 and 5; Clopper & Pearson 1934.
-- Only + - * / are used, so the limits are the same numbers everywhere.
-- SPDX-License-Identifier: MIT
local M = {}

-- Fractions of the largest safe stake. Large ones win fast on 0/1 values near an end of the range, small ones on means in
-- the middle; measured on the simulations in tests/lua/confidence_test.lua, more of them gain nothing.
local FRACTIONS = { 1, 0.5, 0.25, 0.12, 0.06, 0.03 }
local STEPS = 16 -- halvings of the range: 1.5e-5 of it

-- True when betting that the mean is lower than m makes the wealth exceed `rich`. No value is above hi.
local function refutes_high(x, n, hi, m, population, rich)
  local w = {}
  local count = #FRACTIONS
  for k = 1, count do w[k] = 1 end
  rich = rich * count
  local total = population and population * m
  local left = population
  for i = 1, n do
    local c = m
    if total then
      c = total / left
      total, left = total - x[i], left - 1
      if c > hi then return true end -- not even the largest values left reach this mean
    end
    local room = hi - c
    if room <= 0 then
      if x[i] < hi then return true end
    else
      local gain = (c - x[i]) / room
      local sum = 0
      for k = 1, count do
        local v = w[k] * (1 + FRACTIONS[k] * gain)
        if v < 0 then v = 0 end -- rounding of an exact loss
        w[k] = v
        sum = sum + v
      end
      if sum >= rich then return true end
    end
  end
  return false
end

local function mirrored(x, n)
  local y = {}
  for i = 1, n do y[i] = -x[i] end
  return y
end

-- Smallest mean in [lo, hi] that is refuted from above, to within the halvings (on the safe side).
local function upper(x, n, lo, hi, population, alpha)
  local rich = 1 / alpha
  if not refutes_high(x, n, hi, hi, population, rich) then return hi end
  local bad, good = hi, lo
  for _ = 1, STEPS do
    local mid = (bad + good) / 2
    if refutes_high(x, n, hi, mid, population, rich) then bad = mid else good = mid end
  end
  return bad
end

--- Limits for the mean by betting, valid at every stopping time.
-- `x`: list of n >= 0 values in [lo, hi], in the order they were drawn. `alpha`: chance of a miss, both sides together.
-- `population`: size of the finite population drawn from without replacement (nil: unlimited). Returns lower, upper.
function M.betting(x, n, lo, hi, alpha, population)
  if n == 0 then return lo, hi end
  local u = upper(x, n, lo, hi, population, alpha / 2)
  local l = -upper(mirrored(x, n), n, -hi, -lo, population, alpha / 2)
  return l, u
end

--- P(X >= s) for X binomial (n, p), 0 < p < 1, by ratios of neighbouring terms from the mode outwards.
local function tail(s, n, p)
  local mode = (n + 1) * p // 1
  if mode > n then mode = n end
  local odds = p / (1 - p)
  local all, above = 1, mode >= s and 1 or 0
  local term = 1
  for k = mode + 1, n do
    term = term * odds * (n - k + 1) / k
    if term < 1e-18 then break end
    all = all + term
    if k >= s then above = above + term end
  end
  term = 1
  for k = mode, 1, -1 do
    term = term * k / (odds * (n - k + 1))
    if term < 1e-18 then break end
    all = all + term
    if k - 1 >= s then above = above + term end
  end
  return above / all
end

M.tail = tail

-- Largest p with P(X >= s) <= alpha.
local function binomial_lower(s, n, alpha)
  if s <= 0 then return 0.0 end
  local a, b = 0.0, s / n
  for _ = 1, 40 do
    local p = (a + b) / 2
    if tail(s, n, p) <= alpha then a = p else b = p end
  end
  return a
end

--- Exact limits for a probability from s hits in n trials (n fixed beforehand). Returns lower, upper.
function M.binomial(s, n, alpha)
  if n == 0 then return 0.0, 1.0 end
  return binomial_lower(s, n, alpha / 2), 1 - binomial_lower(n - s, n, alpha / 2)
end

--- Limits for the mean of n values in {-1, 0, 1} from how many are -1 and +1: the two probabilities are bounded exactly,
-- the rarer direction with a fifth of alpha. Returns lower, upper.
function M.signed(minus, plus, n, alpha)
  if minus == 0 or plus == 0 then
    -- the other sign was never seen, but may exist
    local few = alpha / 5
    local pl, pu = M.binomial(plus, n, alpha - few)
    local ml, mu = M.binomial(minus, n, few)
    if plus == 0 and minus > 0 then
      pl, pu = M.binomial(plus, n, few)
      ml, mu = M.binomial(minus, n, alpha - few)
    end
    return pl - mu, pu - ml
  end
  local rare, often = alpha / 5, alpha - alpha / 5
  local pl, pu = M.binomial(plus, n, plus >= minus and often or rare)
  local ml, mu = M.binomial(minus, n, plus >= minus and rare or often)
  return pl - mu, pu - ml
end

--- Limits for the population mean of rises r = E(i) - E(0), each in [-b, 1 - b] with E in [0,1].
-- `baseline_lo`, `baseline_hi`: smallest and largest E(0) met (they bound the range of r). `stopped`: the number of values
-- was chosen while looking at them (limits then hold at every stopping time). Returns lower, upper in [-1, 1].
function M.mean(x, n, baseline_lo, baseline_hi, alpha, stopped)
  local lo, hi = -baseline_hi, 1 - baseline_lo
  if n == 0 then return lo, hi end
  if not stopped then
    local plus, minus, other = 0, 0, false
    for i = 1, n do
      local v = x[i]
      if v == 1 then plus = plus + 1 elseif v == -1 then minus = minus + 1 elseif v ~= 0 then other = true break end
    end
    if not other then
      if baseline_hi == 0 then return M.binomial(plus, n, alpha) end
      if baseline_lo == 1 then
        local l, u = M.binomial(minus, n, alpha)
        return -u, -l
      end
      local l, u = M.signed(minus, plus, n, alpha)
      return math.max(l, lo), math.min(u, hi)
    end
  end
  return M.betting(x, n, lo, hi, alpha)
end

--- What the mean over a finite population can still be, for certain: `sum` of the values seen, and the sums of the smallest
-- and largest values the unseen ones can take. Returns lower, upper.
function M.certain(sum, unseen_lo, unseen_hi, population)
  return (sum + unseen_lo) / population, (sum + unseen_hi) / population
end

return M
