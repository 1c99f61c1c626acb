-- Drawing: coverage, clipping, refusals. SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"

local function ink(im)
  local s = 0
  for y = 0, im.height - 1 do for x = 0, im.width - 1 do s = s + im:pixel(x, y) / 255 end end
  return s
end

t.test("a polygon covers its area, also between pixels and beyond the frame", function()
  local im = core.image.new(20, 20, 1)
  t.near(ink(im:draw { { "polygon", points = { 2.5, 3.25, 9.75, 3.25, 9.75, 8.5, 2.5, 8.5 } } }), 7.25 * 5.25, 0.5)
  t.near(ink(im:draw { { "polygon", points = { -5, -5, 10, -5, 10, 10, -5, 10 } } }), 100, 0.1)
  t.near(ink(im:draw { { "disc", x = 10, y = 10, radius = 6 } }), math.pi * 36, 0.6)
  t.eq(ink(im:draw { { "polygon", points = { 30, 30, 40, 30, 40, 40 } } }), 0)
  t.eq(ink(im:draw { { "polygon", points = {} } }), 0)
  t.eq(ink(im:draw {}), 0)
end)

t.test("the image drawn on stays as it was", function()
  local im = core.image.new(4, 4, 3, "u8", 7)
  local out = im:draw { { "box", x = 0, y = 0, w = 4, h = 4, colour = { 10, 20, 30 } } }
  t.eq({ im:pixel(1, 1) }, { 7, 7, 7 })
  t.eq({ out:pixel(1, 1) }, { 10, 20, 30 })
end)

t.test("a line has its width and round ends", function()
  local im = core.image.new(40, 20, 1)
  t.near(ink(im:draw { { "line", points = { 10, 10, 30, 10 }, width = 4 } }), 20 * 4 + math.pi * 4, 0.7)
  t.near(ink(im:draw { { "line", points = { 10, 10 }, width = 4 } }), math.pi * 4, 0.5)
end)

t.test("float, grey with alpha and half opacity", function()
  local f = core.image.new(3, 3, 2, "f32", 0):draw { { "box", x = 0, y = 0, w = 3, h = 3, colour = { 255 }, opacity = 0.5 } }
  t.near((f:pixel(1, 1)), 0.5, 1e-6)
end)

t.test("every printable letter has a glyph of its own", function()
  local seen = {}
  for c = 33, 126 do
    local h = core.image.new(20, 24, 1):draw { { "text", text = string.char(c), x = 2, y = 2, size = 12 } }:hash()
    t.ok(not seen[h], ("%c looks like %s"):format(c, tostring(seen[h])))
    seen[h] = string.char(c)
  end
end)

t.test("misuse is named", function()
  local im = core.image.new(4, 4, 1)
  t.raises(function() im:draw { { "circle" } } end, "unknown shape 'circle'")
  t.raises(function() im:draw { { "polygon", points = { 1, 2, 3 } } } end, "pairs")
  t.raises(function() im:draw { { "polygon", points = { 1, "a" } } } end, "expected a number")
  t.raises(function() im:draw { { "disc", x = 1, y = 1 } } end, "radius")
  t.fails("not finite", im:draw { { "polygon", points = { 0, 0, 0 / 0, 1, 2, 2 } } })
end)

t.done()
