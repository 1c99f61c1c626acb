--- What has been measured along one side of one augmentation, and what follows from it.
--
-- This is all a search strategy sees. Samples are numbers 1..n; the caller asks
-- `strategy(axis)` for the next round of questions, has them answered by
-- `axis:record`, and asks again until there are none. Nothing here depends on the
-- order in which answers arrive within a round.
-- SPDX-License-Identifier: MIT
local confidence = require "brink.search.confidence"

local Axis = {}
Axis.__index = Axis
local M = {}

-- Doubt left when a point counts as decided by betting. Some 60 questions are decided per axis, most of them with certainty.
local ALPHA = 0.02

-- Passes over the samples that make the guessed curve, and the largest set for which it is worth its time.
local SWEEPS, GUESS = 6, 400
-- How many ticks around one its limits may lean on.
local REACH = { 2, 5 }
-- Answers this close are the same answer; an error that falls by more than SLACK along the axis is no rising one.
local SAME, SLACK = 0.01, 0.05
-- Ticks over which a sample that fails is taken to go on failing. Every so many answers that could be inferred are asked all the same.
local ONWARD, AUDIT = 2, 4

--- Intensities of the ticks: step, 2 step, ... up to 1, and how many finer positions lie on one tick.
-- Fractions k/n are used where the step divides 1, so that tick 2 of .05 is the number .1.
function M.ticks(step)
  local n = (1 / step + 0.5) // 1
  local even = math.abs(n * step - 1) < 1e-9
  if not even then n = (1 / step + 1e-9) // 1 end
  local fine = 1
  while step / fine > 0.0125 * (1 + 1e-9) do fine = fine * 2 end
  local function at(q) return even and q / (n * fine) or q * step / fine end
  return math.tointeger(n), fine, at
end

--- A new axis. `o`: name, side ("+" or "-"), step, onset, break_at, baseline (list of E(0) per sample number), order (list of
-- all sample numbers in the order they are to be drawn).
function M.new(o)
  local n, fine, at = M.ticks(o.step)
  local lo, hi = 1, 0
  for _, b in ipairs(o.baseline) do lo, hi = math.min(lo, b), math.max(hi, b) end
  local self = setmetatable({
    name = o.name, side = o.side, step = o.step, onset = o.onset, break_at = o.break_at,
    n = #o.baseline, tick_count = n, finest = o.step / fine, fine = fine, position = at,
    baseline = o.baseline, baseline_lo = lo, baseline_hi = hi, order = o.order,
    steady = true,  -- no sample was seen to get better again along the axis
    asked = 0,      -- predictions so far
    state = {},     -- the strategy's own
    ticks = {},     -- position (tick * fine) -> tick
    positions = {}, -- positions in use, ascending
  }, Axis)
  return self
end

--- Intensity of a position: positions count finest intervals from 0; tick k of the plain ticks is position k * axis.fine.
function Axis:intensity(position) return self.position(position) end

local function tick_at(self, position)
  local t = self.ticks[position]
  if t then return t end
  -- Plain ticks begin at different places of the order: a scan of few samples at each tick then meets many samples.
  local start = 0
  if position % self.fine == 0 then start = ((position // self.fine - 1) * M.scan_size(self.n, self.tick_count)) % self.n end
  -- error: what is known of each sample (false: failed); inferred: which of it was not measured; known: samples in their order up
  -- to the first unknown one, a random choice of all, over which rises and sums are
  t = { position = position, i = self:intensity(position), error = {}, inferred = {}, measured = 0, skipped = 0, start = start,
        known = 0, given = 0, failures = 0, rises = {}, sum = 0, error_sum = 0 }
  self.ticks[position] = t
  local p = self.positions
  local k = #p + 1
  while k > 1 and p[k - 1] > position do k = k - 1 end
  table.insert(p, k, position)
  return t
end

--- Samples looked at per tick before anything is known: about half as many as there are samples over the whole axis, 2 to 8.
function M.scan_size(n, ticks) return math.max(1, math.min(n, 8, math.max(2, math.ceil(n / (2 * ticks))))) end

-- The k-th sample in a tick's own order.
local function sample_at(self, t, k)
  local scan = M.scan_size(self.n, self.tick_count)
  if k <= scan then return self.order[(t.start + k - 1) % self.n + 1] end
  -- the window's samples are skipped in the rest
  local rest = k - scan
  local from, to = t.start + 1, t.start + scan
  if to <= self.n then
    return self.order[rest < from and rest or rest + scan]
  end
  return self.order[to - self.n + rest]
end

-- What a sample must answer at a position if its error only rises: what it answered on both sides of it, or that it fails as
-- it did shortly before. nil when that is not known.
local function inferred(self, s, position)
  local before, from, after = self.baseline[s], 0, nil
  for _, p in ipairs(self.positions) do
    local t = self.ticks[p]
    local e = t.error[s]
    if e and not t.inferred[s] and p ~= position then
      if p > position then after = e break end
      before, from = e, p
    end
  end
  if after and math.abs(after - before) <= SAME then return before + (after - before) / 2 end
  if from > 0 and before >= 1 - SAME and position - from <= ONWARD * self.fine then return before end
end

--- Ask for `count` more samples at a position (all that are left when nil). With `infer`, samples whose answer follows from their
-- neighbours are not asked and not counted, as long as no sample of the axis was seen to contradict that. Returns a question
-- { i, position, samples, inferred = { [sample] = error } } for the strategy to return, or nil when every sample is known.
function Axis:more(position, count, infer)
  local t = tick_at(self, position)
  local samples, given, any = {}, {}, false
  count = count or self.n
  for k = t.known + 1, self.n do
    local s = sample_at(self, t, k)
    if t.error[s] == nil then
      local e = infer and self.steady and inferred(self, s, position)
      if e then
        t.skipped = t.skipped + 1
        if t.skipped % AUDIT == 0 then e = nil end
      end
      if e then
        given[s], any = e, true
      elseif #samples == count then
        break
      else
        samples[#samples + 1] = s
      end
    end
  end
  if #samples == 0 and not any then return nil end
  return { i = t.i, position = position, samples = samples, inferred = given }
end

--- The same by intensity: the finest position nearest to i in (0,1].
function Axis:ask(i, count)
  if type(i) ~= "number" or not (i > 0 and i <= 1) then error("axis:ask: an intensity above 0 and up to 1 expected, got " .. tostring(i), 2) end
  local position = math.tointeger((i / self.finest + 0.5) // 1)
  return self:more(math.min(math.max(position, 1), self.tick_count * self.fine), count)
end

-- Follow the order as far as everything is known.
local function advance(self, t)
  while t.known < self.n do
    local s = sample_at(self, t, t.known + 1)
    local e = t.error[s]
    if e == nil then break end
    t.known = t.known + 1
    if t.inferred[s] then t.given = t.given + 1 end
    if e then
      local rise = e - self.baseline[s]
      t.rises[#t.rises + 1] = rise
      t.sum, t.error_sum = t.sum + rise, t.error_sum + e
    end
  end
  t.point = nil
end

-- Whether a sample's error at t falls behind what was measured of it before, or is above what was measured behind.
local function contradicts(self, t, s)
  local e = t.error[s]
  for _, p in ipairs(self.positions) do
    local other = self.ticks[p]
    local f = other.error[s]
    if f and not other.inferred[s] and (p < t.position and e < f - SLACK or p > t.position and f < e - SLACK) then return true end
  end
  return e < self.baseline[s] - SLACK
end

-- From now on only what was measured counts.
local function forget(self)
  self.steady = false
  for _, p in ipairs(self.positions) do
    local t = self.ticks[p]
    for s = 1, self.n do if t.inferred[s] then t.error[s] = nil end end
    t.inferred, t.known, t.given, t.rises, t.sum, t.error_sum = {}, 0, 0, {}, 0, 0
    advance(self, t)
  end
end

--- Note the answers of a question. `answers[k]`: error of the k-th sample, or false where it failed.
function Axis:record(question, answers)
  local t = tick_at(self, question.position)
  for s = 1, question.inferred and self.n or 0 do
    local e = question.inferred[s]
    if e and self.steady and t.error[s] == nil then t.error[s], t.inferred[s] = e, true end
  end
  local steady = true
  for k, s in ipairs(question.samples) do
    if t.error[s] == nil then
      t.error[s] = answers[k]
      t.measured, self.asked = t.measured + 1, self.asked + 1
      if not answers[k] then t.failures = t.failures + 1 elseif contradicts(self, t, s) then steady = false end
    end
  end
  if self.steady and not steady then forget(self) else advance(self, t) end
end

-- Bounds of the mean rise over all samples of the set.
local function finite(self, t)
  local n = #t.rises
  local population = self.n - t.failures
  if n == population then return t.sum / n, t.sum / n end
  local lowest, highest = 0, 0
  for s = 1, self.n do
    local e, b = t.error[s], self.baseline[s]
    if e then
      lowest, highest = lowest + e - b, highest + e - b
    elseif e == nil then
      lowest, highest = lowest - b, highest + 1 - b
    end
  end
  local l, h = confidence.betting(t.rises, n, -self.baseline_hi, 1 - self.baseline_lo, ALPHA, population)
  return math.max(lowest / population, l), math.min(highest / population, h)
end

-- Sum over the samples seen at p of how much worse they fared there than at q (where not seen: than the mean there).
local function excess(self, p, q)
  local a, b = self.ticks[p.position], self.ticks[q.position]
  local sum = 0.0
  for s = 1, self.n do
    local e = a.error[s]
    if e then
      local f = b and b.error[s]
      if not b then f = self.baseline[s] end
      sum = sum + e - (f or q.rise + self.baseline[s])
    end
  end
  return sum
end

-- The self-consistent curve (Turnbull 1976): a sample not seen at a tick is taken to be between what it showed at its nearest
-- ticks on both sides, as far as the mean curve has come between them; repeated until that is the mean curve. It
-- steers the search (an unlucky first batch counts less once one tick is complete) and decides nothing.
local function guess(self, points)
  local count, n = #points, self.n
  local g, top = {}, 0
  for k = 1, count do g[k] = points[k].rise end
  for s = 1, n do top = top + 1 - self.baseline[s] end
  top = top / n
  for k = 2, count do g[k] = math.max(g[k - 1], g[k]) end
  local errors = {}
  for k = 2, count do errors[k] = self.ticks[points[k].position].error end
  for _ = 1, SWEEPS do
    local sum = {}
    for k = 1, count do sum[k] = 0.0 end
    for s = 1, n do
      local b = self.baseline[s]
      local from, value = 1, 0.0
      local k = 2
      while k <= count + 1 do
        local e = k <= count and errors[k][s] or nil
        if e or k > count then
          local rise = e and e - b or 1 - b
          local reach = (e and g[k] or top) - g[from]
          for j = from + 1, math.min(k - 1, count) do
            local share = reach > 0 and (g[j] - g[from]) / reach or 0.5
            if share > 1 then share = 1 end
            sum[j] = sum[j] + value + (rise - value) * share
          end
          if e then sum[k] = sum[k] + rise end
          from, value = k, rise
        end
        k = k + 1
      end
    end
    for k = 2, count do g[k] = math.max(sum[k] / n, g[k - 1]) end
  end
  for k = 2, count do
    local p = points[k]
    p.guess = p.complete and p.rise or g[k]
  end
end

--- The curve so far as boundaries.lua reads it: points at every position with answers, the first at intensity 0. Beside what
-- boundaries.lua names: measured (predictions made there), inferred (how many of the n were not measured).
-- The fields lo and hi are filled in only by axis:limits().
function Axis:points()
  local out = { { i = 0.0, position = 0, rise = 0.0, n = self.n, low = 0.0, high = 0.0, lo = 0.0, hi = 0.0 } }
  for _, position in ipairs(self.positions) do
    local t = self.ticks[position]
    if #t.rises > 0 then
      if not t.point then
        local low, high = finite(self, t)
        t.point = { i = t.i, position = position, n = #t.rises, rise = t.sum / #t.rises, low = low, high = high,
                    error = t.error_sum / #t.rises, measured = t.measured, inferred = t.given, failures = t.failures, complete = t.known == self.n }
      end
      out[#out + 1] = t.point
    end
  end
  if self.n <= GUESS then guess(self, out) end
  out.excess = function(p, q) return excess(self, p, q) end
  return out
end

-- Rises of different samples at the points from k in steps of `way` (at most `reach` points), each sample at the first of
-- them where it was seen. On a rising curve their means lie on one side of the mean at k.
local function pooled(self, points, k, way, reach)
  local out, seen = {}, {}
  local j, last = k, k + way * reach
  while j >= 2 and j <= #points and j ~= last + way do
    local t = self.ticks[points[j].position]
    for m = 1, t.known do
      local s = sample_at(self, t, m)
      if t.error[s] and not seen[s] then
        seen[s] = true
        out[#out + 1] = t.error[s] - self.baseline[s]
      end
    end
    j = j + way
  end
  return out
end

-- A point above the other side of a threshold before one below it: not a rising curve.
local function falls(self, points)
  for _, threshold in ipairs { self.onset, self.break_at } do
    local above = false
    for k = 2, #points do
      if points[k].low > threshold then above = true end
      if above and points[k].high <= threshold then return true end
    end
  end
  return false
end

-- A tick with few samples learns from its neighbours: what fails before it fails at it, what is right behind it is right.
local function neighbours(self, points)
  local lows, highs = {}, {}
  for k = 2, #points do
    local p = points[k]
    lows[k], highs[k] = p.lo, p.hi
    if not p.complete then
      for _, reach in ipairs(REACH) do
        local x = pooled(self, points, k, -1, reach)
        lows[k] = math.max(lows[k], (confidence.mean(x, #x, self.baseline_lo, self.baseline_hi, 0.05, false)))
        x = pooled(self, points, k, 1, reach)
        highs[k] = math.min(highs[k], select(2, confidence.mean(x, #x, self.baseline_lo, self.baseline_hi, 0.05, false)))
      end
    end
  end
  for k = 2, #points do
    local p = points[k]
    p.lo = math.min(lows[k], p.guess or p.rise)
    p.hi = math.max(highs[k], p.guess or p.rise)
  end
end

--- As points(), with the 95 % limits lo, hi of the population's rise at each point. They are exact for a number of samples fixed
-- beforehand; how the strategies choose theirs does little harm (coverage is measured in tests/lua/coverage_test.lua).
function Axis:limits()
  local points = self:points()
  for k = 2, #points do
    local p = points[k]
    local t = self.ticks[p.position]
    p.lo, p.hi = confidence.mean(t.rises, #t.rises, self.baseline_lo, self.baseline_hi, 0.05, false)
  end
  if self.n <= GUESS and not falls(self, points) then neighbours(self, points) end
  return points
end

return M
