--- Curves as lists of points in rising intensity: values between them, areas, where two of them cross.
--
-- A point is { i = intensity, y = value }. Between points a curve is a straight
-- line; beyond the last one it stays where it is.
-- SPDX-License-Identifier: MIT
local M = {}

--- Value at an intensity.
function M.at(points, i)
  local before
  for _, p in ipairs(points) do
    if p.i == i then return p.y end
    if p.i > i then
      if not before then return p.y end
      return before.y + (p.y - before.y) * (i - before.i) / (p.i - before.i)
    end
    before = p
  end
  return before.y
end

--- Area under the curve from its first point to `upto`.
function M.area(points, upto)
  local sum, before = 0.0, points[1]
  for k = 2, #points do
    local p = points[k]
    if p.i >= upto then break end
    sum = sum + (p.i - before.i) * (p.y + before.y) / 2
    before = p
  end
  if before.i < upto then sum = sum + (upto - before.i) * (M.at(points, upto) + before.y) / 2 end
  return sum
end

-- Differences b - a at all intensities of either, up to `upto`.
local function differences(a, b, upto)
  local out, i, j = {}, 1, 1
  local function put(at)
    if #out == 0 or out[#out].i < at then out[#out + 1] = { i = at, y = M.at(b, at) - M.at(a, at) } end
  end
  while i <= #a or j <= #b do
    local p, q = a[i] and a[i].i or math.huge, b[j] and b[j].i or math.huge
    local at = math.min(p, q)
    if at >= upto then break end
    put(at)
    if p == at then i = i + 1 end
    if q == at then j = j + 1 end
  end
  put(upto)
  return out
end

--- Area between two curves up to `upto`: signed (positive where b is above), and regardless of which is above.
function M.between(a, b, upto)
  local signed, all = 0.0, 0.0
  local d = differences(a, b, upto)
  for k = 2, #d do
    local w, p, q = d[k].i - d[k - 1].i, d[k - 1].y, d[k].y
    signed = signed + w * (p + q) / 2
    if (p > 0 and q < 0) or (p < 0 and q > 0) then all = all + w * (p * p + q * q) / (2 * (math.abs(p) + math.abs(q)))
    else all = all + w * math.abs(p + q) / 2 end
  end
  return signed, all
end

--- Where the two change places: list of { i, before = "a" or "b", after = ... }, the names of the lower one. Only a change from a
-- difference of at least `least` to one of at least `least` the other way counts; i is the last point of equality between.
function M.crossovers(a, b, upto, least)
  local out, state, zero = {}, nil, nil
  local d = differences(a, b, upto)
  for k, p in ipairs(d) do
    local q = d[k - 1]
    if q and (q.y > 0) ~= (p.y > 0) and q.y ~= p.y then
      zero = q.i + (p.i - q.i) * q.y / (q.y - p.y)
    end
    local lower = p.y >= least and "a" or p.y <= -least and "b" or nil
    if lower and state and lower ~= state then out[#out + 1] = { i = zero, before = state, after = lower } end
    state = lower or state
  end
  return out
end

return M
