--- Which augmentations meet in one picture: weighted, without replacement, no two in conflict.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"

local M = {}

--- A number of rows between `least` and `most` in the order drawn. rows, weights: lists of one length, weights above 0.
-- `refused(row)`, when given, tells rows that must not be used for this sample. A row in conflict with one already
-- drawn is passed over; so there may be fewer than `least` when the rows do not give more.
function M.rows(rng, rows, weights, least, most, refused)
  local left, heavy, picked = {}, {}, {}
  for k, row in ipairs(rows) do
    if not (refused and refused(row)) then
      left[#left + 1] = row
      heavy[#heavy + 1] = weights[k]
    end
  end
  local wanted = rng:integer(least, most)
  while #picked < wanted and #left > 0 do
    local row = rng:choice(left, heavy)
    picked[#picked + 1] = row
    for k = #left, 1, -1 do
      if left[k] == row or augment.conflict(left[k], row) then
        table.remove(left, k)
        table.remove(heavy, k)
      end
    end
  end
  return picked
end

--- The k-th sample number of endless passes over 1..n: each pass is a shuffle of its own, keyed by seed and pass. `state` is a
-- table that keeps the last passes.
function M.sample(state, core, seed, n, k)
  local pass = (k - 1) // n
  local order = state[pass]
  if not order then
    order = {}
    for j = 1, n do order[j] = j end
    order = core.rng(seed, "synthesis pass", pass):shuffle(order)
    state[pass] = order
    state[pass - 2] = nil
  end
  return order[(k - 1) % n + 1]
end

return M
