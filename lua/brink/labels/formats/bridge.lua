--- A polygon of several parts and holes as one ring, for formats that know but one.
-- SPDX-License-Identifier: MIT
local M = {}

local function signed_area(ring)
  local sum, px, py = 0, ring[#ring - 1], ring[#ring]
  for k = 1, #ring, 2 do
    sum = sum + px * ring[k + 1] - ring[k] * py
    px, py = ring[k], ring[k + 1]
  end
  return sum
end

local function turned(ring, k)
  local out = table.move(ring, k, #ring, 1, {})
  return table.move(ring, 1, k - 1, #out + 1, out)
end

local function reversed(ring)
  local out = {}
  for k = #ring - 1, 1, -2 do out[#out + 1], out[#out + 2] = ring[k], ring[k + 1] end
  return out
end

-- Two rings as one, over a bridge of no width between their nearest points.
local function bridged(a, b)
  local best, at_a, at_b = math.huge, 1, 1
  for i = 1, #a, 2 do
    for j = 1, #b, 2 do
      local d = (a[i] - b[j])^2 + (a[i + 1] - b[j + 1])^2
      if d < best then best, at_a, at_b = d, i, j end
    end
  end
  local out, inner = table.move(a, 1, at_a + 1, 1, {}), turned(b, at_b)
  table.move(inner, 1, #inner, #out + 1, out)
  out[#out + 1], out[#out + 2] = inner[1], inner[2]
  out[#out + 1], out[#out + 2] = a[at_a], a[at_a + 1]
  return table.move(a, at_a + 2, #a, #out + 1, out)
end

--- A polygon of several parts and holes as one ring: parts turn one way, holes the other.
function M.one_ring(polygon)
  local ring = polygon.parts[1]
  local way = signed_area(ring) >= 0
  for k = 2, #polygon.parts do
    local part = polygon.parts[k]
    ring = bridged(ring, (signed_area(part) >= 0) == way and part or reversed(part))
  end
  for _, hole in ipairs(polygon.holes or {}) do ring = bridged(ring, (signed_area(hole) >= 0) == way and reversed(hole) or hole) end
  return ring
end

return M
