--- The priors (anchors, default boxes) of detectors whose outputs are differences from them: raw SSD, RetinaFace, UltraFace before
--- its last operators.
--
--   priors = a tensor n x 4, a list of { cx, cy, w, h }, or those numbers in one list: shares of the input's width and height
--   priors = { { step = 8, boxes = { 10, 16, { 24, 12 } } }, { map = { 20, 15 }, boxes = { ... } }, ... }
--            feature maps in the model's order: the input has width / step x height / step cells (rounded up) or map = { columns,
--            rows }; in each cell, row by row, these boxes, in pixels of the input (a number: a square)
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local declared = require "brink.model.declared"

local M = {}

local raise, is_number = declared.raise, declared.is_number

local function count(v, what)
  if math.type(v) ~= "integer" or v < 1 or v > 65536 then raise("priors: %s: %s, 1..65536 expected", what, tostring(v)) end
  return v
end

local function size(box, k)
  local w, h = box, box
  if type(box) == "table" then w, h = box[1], box[2] end
  if not is_number(w) or not is_number(h) or w <= 0 or h <= 0 then raise("priors: box %d: pixels, or { width, height } expected", k) end
  return w, h
end

-- Columns, rows, and the distance of cells as shares of the input.
local function cells(map, k, width, height)
  if map.map then
    if type(map.map) ~= "table" then raise("priors: map %d: { columns, rows } expected", k) end
    local columns, rows = count(map.map[1], "columns"), count(map.map[2], "rows")
    return columns, rows, 1 / columns, 1 / rows
  end
  if not is_number(map.step) or map.step <= 0 then raise("priors: feature map %d: step or map expected", k) end
  return math.ceil(width / map.step), math.ceil(height / map.step), map.step / width, map.step / height
end

local function add_map(out, map, k, width, height)
  if type(map.boxes) ~= "table" or #map.boxes == 0 then raise("priors: feature map %d: boxes expected", k) end
  local columns, rows, dx, dy = cells(map, k, width, height)
  if columns * rows * #map.boxes > 1 << 22 then raise("priors: feature map %d: %d x %d cells are too many", k, columns, rows) end
  for y = 0, rows - 1 do
    for x = 0, columns - 1 do
      for j, box in ipairs(map.boxes) do
        local w, h = size(box, j)
        local n = #out
        out[n + 1], out[n + 2], out[n + 3], out[n + 4] = (x + 0.5) * dx, (y + 0.5) * dy, w / width, h / height
      end
    end
  end
end

local function flat(given)
  local out = {}
  for k, v in ipairs(given) do
    if type(v) == "table" then
      for j = 1, 4 do out[4 * k - 4 + j] = v[j] end
    else
      out[k] = v
    end
  end
  if #out % 4 ~= 0 then raise("priors: %d numbers, four for each expected", #out) end
  for k, v in ipairs(out) do if not is_number(v) then raise("priors: number %d is %s", k, tostring(v)) end end
  return out
end

--- function(width, height of the input) -> tensor n x 4, from a declaration (see the head of this file). Raises.
function M.new(given)
  if type(given) == "userdata" then
    local s = given.shape
    if #given == 0 or s[#s] ~= 4 then raise("priors: got %s, n x 4 expected", declared.text_of(s)) end
    return function() return given end
  end
  if type(given) ~= "table" or #given == 0 then raise("priors: a tensor, numbers or feature maps expected") end
  local maps = type(given[1]) == "table" and given[1].boxes ~= nil
  local made, for_size = nil, nil
  return function(width, height)
    local key = maps and width .. "x" .. height or ""
    if for_size == key then return made end
    local out = maps and {} or flat(given)
    if maps then for k, map in ipairs(given) do add_map(out, map, k, width, height) end end
    made, for_size = core.tensor.new({ #out // 4, 4 }, "f32", out), key
    return made
  end
end

return M
