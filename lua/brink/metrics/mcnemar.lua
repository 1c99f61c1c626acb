--- Do two models err on different pictures? McNemar's exact test, for errors that are 0 or 1.
-- Sources: McNemar, Psychometrika 1947; the adjustment of several p-values: Holm, Scandinavian Journal of Statistics 1979.
-- SPDX-License-Identifier: MIT
local confidence = require "brink.search.confidence"
local core = require "brink.core"

local M = {}

--- Two-sided exact test of McNemar from the counts of pictures only the one and only the other got wrong.
function M.p(only_a, only_b)
  local n = only_a + only_b
  if n == 0 then return 1.0 end
  return math.min(1.0, 2 * confidence.tail(math.max(only_a, only_b), n, 0.5))
end

--- At intensity i, from errors x and y of the same pictures: { i, n, a_only (wrong), b_only (wrong), p }; nil when an error is
-- not 0 or 1. `numbers`: the keys of the pictures in x and y; those without an error in both do not count.
function M.at(i, x, y, numbers)
  local r = { i = i, n = 0, a_only = 0, b_only = 0 }
  for _, n in ipairs(numbers) do
    local p, q = x[n], y[n]
    if p and q then
      if (p ~= 0 and p ~= 1) or (q ~= 0 and q ~= 1) then return nil end
      r.n = r.n + 1
      if p > q then r.a_only = r.a_only + 1 elseif q > p then r.b_only = r.b_only + 1 end
    end
  end
  r.p = M.p(r.a_only, r.b_only)
  return r
end

-- Holm's step-down: p_adjusted of each.
local function holm(list)
  local order = {}
  for k = 1, #list do order[k] = k end
  table.sort(order, function(p, q)
    if list[p].p ~= list[q].p then return list[p].p < list[q].p end
    return p < q
  end)
  local most = 0.0
  for rank, k in ipairs(order) do
    most = math.max(most, math.min(1.0, (#list - rank + 1) * list[k].p))
    list[k].p_adjusted = most
  end
  return list
end

--- At each tick that two curves share, with p_adjusted; nil when errors are not all 0 or 1, or nothing is shared. x, y: lists of
-- { tick, i, error = { [picture] = error } }.
function M.curve(x, y, numbers)
  local by_tick, out = {}, core.json.array {}
  for _, t in ipairs(y) do by_tick[t.tick] = t end
  for _, t in ipairs(x) do
    local u = by_tick[t.tick]
    if u then
      local r = M.at(t.i, t.error, u.error, numbers)
      if not r then return nil end
      if r.n > 0 then out[#out + 1] = r end
    end
  end
  return #out > 0 and holm(out) or nil
end

return M
