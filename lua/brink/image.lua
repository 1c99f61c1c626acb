--- What scripts like to do with images, on top of brink.core.image: custom effects by a few hundred calls of a Lua
--- function, never one per pixel. Loading this module adds the methods to every image; it returns core.image.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

local M = core.image
local methods = M.methods

local function check_options(options, known, name)
  if options == nil then return {} end
  if type(options) ~= "table" then error(("%s: options: table expected, got %s"):format(name, type(options)), 3) end
  for key in pairs(options) do
    if not known[key] then error(("%s: unknown option '%s'"):format(name, tostring(key)), 3) end
  end
  return options
end

local function check_function(fn, name)
  if type(fn) ~= "function" then error(("%s: function expected, got %s"):format(name, type(fn)), 3) end
end

--- A number fn returned: finite, or an error that says for which argument.
local function check_result(v, name, where)
  if type(v) ~= "number" or v ~= v or v == math.huge or v == -math.huge then
    error(("%s: the function gave %s for %s, a finite number expected"):format(name, tostring(v), where), 3)
  end
  return v
end

local function clamp(v) return v < 0 and 0 or v > 255 and 255 or v end

--- Each colour sample through a table: fn is called once for 0, 1, ... 255 and gives the new value on the same scale
--- (rounded, clamped), or three of them for red, green and blue. f32 images (0..1) are interpolated between the entries.
--- Returns a new image; alpha stays. Raises what fn raises.
---   negative = image:lut(function(v) return 255 - v end)
---@param fn fun(v: integer): number, number?, number?
function methods:lut(fn)
  check_function(fn, "lut")
  local red, green, blue = {}, {}, {}
  for v = 0, 255 do
    local r, g, b = fn(v)
    red[v + 1] = clamp(check_result(r, "lut", v))
    if g ~= nil or b ~= nil then
      green[#green + 1], blue[#blue + 1] = clamp(check_result(g, "lut", v)), clamp(check_result(b, "lut", v))
    end
  end
  if #green > 0 then
    if #green ~= 256 then error("lut: the function gave one value for some arguments and three for others", 2) end
    table.move(green, 1, 256, 257, red)
    table.move(blue, 1, 256, 513, red)
  end
  return self:run { { op = "lut", values = red } }
end

local warp_options = { grid = true, interp = true, border = true, fill = true }

--- Pixels moved: fn(x, y) says for a place of the result which place of this image is seen there, in pixels (the top left
--- corner is 0, 0; a pixel's centre is at .5). It is called on a grid of about `grid` nodes (2..257, default 33) along
--- the longer side and interpolated smoothly between. interp: nearest, linear (default), cubic; border: reflect
--- (default), constant, replicate, wrap; fill: level of a constant border, 0..255.
--- Returns a new image of the same size.
---   wave = image:warp(function(x, y) return x + 5 * brink.math.sin(y / 20), y end)
---@param fn fun(x: number, y: number): number, number
---@param options? { grid: integer?, interp: string?, border: string?, fill: number? }
function methods:warp(fn, options)
  check_function(fn, "warp")
  options = check_options(options, warp_options, "warp")
  local nodes = options.grid or 33
  if math.type(nodes) ~= "integer" or nodes < 2 or nodes > 257 then
    error(("warp: grid: %s is outside 2..257"):format(tostring(nodes)), 2)
  end
  local w, h = self.width, self.height
  local cell = math.max(w, h) / (nodes - 1)
  local cols, rows = math.max(2, math.ceil(w / cell) + 1), math.max(2, math.ceil(h / cell) + 1)
  local grid = {}
  for j = 0, rows - 1 do
    for i = 0, cols - 1 do
      local x, y = w * i / (cols - 1), h * j / (rows - 1)
      local sx, sy = fn(x, y)
      local where = ("%g, %g"):format(x, y)
      grid[#grid + 1] = check_result(sx, "warp", where) - x
      grid[#grid + 1] = check_result(sy, "warp", where) - y
    end
  end
  return self:run { { op = "displace", grid = grid, cols = cols, rows = rows, interp = options.interp, border = options.border,
    fill = options.fill } }
end

--- Each pixel becomes the weighted sum of its neighbours: kernel is a list of rows, or a flat list when it is square, up
--- to 255 x 255; as it lies on the picture, not turned round, its centre at half its width and height rounded down.
--- offset is added (of full scale). The border mirrors.
--- Returns a new image; alpha stays.
---   edges = image:convolve { { 0, -1, 0 }, { -1, 4, -1 }, { 0, -1, 0 } }
---@param kernel number[][] | number[]
---@param options? { offset: number? }
function methods:convolve(kernel, options)
  options = check_options(options, { offset = true }, "convolve")
  if type(kernel) ~= "table" then error("convolve: kernel: table expected, got " .. type(kernel), 2) end
  local flat, columns = kernel
  if type(kernel[1]) == "table" then
    flat, columns = {}, #kernel[1]
    if columns == 0 then error("convolve: kernel: a row is empty", 2) end
    for i, row in ipairs(kernel) do
      if type(row) ~= "table" or #row ~= columns then
        error(("convolve: kernel: row %d has not %d numbers as the first"):format(i, columns), 2)
      end
      table.move(row, 1, columns, #flat + 1, flat)
    end
  else
    columns = math.tointeger(math.sqrt(#kernel))
    if not columns or columns == 0 then error(("convolve: kernel: %d numbers make no square"):format(#kernel), 2) end
  end
  return self:run { { op = "convolve", kernel = flat, width = columns, height = #flat // columns, offset = options.offset } }
end

return M
