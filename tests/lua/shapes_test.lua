--- Polygons, masks, run lengths. SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"

local shapes = core.shapes

local function ring_count(p) return p and #p.parts or 0, p and #p.holes or 0 end

--- A star around (x, y): n corners at radii drawn between lo and hi.
local function star(rng, x, y, lo, hi, n)
  local out = {}
  for k = 0, n - 1 do
    local a, r = 2 * core.math.pi * (k + rng:uniform(0, 0.8)) / n, rng:uniform(lo, hi)
    out[#out + 1], out[#out + 2] = x + r * core.math.cos(a), y + r * core.math.sin(a)
  end
  return out
end

t.test("run lengths: the published vectors, both ways", function()
  for text, counts in pairs { ["61X13mN000`0"] = { 6, 1, 40, 4, 5, 4, 5, 4, 21 }, ["061"] = { 0, 6, 1 }, ["231N"] = { 2, 3, 1, 1 },
    ["`h95kc02N2"] = { 10000, 5, 635, 7, 633, 9 } } do
    t.eq(shapes.rle_encode(counts), text)
    t.eq(shapes.rle_decode(text), counts)
  end
  t.eq(shapes.rle_encode {}, "")
  t.eq(shapes.rle_decode "", {})
end)

t.test("run lengths run down the columns and start with the zeros", function()
  local m = shapes.rle_mask { size = { 2, 3 }, counts = { 1, 3, 1, 1 } } -- columns: 0 1, 1 1, 0 1
  t.eq({ m.width, m.height }, { 3, 2 })
  local got = {}
  for y = 0, 1 do for x = 0, 2 do got[#got + 1] = m:pixel(x, y) end end
  t.eq(got, { 0, 1, 0, 1, 1, 1 })
  t.eq(shapes.mask_rle(m, "list"), { size = { 2, 3 }, counts = { 1, 3, 1, 1 } })
  t.eq(shapes.mask_rle(m).counts, shapes.rle_encode { 1, 3, 1, 1 })
  t.eq(shapes.rle_area { size = { 2, 3 }, counts = { 1, 3, 1, 1 } }, 4)
  t.eq(shapes.mask_rle(core.image.new(2, 2, 1, "u8", 5), "list").counts, { 0, 4 }, "all set")
  t.eq(shapes.mask_rle(core.image.new(2, 2, 1), "list").counts, { 4 }, "none set")
end)

t.test("damaged run lengths are refused with what is wrong", function()
  t.fails("5 pixels, 6 expected", shapes.rle_mask { size = { 2, 3 }, counts = { 1, 3, 1 } })
  t.fails("7 pixels", shapes.rle_mask { size = { 2, 3 }, counts = { 1, 3, 3 } })
  t.fails("count 2", shapes.rle_mask { size = { 2, 3 }, counts = { 1, -3, 8 } })
  t.fails("no whole number", shapes.rle_mask { size = { 2, 3 }, counts = { 1.5 } })
  t.fails("ends inside", shapes.rle_decode "6P")
  t.fails("character 2", shapes.rle_decode "6 1")
  t.fails("too long", shapes.rle_decode(("o"):rep(20)))
  t.fails("count 1 is", shapes.rle_decode "@")
  t.fails("rle.size", shapes.rle_mask { counts = { 1 } })
  t.fails("height", shapes.rle_mask { size = { 0, 3 }, counts = {} })
  t.fails("rle.counts", shapes.rle_mask { size = { 1, 3 } })
end)

t.test("random masks survive run lengths and outlines to the pixel", function()
  for key = 1, 60 do
    local w, h = 1 + key * 7 % 23, 1 + key * 5 % 17
    local m = core.image.new(w, h, 1, "u8", 128):run { { op = "gaussian_noise", std = 0.3, key = key }, { op = "gaussian", sigma = 0.5 + key % 3 } }
    m = m:lut(function(v) return v > 128 and 1 or 0 end)
    local rle = shapes.mask_rle(m)
    t.ok(shapes.rle_mask(rle):equal(m), "run lengths " .. key)
    local p = shapes.mask_polygon(m)
    local area = shapes.mask_area(m)
    t.eq(shapes.rle_area(rle), area)
    if area == 0 then
      t.eq(p, nil)
    else
      t.eq(shapes.area(p), area, "area " .. key)
      t.ok(shapes.polygon_mask(p, w, h):equal(m), "outline " .. key)
      t.eq({ shapes.bounds(p) }, { shapes.mask_box(m) }, "box " .. key)
    end
  end
end)

t.test("a mask of one pixel, a ring, a checkerboard", function()
  local one = shapes.rle_mask { size = { 1, 1 }, counts = { 0, 1 } }
  t.eq(shapes.mask_polygon(one), { parts = { { 0, 0, 1, 0, 1, 1, 0, 1 } }, holes = {} })
  local ring = shapes.rle_mask { size = { 3, 3 }, counts = { 0, 4, 1, 4 } }
  t.eq({ ring_count(shapes.mask_polygon(ring)) }, { 1, 1 })
  local board = shapes.rle_mask { size = { 2, 2 }, counts = { 0, 1, 2, 1 } }
  t.eq({ ring_count(shapes.mask_polygon(board)) }, { 2, 0 }, "corners do not join")
end)

t.test("polygon area is mask area within 1 % for 1,000 polygons with holes", function()
  local rng, worst = core.rng(7, "polygons", 0, 0), 0
  for k = 1, 1000 do
    local p = { parts = { star(rng, 120, 110, 60, 105, rng:integer(5, 40)) }, holes = {} }
    for h = 1, rng:integer(1, 3) do p.holes[h] = star(rng, 70 + 32 * h, rng:uniform(90, 120), 5, 14, rng:integer(3, 12)) end
    local area = shapes.area(p)
    local mask = shapes.polygon_mask(p, 240, 220)
    local off = math.abs(shapes.mask_area(mask) - area) / area
    worst = math.max(worst, off)
    t.ok(off < 0.01, ("polygon %d: %s against %s"):format(k, area, shapes.mask_area(mask)))
  end
  t.ok(worst > 0, "a mask is whole pixels")
end)

t.test("a comb clipped at its teeth comes apart, areas exact", function()
  local comb = { 0, 0, 70, 0, 70, 30, 60, 30, 60, 10, 50, 10, 50, 30, 40, 30, 40, 10, 30, 10, 30, 30, 20, 30, 20, 10, 10, 10, 10, 30, 0, 30 }
  local p, cut = shapes.clip(comb, 0, 15, 100, 100)
  t.ok(cut)
  t.eq({ ring_count(p) }, { 4, 0 })
  t.near(shapes.area(p), 4 * 150, 1e-9)
  for _, part in ipairs(p.parts) do t.eq(#part, 8) end
  p, cut = shapes.clip(comb, -5, -5, 100, 100)
  t.eq(cut, false)
  t.eq(p.parts[1], comb)
  t.eq((shapes.clip(comb, 200, 200, 10, 10)), nil)
end)

t.test("a hole at the edge becomes a notch, or the polygon falls in two", function()
  local p = { parts = { { 0, 0, 40, 0, 40, 40, 0, 40 } }, holes = { { 10, 10, 30, 10, 30, 30, 10, 30 } } }
  t.near(shapes.area(p), 1200, 1e-9)
  local half = shapes.clip(p, 20, -5, 100, 100)
  t.eq({ ring_count(half) }, { 1, 0 })
  t.near(shapes.area(half), 600, 1e-9)
  local middle = shapes.clip(p, 15, -5, 10, 100)
  t.eq({ ring_count(middle) }, { 2, 0 })
  t.near(shapes.area(middle), 200, 1e-9)
  t.eq((shapes.clip(p, 12, 12, 10, 10)), nil, "wholly in the hole")
end)

t.test("clipping agrees with clipped masks on random polygons", function()
  local rng = core.rng(8, "clip", 0, 0)
  for k = 1, 200 do
    local p = { parts = { star(rng, 60, 60, 10, 58, rng:integer(5, 25)) }, holes = { star(rng, 60, 60, 2, 7, 7) } }
    local x, y = rng:integer(0, 80), rng:integer(0, 80)
    local w, h = rng:integer(5, 60), rng:integer(5, 60)
    local whole = shapes.polygon_mask(p, 140, 140)
    local want = whole:crop(x, y, w, h)
    local got = shapes.clip(p, x, y, w, h)
    local mask = got and shapes.polygon_mask(got, 140, 140):crop(x, y, w, h) or core.image.new(w, h, 1)
    t.ok(mask:equal(want), "polygon " .. k)
  end
end)

t.test("bow ties, overlapping parts and stray holes are sorted out", function()
  local bow, changed = shapes.clean { 0, 0, 10, 10, 10, 0, 0, 10 }
  t.ok(changed)
  t.eq({ ring_count(bow) }, { 2, 0 })
  t.near(shapes.area(bow), 50, 1e-3)
  local union = shapes.clean { parts = { { 0, 0, 10, 0, 10, 10, 0, 10 }, { 5, 5, 15, 5, 15, 15, 5, 15 } } }
  t.eq({ ring_count(union) }, { 1, 0 })
  t.near(shapes.area(union), 175, 1e-3)
  local inside = shapes.clean { parts = { { 0, 0, 10, 0, 10, 10, 0, 10 }, { 2, 2, 4, 2, 4, 4, 2, 4 } } }
  t.near(shapes.area(inside), 100, 1e-3)
  local twice = shapes.clean { parts = { { 0, 0, 10, 0, 10, 10, 0, 10 }, { 0, 0, 10, 0, 10, 10, 0, 10 } } }
  t.near(shapes.area(twice), 100, 1e-3)
  local bitten = shapes.clean { parts = { { 0, 0, 10, 0, 10, 10, 0, 10 } }, holes = { { 5, 5, 15, 5, 15, 15, 5, 15 } } }
  t.near(shapes.area(bitten), 75, 1e-3)
  local away = shapes.clean { parts = { { 0, 0, 10, 0, 10, 10, 0, 10 } }, holes = { { 20, 20, 30, 20, 30, 30 } } }
  t.near(shapes.area(away), 100, 1e-3)
  local island = { parts = { { 0, 0, 10, 0, 10, 10, 0, 10 }, { 4, 4, 6, 4, 6, 6, 4, 6 } }, holes = { { 2, 2, 8, 2, 8, 8, 2, 8 } } }
  t.near(shapes.area(island), 68, 1e-9, "an island in a hole counts")
  local rough = { parts = { island.parts[1], island.parts[2], { 9, 9, 12, 9, 12, 12, 9, 12 } }, holes = island.holes }
  t.near(shapes.area(rough), 68 + 8, 1e-3, "also where something has to be sorted out")
  local same, untouched = shapes.clean { 0, 0, 10, 0, 10, 10, 0, 10 }
  t.eq(untouched, false)
  t.eq(same.parts[1], { 0, 0, 10, 0, 10, 10, 0, 10 })
end)

t.test("random scribbles become clean polygons with the area of their even-odd mask", function()
  local rng = core.rng(9, "scribble", 0, 0)
  for k = 1, 150 do
    local p = {}
    for i = 1, 2 * rng:integer(4, 14) do p[i] = rng:uniform(2, 198) end
    local clean, changed = shapes.clean(p)
    local again, twice = shapes.clean(clean)
    t.ok(not twice, "clean stays clean " .. k)
    t.near(shapes.area(again), shapes.area(clean), 1e-9)
    -- the mask of the scribble itself, by hand
    local count = 0
    for y = 0, 199, 2 do for x = 0, 199, 2 do count = count + (shapes.contains({ parts = { p } }, x + 0.5, y + 0.5) and 4 or 0) end end
    t.near(shapes.area(clean), count, 0.02 * count + 150, "scribble " .. k .. (changed and "" or " (simple)"))
  end
end)

t.test("rings that meet in points and along sides: crossings through a corner, shared sides, corners on the grid", function()
  t.near(shapes.area { 1, 0, 5, 0, 5, 2, 8, 8, 8, 0, 2, 4 }, 23, 0.01, "a side crosses at another's corner")
  t.near(shapes.area { parts = { { 0, 0, 10, 0, 10, 10, 0, 10 }, { 5, 0, 15, 0, 15, 10, 5, 10 } } }, 150, 1e-3, "overlap along shared sides")
  local bridged = { 0, 0, 10, 0, 10, 10, 0, 10, 0, 0, 3, 3, 3, 6, 6, 6, 6, 3, 3, 3 }
  local hole = shapes.clean(bridged)
  t.near(shapes.area(hole), 91, 1e-3, "a hole at the end of a bridge")
  for key = 1, 120 do
    local rng, p = core.rng(key, "grid", 0, 0), { parts = {}, holes = {} }
    for k = 1, rng:integer(1, 3) do
      p.parts[k] = {}
      for i = 1, 2 * rng:integer(3, 9) do p.parts[k][i] = rng:integer(0, 8) end
    end
    for k = 1, rng:integer(0, 2) do
      p.holes[k] = {}
      for i = 1, 2 * rng:integer(3, 7) do p.holes[k][i] = rng:integer(0, 8) end
    end
    local clean = shapes.clean(p) or { parts = {}, holes = {} }
    local count = 0
    for y = 0, 31 do for x = 0, 31 do
      local px, py, depth = (x + 0.5031) / 4, (y + 0.4973) / 4, 0
      for _, r in ipairs(p.parts) do if shapes.contains(r, px, py) then depth = depth + 1 end end
      for _, r in ipairs(p.holes) do if shapes.contains(r, px, py) then depth = depth - 1 end end
      if depth > 0 then count = count + 1 end
    end end
    local area = shapes.area(clean)
    t.near(area, count / 16, 2, "case " .. key)
    t.eq(select(2, shapes.clean(clean)) or false, false, "clean stays clean, case " .. key)
    local left, right = shapes.clip(clean, -1, -1, 4.5, 10), shapes.clip(clean, 3.5, -1, 10, 10)
    t.near((left and shapes.area(left) or 0) + (right and shapes.area(right) or 0), area, 1e-3, "halves, case " .. key)
  end
end)

t.test("what is no polygon is refused or is nothing", function()
  t.eq((shapes.clean { parts = {} }), nil)
  t.eq((shapes.clean { 1, 1, 5, 5 }), nil, "two points")
  t.eq((shapes.clean { 3, 3, 3, 3, 3, 3 }), nil, "one point thrice")
  t.eq(shapes.area { 1, 1, 5, 5, 9, 9 }, 0, "a line")
  t.raises(function() shapes.clean { 1, 2, 3 } end, "pairs")
  t.raises(function() shapes.clean { 1, "x" } end, "number 2 is a string")
  t.raises(function() shapes.clean { parts = { 5 } } end, "got a number")
  t.fails("coordinate 2 is", shapes.clean { 1, 0 / 0, 3, 4, 5, 6 })
  t.fails("coordinate 3 is inf", shapes.clean { 1, 2, math.huge, 4, 5, 6 })
  local zigzag = {}
  for k = 0, 8999 do zigzag[4 * k + 1], zigzag[4 * k + 2], zigzag[4 * k + 3], zigzag[4 * k + 4] = k % 2, k, 2 + k % 2, k end
  zigzag[#zigzag + 1], zigzag[#zigzag + 2] = 1.5, -5.5
  t.fails("at most", shapes.clean(zigzag))
end)

t.test("hulls and rectangles", function()
  t.eq(#shapes.hull { 0, 0, 10, 0, 5, 5, 10, 10, 0, 10, 3, 2, 10, 5 }, 8)
  t.eq(shapes.hull { 4, 4 }, { 4, 4 })
  t.eq(shapes.hull {}, {})
  t.eq(#shapes.hull { 0, 0, 1, 1, 2, 2, 3, 3 }, 4, "a line has two ends")
  local labels = require "brink.labels"
  for _, angle in ipairs { 0, 10, 45, 77, 90, -30 } do
    local cx, cy, w, h, a = shapes.rectangle(labels.shapes.obb_outline { 50, 40, 30, 10, angle })
    t.near(cx, 50, 1e-9)
    t.near(cy, 40, 1e-9)
    if w < h then w, h, a = h, w, a + 90 end
    t.near(w, 30, 1e-9)
    t.near(h, 10, 1e-9)
    t.near((a - angle + 90) % 180, 90, 1e-9, "angle " .. angle)
  end
  t.near(select(3, shapes.rectangle({ 0, 0, 10, 0, 10, 10, 0, 10 }, 45)), 10 * math.sqrt(2), 1e-9)
end)

t.test("polygon masks: pixel centres decide, edges of the frame cut", function()
  t.eq(shapes.mask_area(shapes.polygon_mask({ 1, 1, 4, 1, 4, 3, 1, 3 }, 6, 6)), 6)
  t.eq(shapes.mask_area(shapes.polygon_mask({ -50, -50, 50, -50, 50, 50, -50, 50 }, 6, 5)), 30)
  t.eq(shapes.mask_area(shapes.polygon_mask({ 0.6, 0.6, 1.4, 0.6, 1.4, 1.4, 0.6, 1.4 }, 3, 3)), 0)
  t.eq({ shapes.polygon_mask({ 0, 0, 1, 0, 1, 1, 0, 1 }, 1, 1, 255):pixel(0, 0) }, { 255 })
end)

t.done()
