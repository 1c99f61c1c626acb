--- lut, warp and convolve of a script's own.
-- SPDX-License-Identifier: MIT
local t = require "check"
local image = require "brink.image"
local pattern = require "picture".pattern

t.test("lut calls the function 256 times and keeps alpha", function()
  local calls, im = 0, pattern(9, 5, 4)
  local out = im:lut(function(v)
    calls = calls + 1
    return 255 - v
  end)
  t.eq(calls, 256)
  t.ok(out:equal(255 - im))
  t.ok(im:lut(function(v) return v end):equal(im))
  t.eq({ image.new(1, 1, 3, "u8", 100):lut(function(v) return v * 2, v, -v end):pixel(0, 0) }, { 200, 100, 0 })
  t.eq({ image.new(1, 1, 1, "u8", 100):lut(function(v) return v * 1e9 end):pixel(0, 0) }, { 255 })
  t.near(image.new(1, 1, 1, "f32", 0.3):lut(function(v) return 255 - v end):pixel(0, 0), 0.7, 1e-5)
end)

t.test("lut says what the function did wrong, where it was called", function()
  local im = pattern(2, 2, 3)
  t.raises(function() im:lut(5) end, "lut: function expected, got number")
  t.raises(function() im:lut(function() end) end, "gave nil for 0")
  t.raises(function() im:lut(function(v) return 0 / (v - v) end) end, "a finite number expected")
  t.raises(function() im:lut(function(v) if v > 9 then return 1, 2, 3 end return 1 end) end, "three for others")
  t.raises(function() im:lut(function() error("mine") end) end, "mine")
  t.raises(function() im:lut(5) end, "image_effects_test.lua")
end)

t.test("warp by the identity changes nothing, by a shift moves everything", function()
  for _, s in ipairs { { 1, 1 }, { 9, 4 }, { 64, 33 } } do
    local im = pattern(s[1], s[2], 3)
    t.ok(im:warp(function(x, y) return x, y end):equal(im))
  end
  local im = pattern(40, 30, 1)
  local out = im:warp(function(x, y) return x + 3, y - 2 end, { interp = "nearest" })
  for y = 2, 29 do for x = 0, 36 do t.eq(out:pixel(x, y), (im:pixel(x + 3, y - 2))) end end
  local filled = im:warp(function(x, y) return x + 1000, y end, { border = "constant", fill = 77 })
  t.ok(filled:equal(image.new(40, 30, 1, "u8", 77)))
end)

t.test("warp checks its options and the function", function()
  local im = pattern(8, 8, 1)
  t.raises(function() im:warp(function() return 1 end) end, "gave nil for 0, 0")
  t.raises(function() im:warp(function(x, y) return x, y end, { grid = 1 }) end, "1 is outside 2..257")
  t.raises(function() im:warp(function(x, y) return x, y end, { gird = 3 }) end, "unknown option 'gird'")
  t.raises(function() im:warp() end, "function expected, got nil")
end)

--- The definition, in plain loops.
local function convolved(im, kernel, x, y)
  local function mirror(i, n)
    if n == 1 then return 0 end
    i = i % (2 * (n - 1))
    return i < n and i or 2 * (n - 1) - i
  end
  local sum, rows, columns = 0, #kernel, #kernel[1]
  for j = 1, rows do
    for i = 1, columns do
      sum = sum + kernel[j][i] * im:pixel(mirror(x + i - 1 - columns // 2, im.width), mirror(y + j - 1 - rows // 2, im.height))
    end
  end
  return math.max(0, math.min(255, math.floor(sum + 0.5)))
end

t.test("convolve is the definition, edges and all", function()
  local kernels = { { { 0, -1, 0 }, { -1, 4, -1 }, { 0, -1, 0 } }, { { 0.25, 0.5, 0.25 } }, { { 1 }, { 0 }, { -0.5 } },
    { { 0, 0, 0, 0, 1 }, { 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 } } }
  for _, s in ipairs { { 1, 1 }, { 1, 6 }, { 7, 5 }, { 2, 2 } } do
    local im = pattern(s[1], s[2], 1)
    for _, kernel in ipairs(kernels) do
      local out = im:convolve(kernel)
      for y = 0, s[2] - 1 do for x = 0, s[1] - 1 do t.eq(out:pixel(x, y), convolved(im, kernel, x, y)) end end
    end
  end
end)

t.test("convolve keeps alpha, adds the offset, takes flat kernels", function()
  local im = pattern(6, 6, 4)
  t.ok(im:convolve({ 1 }):equal(im))
  t.ok(im:convolve({ 0, 0, 0, 0, 1, 0, 0, 0, 0 }):equal(im))
  local _, _, _, alpha = im:convolve({ 0 }, { offset = 0.5 }):pixel(3, 3)
  t.eq({ im:convolve({ 0 }, { offset = 0.5 }):pixel(3, 3) }, { 128, 128, 128, (select(4, im:pixel(3, 3))) })
  t.ok(alpha)
  local f = im:convert { type = "f32" }
  t.ok(f:convolve({ 1 }):equal(f))
end)

t.test("convolve refuses what is no kernel", function()
  local im = pattern(6, 6, 1)
  t.raises(function() im:convolve(3) end, "table expected")
  t.raises(function() im:convolve { 1, 2 } end, "make no square")
  t.raises(function() im:convolve { { 1, 2, 3 }, { 1, 2 } } end, "row 2")
  t.raises(function() im:convolve {} end, "make no square")
  t.raises(function() im:convolve { {} } end, "a row is empty")
  t.raises(function() im:convolve({ 1 }, { ofset = 1 }) end, "unknown option")
end)

t.test("resize has the size asked for", function()
  local im = pattern(20, 10, 3)
  local out = im:resize(7, 31)
  t.eq({ out.width, out.height, out.channels }, { 7, 31, 3 })
  t.ok(im:resize(20, 10):equal(im))
  t.raises(function() im:resize(0, 3) end, "size outside")
  t.raises(function() im:resize(3, 3, { interp = "lanczos" }) end, "interp")
end)

t.done()
