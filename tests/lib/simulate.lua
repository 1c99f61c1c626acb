--- Searches without images: a model is a function (sample number, intensity) -> error, asked at once.
-- Threshold models are drawn from a known distribution, so the population's curve is known too.
-- SPDX-License-Identifier: MIT
local axis = require "brink.search.axis"
local boundaries = require "brink.search.boundaries"
local strategies = require "brink.search.strategy"

local M = { ONSET = 0.02, BREAK = 0.49 }

local function unit() -- (0,1)
  local u
  repeat u = math.random() until u > 0
  return u
end
M.unit = unit

--- One axis searched to its end. Returns bounds, predictions (baseline included), the axis, rounds.
function M.run(n, strategy, err, seed, step)
  math.randomseed(seed)
  local order, base = {}, {}
  for k = 1, n do order[k] = k base[k] = err(k, 0) end
  for k = n, 2, -1 do
    local j = math.random(k)
    order[k], order[j] = order[j], order[k]
  end
  local a = axis.new { name = "x", side = "", step = step or 0.05, onset = M.ONSET, break_at = M.BREAK, baseline = base, order = order }
  local next_round = strategies.get(strategy).next
  local asked, rounds = n, 0
  while true do
    local round = next_round(a)
    if not round or #round == 0 then break end
    rounds = rounds + 1
    if rounds > 1000 then error("no end") end
    for _, q in ipairs(round) do
      local answers = {}
      for k, s in ipairs(q.samples) do answers[k] = err(s, q.i) end
      asked = asked + #q.samples
      a:record(q, answers)
    end
  end
  local bounds = boundaries.bounds(a:limits(), { onset = M.ONSET, break_at = M.BREAK, step = a.step, finest = a.finest })
  return bounds, asked, a, rounds
end

--- Samples that fail above a threshold of their own, drawn by `draw()`.
function M.thresholds(n, draw)
  local t = {}
  for k = 1, n do t[k] = draw() end
  return function(s, i) return i > 0 and i > t[s] and 1.0 or 0.0 end
end

--- A draw from the logistic distribution, and its quantile.
function M.logistic(mean, scale)
  local function at(u) return mean + scale * math.log(u / (1 - u)) end
  return function() return at(unit()) end, at
end

return M
