--- Strategy "grid": every sample at every tick, then in between where the curve takes a step across a threshold.
-- SPDX-License-Identifier: MIT
local boundaries = require "brink.search.boundaries"

local M = { doc = "every sample at every tick" }

--- How often the distance of two ticks is halved down to the finest one.
function M.halvings(axis)
  local halvings, width = 0, axis.fine
  while width > 1 do halvings, width = halvings + 1, width // 2 end
  return halvings
end

--- The most predictions one axis can take, beyond the baseline: all ticks, and both crossings looked at more closely.
function M.at_most(axis) return axis.n * (axis.tick_count + 2 * M.halvings(axis)) end

--- Position between the neighbours of a steep crossing that are more than the finest interval apart, or nil.
function M.between(points, r)
  if not r.found or r.steep ~= true then return nil end
  local a, b = points[r.left].position, points[r.right].position
  if b - a <= 1 then return nil end
  return (a + b) // 2
end

--- The next round of questions; nil at the end.
function M.next(axis)
  local out = {}
  if not axis.state.started then
    axis.state.started = true
    for k = 1, axis.tick_count do out[#out + 1] = axis:more(k * axis.fine) end
    return out
  end
  local points = axis:points()
  local seen = {}
  for _, name in ipairs { "onset", "break_at" } do
    local position = M.between(points, boundaries.crossing(points, axis[name], boundaries.STEEP[name]))
    if position and not seen[position] then
      seen[position] = true
      out[#out + 1] = axis:more(position)
    end
  end
  return #out > 0 and out or nil
end

return M
