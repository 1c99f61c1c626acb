--- Labels through plans. SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local labels = require "brink.labels"

local function size(w, h) return { width = w, height = h } end
local function label(w, h, objects, more)
  local l = labels.shapes.new(w, h, objects)
  for k, v in pairs(more or {}) do l[k] = v end
  return l
end
local function one(object, w, h, plan, rules, more)
  local out, why = labels.transport(label(w, h, { object }, more), plan, size(w, h), nil, rules)
  if not out then return nil, why end
  return out.shapes[1], out
end
local function near_list(got, want, tolerance, what)
  t.eq(#got, #want, (what or "") .. " count")
  for k = 1, #want do t.near(got[k], want[k], tolerance, (what or "") .. " [" .. k .. "]") end
end

t.test("plain labels stay", function()
  for _, plain in ipairs { "cat", 7, true, { a = 1 } } do t.eq(labels.transport(plain, { { op = "flip" } }, size(5, 5)), plain) end
  t.eq(labels.transport(nil, {}, size(5, 5)), nil)
  t.eq(labels.text { kind = "shapes", shapes = { { class = "dog" }, { class = "cat" }, { class = "dog" } } }, "2 dog, cat")
  t.eq(labels.text "dog", "dog")
end)

t.test("exact maps are exact: flip, quarter turn, transpose, crop, resize, pad", function()
  local box = { class = "a", box = { 10, 5, 20, 10 } }
  near_list(one(box, 101, 51, { { op = "flip", axis = "h" } }).box, { 71, 5, 20, 10 }, 1e-9, "h")
  near_list(one(box, 101, 51, { { op = "flip", axis = "v" } }).box, { 10, 36, 20, 10 }, 1e-9, "v")
  near_list(one(box, 101, 51, { { op = "transpose" } }).box, { 5, 10, 10, 20 }, 1e-9, "transpose")
  local turned, all = one(box, 101, 51, { { op = "rotate90", k = 1 } })
  near_list(turned.box, { 5, 71, 10, 20 }, 1e-9, "turn")
  t.eq({ all.width, all.height }, { 51, 101 })
  near_list(one(box, 101, 51, { { op = "crop", x = 4, y = 3, w = 50, h = 40 } }).box, { 6, 2, 20, 10 }, 1e-9, "crop")
  near_list(one(box, 100, 50, { { op = "resize", w = 200, h = 25 } }).box, { 20, 2.5, 40, 5 }, 1e-9, "resize")
  near_list(one(box, 101, 51, { { op = "pad", left = 3, top = 2 } }).box, { 13, 7, 20, 10 }, 1e-9, "pad")
end)

t.test("visibility adds up over the plan: two half crops leave a quarter", function()
  local box = { class = "a", box = { 0, 0, 100, 100 } }
  local crops = { { op = "crop", x = 0, y = 0, w = 50, h = 100 }, { op = "crop", x = 0, y = 50, w = 50, h = 50 } }
  t.near(one(box, 100, 100, crops).visibility, 0.25, 1e-9)
  local rules = labels.rules { min_visibility = 0.4 }
  local _, all = one(box, 100, 100, crops, rules)
  t.eq(#all.shapes, 0)
  t.eq(rules.log, { ["dropped: min_visibility"] = 1 })
  t.near(one(box, 100, 100, crops, { min_visibility = 0.25 }).visibility, 0.25, 1e-9)
  -- one label at a time comes to the same
  local first, l = one(box, 100, 100, { crops[1] })
  t.near(first.visibility, 0.5, 1e-9)
  t.near(labels.transport(l, { crops[2] }, size(50, 100)).shapes[1].visibility, 0.25, 1e-9)
  -- what a crop took does not come back with a pad
  t.near(one(box, 100, 100, { crops[1], { op = "pad", right = 50 } }).visibility, 0.5, 1e-9)
  -- growing and shrinking change nothing
  t.near(one(box, 100, 100, { { op = "resize", w = 30, h = 30 } }).visibility, 1, 1e-9)
end)

t.test("min_visibility = 1 keeps an untouched box, also one a rounding outside", function()
  for _, b in ipairs { { 0, 0, 100, 100 }, { 3, 4, 10, 10 }, { 0, 0, 100.00000242, 50 }, { -1e-6, 0, 20, 20 } } do
    for _, plan in ipairs { {}, { { op = "flip", axis = "h" } }, { { op = "resize", w = 77, h = 33 } }, { { op = "contrast", gain = 2 } } } do
      t.ok(one({ class = "a", box = b }, 100, 100, plan, { min_visibility = 1 }), core.json.encode(plan))
    end
  end
end)

t.test("lost objects: drop, keep, reject, and the log", function()
  local crop = { { op = "crop", x = 50, y = 0, w = 50, h = 100 } }
  local two = { { class = "a", box = { 0, 0, 40, 40 }, id = 9 }, { class = "b", box = { 60, 10, 60, 20 } } }
  local function run(rules) return labels.transport(label(100, 100, two), crop, size(100, 100), nil, rules) end
  local rules = labels.rules {}
  t.eq(#run(rules).shapes, 1)
  t.eq(rules:events(), { { event = "clipped", count = 1 }, { event = "dropped: out of the frame", count = 1 } })
  local kept = run { on_lost = "keep" }
  t.eq({ #kept.shapes, kept.shapes[1].visibility, kept.shapes[1].box }, { 2, 0, nil })
  t.fails("object 9: out of the frame", run { on_lost = "reject" })
  t.fails("1 objects left of 2", run { min_objects = 2 })
  t.eq(#run { min_area = 801 }.shapes, 0, "40 x 20 in the frame")
  t.eq(#run { min_area = 800 }.shapes, 1)
  t.eq(#run { min_size = { 40, 21 } }.shapes, 0)
  t.eq(#run { min_size = 20 }.shapes, 1)
  t.raises(function() labels.rules { min_visibilty = 1 } end, "did you mean min_visibility")
  t.raises(function() labels.rules { on_lost = "dorp" } end, "none of drop, keep, reject")
  t.raises(function() labels.rules { min_visibility = 2 } end, "outside 0..1")
  t.raises(function() labels.rules { exclude = { x = { "Huee" } } } end, "Hue")
end)

t.test("clip = false lets boxes leave the frame", function()
  local crop = { { op = "crop", x = 50, y = 0, w = 50, h = 100 } }
  local box = { class = "a", box = { 30, 10, 40, 20 } }
  near_list(one(box, 100, 100, crop).box, { 0, 10, 20, 20 }, 1e-9)
  near_list(one(box, 100, 100, crop, { clip = false }).box, { -20, 10, 40, 20 }, 1e-9)
end)

local function circle(x, y, r, n)
  local out = {}
  for k = 0, n - 1 do
    local a = 2 * core.math.pi * k / n
    out[#out + 1], out[#out + 2] = x + r * core.math.cos(a), y + r * core.math.sin(a)
  end
  return out
end

t.test("the box from a polygon or mask is tight after any rotation", function()
  local disc = circle(60, 50, 25, 90)
  local mask = core.shapes.polygon_mask(disc, 120, 100)
  for angle = 15, 345, 15 do
    local plan = { { op = "rotate", degrees = angle } }
    local x, y = core.plan.new(plan):warp(120, 100):point(60, 50)
    local want = { x - 25, y - 25, 50, 50 }
    local p = one({ class = "a", box = { 35, 25, 50, 50 }, polygon = { parts = { disc }, holes = {} } }, 120, 100, plan)
    near_list(p.box, want, 0.1, "polygon at " .. angle)
    t.eq(p.box_from, "polygon")
    local m = one({ class = "a", box = { 35, 25, 50, 50 }, mask = mask }, 120, 100, plan)
    near_list(m.box, want, 1, "mask at " .. angle)
    t.eq(m.box_from, "mask")
    t.eq({ core.shapes.mask_box(m.mask) }, m.box)
    local e = one({ class = "a", box = { 35, 25, 50, 50 } }, 120, 100, plan, { outline = "ellipse" })
    near_list(e.box, want, 0.1, "ellipse at " .. angle)
    t.eq(e.box_from, "ellipse")
    t.eq(one({ class = "a", box = { 35, 25, 50, 50 } }, 120, 100, plan).box_from, "box")
  end
end)

t.test("oriented boxes and quads stay what they are", function()
  local o = { class = "a", obb = { 50, 40, 30, 10, 20 }, quad = { 40, 30, 60, 32, 58, 50, 38, 48 } }
  near_list(one(o, 100, 80, { { op = "rotate", degrees = 30 } }).obb, { 50, 40, 30, 10, -10 }, 1e-6, "counter-clockwise turn")
  near_list(one(o, 100, 80, { { op = "flip", axis = "h" } }).obb, { 50, 40, 30, 10, 160 }, 1e-6, "mirror")
  near_list(one(o, 100, 80, { { op = "resize", w = 200, h = 160 } }).obb, { 100, 80, 60, 20, 20 }, 1e-6, "twice the size")
  local s = one({ class = "a", obb = { 50, 40, 30, 10, 0 } }, 100, 80, { { op = "resize", w = 200, h = 80 } }).obb
  near_list(s, { 100, 40, 60, 10, 0 }, 1e-6, "stretched")
  local half = one({ class = "a", obb = { 50, 40, 40, 20, 0 } }, 100, 80, { { op = "crop", x = 50, y = 0, w = 50, h = 80 } }).obb
  near_list(half, { 10, 40, 20, 20, 0 }, 1e-6, "cut")
  near_list(one(o, 100, 80, { { op = "flip", axis = "h" } }).quad, { 60, 30, 40, 32, 42, 50, 62, 48 }, 1e-9, "corners keep their order")
  local q = one({ class = "a", quad = { 40, 30, 60, 30, 60, 50, 40, 50 } }, 100, 80, { { op = "crop", x = 50, y = 0, w = 50, h = 80 } }).quad
  near_list(q, { 0, 30, 10, 30, 10, 50, 0, 50 }, 1e-6, "cut quad")
  local wild = one(o, 100, 80, { { op = "perspective", corners = { 0.1, 0.05, 0, 0, 0, 0, 0.05, -0.1 } } }).obb
  t.eq(#wild, 5)
  t.near(wild[5], 20, 15, "about the angle it had")
end)

t.test("a quad that is bent still encloses its object, in the same order of corners", function()
  local quad = { 30, 40, 90, 50, 85, 80, 25, 70 }
  for _, mirror in ipairs { false, true } do
    local plan = { { op = "swirl", degrees = 60 } }
    if mirror then table.insert(plan, 1, { op = "flip", axis = "h" }) end
    local object = one({ quad = quad, polygon = { parts = { quad }, holes = {} } }, 120, 120, plan)
    local x0, y0, x1, y1 = object.quad[1], object.quad[2], object.quad[3], object.quad[4]
    local x2, y2 = object.quad[5], object.quad[6]
    t.near((x1 - x0) * (x2 - x1) + (y1 - y0) * (y2 - y1), 0, 1e-6)
    t.eq((x1 - x0) * (y2 - y1) - (y1 - y0) * (x2 - x1) < 0, mirror)
    local outside = core.shapes.area { parts = { object.quad, object.polygon.parts[1] }, holes = {} } - core.shapes.area(object.quad)
    t.ok(outside < 0.01 * core.shapes.area(object.polygon), outside)
  end
end)

t.test("keypoints: mirrored pairs change places, nothing is ever dropped", function()
  local meta = { meta = { flip_pairs = { { 1, 2 } } } }
  local points = { 10, 20, 2, 30, 20, 1, 20, 30, 2, 0, 0, 0 }
  local flipped = one({ class = "p", keypoints = points }, 100, 50, { { op = "flip", axis = "h" } }, nil, meta)
  near_list(flipped.keypoints, { 70, 20, 1, 90, 20, 2, 80, 30, 2, 0, 0, 0 }, 1e-9)
  local turned = one({ class = "p", keypoints = points }, 100, 50, { { op = "rotate90", k = 2 } }, nil, meta)
  near_list(turned.keypoints, { 90, 30, 2, 70, 30, 1, 80, 20, 2, 0, 0, 0 }, 1e-9, "a half turn mirrors nothing")
  local cropped = one({ class = "p", keypoints = points }, 100, 50, { { op = "crop", x = 15, y = 0, w = 50, h = 50 } }, nil, meta)
  near_list(cropped.keypoints, { -5, 20, 0, 15, 20, 1, 5, 30, 2, 0, 0, 0 }, 1e-9, "coordinates are kept")
  t.near(cropped.visibility, 2 / 3, 1e-9)
  local gone = one({ class = "p", keypoints = points }, 100, 50, { { op = "crop", x = 60, y = 0, w = 40, h = 50 } })
  t.eq(#gone.keypoints, 12)
end)

t.test("classes change on mirroring as the rules say", function()
  local rules = { class_on_flip = { ["turn left"] = "turn right", ["turn right"] = "turn left" } }
  local sign = { class = "turn left", box = { 1, 1, 5, 5 } }
  t.eq(one(sign, 20, 20, { { op = "flip", axis = "h" } }, rules).class, "turn right")
  t.eq(one(sign, 20, 20, { { op = "rotate90", k = 2 } }, rules).class, "turn left")
  local known = one({ class = "turn left", class_id = 4, box = { 1, 1, 5, 5 } }, 20, 20, { { op = "flip", axis = "h" } }, rules)
  t.eq({ known.class, known.class_id }, { "turn right" })
  local numbered = { meta = { class_names = { "turn left", "turn right" } } }
  t.eq(one({ class = 1, box = { 1, 1, 5, 5 } }, 20, 20, { { op = "transpose" } }, rules, numbered).class, 2)
end)

t.test("rules name rows a class must not meet", function()
  local rules = labels.rules { exclude = { ["traffic light"] = { "Hue", "Dehue" }, text = "Rotate" } }
  local l = label(10, 10, { { class = "car" }, { class = "traffic light" } })
  t.eq(labels.excluded(l, "Hue", rules), "traffic light")
  t.eq(labels.excluded(l, "Rotate", rules), nil)
  t.eq(labels.excluded("text", "Rotate", rules), "text")
  t.eq(labels.excluded("text", "Hue", rules), nil)
  t.eq(labels.excluded(label(10, 10, { { class = 1 } }, { meta = { class_names = { "text" } } }), "Rotate", rules), "text")
  t.eq(labels.excluded(l, "Hue", nil), nil)
end)

t.test("polygons are clipped, split and keep their holes; lines too", function()
  local frame = { parts = { { 10, 10, 90, 10, 90, 50, 10, 50 } }, holes = { { 20, 20, 80, 20, 80, 40, 20, 40 } } }
  local crop = { { op = "crop", x = 30, y = 0, w = 40, h = 60 } }
  local out = one({ class = "a", polygon = frame, box = { 10, 10, 80, 40 } }, 100, 60, crop)
  t.eq({ #out.polygon.parts, #out.polygon.holes }, { 2, 0 })
  t.near(core.shapes.area(out.polygon), 800, 1e-9)
  t.near(out.visibility, 800 / 2000, 1e-9)
  t.near(out.area, 800, 1e-9)
  near_list(out.box, { 0, 10, 40, 40 }, 1e-9)
  local line = one({ class = "l", polyline = { 0, 5, 100, 5, 100, 50, 0, 50 } }, 100, 60, crop)
  t.eq(#line.polyline, 2, "two pieces")
  near_list(line.polyline[1], { 0, 5, 40, 5 }, 1e-9)
  t.near(line.visibility, 80 / 245, 1e-9)
  near_list(one({ class = "l", polyline = { 40, 5, 50, 50 } }, 100, 60, crop).polyline, { 10, 5, 20, 50 }, 1e-9)
  local _, all = one({ class = "l", polyline = { 0, 5, 20, 5 } }, 100, 60, crop)
  t.eq(#all.shapes, 0)
end)

local function perimeter(polygon)
  local sum = 0
  for _, ring in ipairs(table.move(polygon.holes, 1, #polygon.holes, #polygon.parts + 1, { table.unpack(polygon.parts) })) do
    for k = 1, #ring, 2 do
      local dx, dy = ring[k] - (ring[k - 2] or ring[#ring - 1]), ring[k + 1] - (ring[k - 1] or ring[#ring])
      sum = sum + math.sqrt(dx * dx + dy * dy)
    end
  end
  return sum
end

t.test("polygon, mask and raster agree through every kind of warp", function()
  local w, h = 160, 120
  local star = { 80, 15, 95, 50, 140, 55, 100, 70, 110, 110, 80, 85, 45, 108, 58, 68, 20, 50, 65, 48 }
  local hole = { 72, 55, 88, 55, 88, 70, 72, 70 }
  local polygon = { parts = { star }, holes = { hole } }
  local mask = core.shapes.polygon_mask(polygon, w, h)
  for _, plan in ipairs {
    { { op = "rotate", degrees = 33 } }, { { op = "perspective", corners = { 0.2, 0.1, 0, 0, -0.1, 0, 0, -0.15 } } },
    { { op = "elastic", amplitude = 5, sigma = 15, key = 4 } }, { { op = "optical", k1 = 0.6 } }, { { op = "optical", k1 = -0.25 } },
    { { op = "grid_distort", amount = 0.3, key = 5 } }, { { op = "swirl", degrees = 90 } }, { { op = "pinch", amount = 0.7 } },
    { { op = "scale", factor = 2.5 } }, { { op = "elastic", amplitude = 3, sigma = 9, key = 4 }, { op = "rotate", degrees = -70 }, { op = "crop", x = 20.5, y = 3, w = 90, h = 80 } },
  } do
    local what = core.json.encode(plan)
    local out, all = one({ class = "a", polygon = polygon, mask = mask, box = { 20, 15, 120, 95 } }, w, h, plan)
    local raster = core.shapes.polygon_mask(out.polygon, all.width, all.height)
    local differ, area = 0, core.shapes.mask_area(raster)
    for y = 0, all.height - 1 do for x = 0, all.width - 1 do if raster:pixel(x, y) ~= out.mask:pixel(x, y) then differ = differ + 1 end end end
    -- nearest sampling misses by up to half a source pixel along the outline, a quarter on average
    t.ok(differ < 0.35 * perimeter(out.polygon), ("%s: %d pixels differ on %g pixels of outline"):format(what, differ, perimeter(out.polygon)))
    t.near(core.shapes.area(out.polygon), area, 0.02 * area + 10, what)
    local x, y, bw, bh = core.shapes.mask_box(out.mask)
    near_list(out.box, { x, y, bw, bh }, 4.01, what) -- sharp tips hold no pixel centre
    -- visibility against counted pixels: a point of the object is seen when it arrives
    local warp, seen, whole = core.plan.new(plan):warp(w, h), 0, 0
    for py = 0, h - 1, 2 do for px = 0, w - 1, 2 do
      if mask:pixel(px, py) > 0 then
        whole = whole + 1
        if select(3, warp:place(px + 0.5, py + 0.5)) then seen = seen + 1 end
      end
    end end
    t.near(out.visibility, seen / whole, 0.02, what)
  end
end)

t.test("drawn boxes hide objects: visibility and keypoints", function()
  local o = { class = "a", box = { 20, 20, 40, 40 }, keypoints = { 25, 25, 2, 55, 55, 2 } }
  local half = one(o, 100, 100, { { op = "erase", x = 0, y = 0, w = 40, h = 100 } })
  t.near(half.visibility, 0.5, 1e-3)
  t.eq(half.box, { 20, 20, 40, 40 })
  t.eq({ half.keypoints[3], half.keypoints[6] }, { 1, 2 })
  t.near(one(o, 100, 100, { { op = "erase", x = 0, y = 0, w = 40, h = 100 }, { op = "erase", x = 0, y = 0, w = 100, h = 40 } }).visibility, 0.25, 1e-3)
  t.near(one(o, 100, 100, { { op = "erase_many", boxes = { 0, 0, 40, 100, 20, 0, 30, 100 } } }).visibility, 0.25, 1e-3, "overlapping")
  t.eq(one(o, 100, 100, { { op = "erase", x = 0, y = 0, w = 40, h = 100, opacity = 0.2 } }).visibility, nil, "see-through: the same label")
  local turned = one(o, 100, 100, { { op = "erase", x = 0, y = 0, w = 40, h = 100 }, { op = "flip", axis = "h" }, { op = "crop", x = 40, y = 0, w = 60, h = 100 } })
  t.near(turned.visibility, 0.5, 1e-3, "the part in the frame is the hidden one and nothing else was lost")
  local _, all = one(o, 100, 100, { { op = "erase", x = 0, y = 0, w = 100, h = 100 } })
  t.eq(#all.shapes, 1, "hidden, not out of the frame")
  t.eq(all.shapes[1].visibility, 0)
  _, all = one(o, 100, 100, { { op = "erase", x = 0, y = 0, w = 100, h = 100 } }, { min_visibility = 0.1 })
  t.eq(#all.shapes, 0)
end)

t.test("everything else travels untouched", function()
  local o = { class = "a", id = 9007199254740993, crowd = true, box = { 1, 2, 5, 5 }, attributes = { colour = "red" }, extra = { score = 0.5 } }
  local out, all = one(o, 20, 20, { { op = "flip", axis = "h" } }, nil, { extra = { file = "x" }, class = "scene", value = 3 })
  t.eq({ out.id, out.crowd, out.attributes, out.extra }, { 9007199254740993, true, { colour = "red" }, { score = 0.5 } })
  t.eq({ all.extra, all.class, all.value }, { { file = "x" }, "scene", 3 })
  t.eq(o.box, { 1, 2, 5, 5 }, "the source label stays as it was")
end)

t.test("semantic masks and heat maps move; masks stay in their form", function()
  local seg = core.image.new(8, 6, 1):paste(core.image.new(2, 2, 1, "u8", 7), 0, 0)
  local heat = core.image.new(8, 6, 1, "f32", 0):paste(core.image.new(2, 2, 1, "f32", 1), 0, 0)
  local l = label(8, 6, {}, { segmentation = seg, heatmaps = { heat, heat:resize(4, 3) } })
  local out = labels.transport(l, { { op = "translate", x = 3, y = 1 } }, size(8, 6), nil, { void = 255 })
  t.eq({ out.segmentation:pixel(3, 1) }, { 7 })
  t.eq({ out.segmentation:pixel(0, 0) }, { 255 })
  t.near((out.heatmaps[1]:pixel(3, 1)), 1, 1e-6)
  t.near((out.heatmaps[1]:pixel(0, 0)), 0, 1e-6)
  t.eq({ out.heatmaps[2].width, out.heatmaps[2].height }, { 4, 3 })
  local rle = { size = { 6, 8 }, counts = { 0, 2, 4, 2, 40 } }
  local text = core.shapes.rle_encode(rle.counts)
  local flip = { { op = "flip", axis = "h" } }
  t.eq(one({ class = 1, mask = rle }, 8, 6, flip).mask, { size = { 6, 8 }, counts = { 36, 2, 4, 2, 4 } })
  t.eq(type(one({ class = 1, mask = { size = { 6, 8 }, counts = text } }, 8, 6, flip).mask.counts), "string")
  t.fails("expected", labels.transport(label(8, 6, { { id = 4, mask = { size = { 6, 8 }, counts = { 5 } } } }), flip, size(8, 6)))
  t.fails("object 4", labels.transport(label(8, 6, { { id = 4, mask = { size = { 5, 8 }, counts = { 0, 40 } } } }), flip, size(8, 6)))
  t.fails("this one is 9 x 6", labels.transport(l, flip, size(9, 6)))
end)

t.test("heat maps of a label without objects: left and right change places", function()
  local a, b = core.image.new(8, 6, 1, "f32", 1), core.image.new(8, 6, 1, "f32", 0)
  local out = assert(labels.transport({ kind = "shapes", heatmaps = { a, b }, meta = { flip_pairs = { { 1, 2 } } } }, { { op = "flip", axis = "h" } }, size(8, 6)))
  t.eq({ { out.heatmaps[1]:pixel(3, 3) }, { out.heatmaps[2]:pixel(3, 3) } }, { { 0.0 }, { 1.0 } })
end)

t.test("records of labels are plain data", function()
  local l = label(8, 6, { { class = "a", mask = core.image.new(8, 6, 1, "u8", 1) } }, { segmentation = core.image.new(8, 6, 1) })
  local record = core.json.decode(core.json.encode(labels.record(l)))
  t.eq(record.shapes[1].mask.size, { 6, 8 })
  t.eq(record.segmentation.width, 8)
  t.eq(labels.record "cat", "cat")
  t.eq(core.json.encode(labels.record(label(2, 2, {})).shapes), "[]")
end)

t.test("a label of one's own kind moves by transform", function()
  local rules = { transform = function(own, warp)
    local x, y = warp:point(own.x, own.y)
    local bx, by, bw, bh = warp:box(own.x - 5, own.y - 5, 10, 10)
    local left = warp:polygon { own.x - 5, own.y - 5, own.x + 5, own.y - 5, own.x, own.y + 5 }
    return { x = x, y = y, box = { bx, by, bw, bh }, area = core.shapes.area(left), mask = warp:mask(own.mask, 0):hash() }
  end }
  local own = { x = 20, y = 10, mask = core.image.new(50, 40, 1, "u8", 3) }
  local out = labels.transport(own, { { op = "flip", axis = "h" } }, size(50, 40), nil, rules)
  t.eq({ out.x, out.y, out.box }, { 30, 10, { 25, 5, 10, 10 } })
  t.near(out.area, 50, 1e-9)
  t.eq(out.mask, own.mask:hash())
end)

t.test("a mask of shreds, bent until it folds, keeps its share of pixels", function()
  local w, h = 150, 150
  local board = core.image.new(w, h, 1, "u8", 128):run { { op = "gaussian_noise", std = 0.5, key = 3 } }:lut(function(v) return v > 128 and 1 or 0 end)
  local plan = { { op = "elastic", amplitude = 20, sigma = 8, key = 4 }, { op = "crop", x = 0, y = 0, w = 75, h = 150 } }
  local out, all = one({ class = "a", mask = board, box = { 0, 0, w, h } }, w, h, plan)
  t.eq({ all.width, all.height, out.mask.width }, { 75, 150, 75 })
  local warp, outline = core.plan.new(plan):warp(w, h), core.shapes.mask_polygon(board)
  t.fails("at most", warp:polygon(outline))
  t.ok(out.visibility > 0.1 and out.visibility < 0.6, "visibility " .. out.visibility)
  t.eq(out.box, { core.shapes.mask_box(out.mask) })
end)

t.test("the k-th allocation fails: an error or a reason, the label as it was", function()
  local w, h = 60, 50
  local l = label(w, h, { { class = "a", box = { 5, 5, 20, 20 }, polygon = { parts = { { 5, 5, 60, 8, 30, 48, 40, 5 } }, holes = { { 20, 12, 24, 12, 24, 16 } } } },
    { class = "b", mask = { size = { h, w }, counts = { 500, 40, 2460 } } }, { polyline = { 0, 0, 60, 50 }, keypoints = { 3, 4, 2 } }, { obb = { 30, 20, 20, 8, 15 } } })
  local before = core.json.encode(labels.record(l))
  local plan = { { op = "rotate", degrees = 20 }, { op = "thin_plate", amount = 4, key = 3 }, { op = "piecewise_affine", amount = 0.3, key = 3 }, { op = "erase", x = 5, y = 5, w = 10, h = 10 } }
  local want = core.json.encode(labels.record((labels.transport(l, plan, size(w, h)))))
  local failed = 0
  for _, sticky in ipairs { false, true } do
    for k = 1, 600, 1 do
      core.test.fail_alloc(k, sticky)
      local ok, out = pcall(labels.transport, l, plan, size(w, h))
      local asked = core.test.alloc_count()
      core.test.fail_alloc(0)
      if ok and out then t.eq(core.json.encode(labels.record(out)), want) else failed = failed + 1 end
      if asked < k then break end
    end
  end
  t.ok(failed > 100, failed .. " allocations failed")
  t.eq(core.json.encode(labels.record(l)), before)
end)

t.test("drawing labels: something is drawn, inside the frame, whatever the names hold", function()
  local im = core.image.new(120, 80, 4, "u8", 60)
  local l = label(120, 80, {
    { class = "naïve ✓\n", box = { 100, -3, 50, 20 } }, { class = 3, polygon = { parts = { { 10, 10, 40, 10, 40, 40, 10, 40 } }, holes = { { 20, 20, 30, 20, 30, 30, 20, 30 } } } },
    { class = "p", keypoints = { 50, 50, 2, 70, 60, 1, 0, 0, 0 } }, { class = "q", quad = { 60, 5, 80, 5, 80, 15, 60, 15 }, obb = { 20, 60, 20, 10, 30 } },
    { mask = { size = { 80, 120 }, counts = { 5000, 40, 4560 } } }, { polyline = { 0, 0, 120, 80 } }, {},
  }, { meta = { skeleton = { { 1, 2 }, { 2, 3 } } } })
  local out = labels.draw(im, l)
  t.eq({ out.width, out.height, out.channels }, { 120, 80, 3 })
  t.ok(out:distance(im:convert { channels = 3, alpha = false }) > 1)
  t.ok({ out:pixel(35, 25) } ~= 60 and out:pixel(15, 25) ~= 60, "tinted")
  t.eq({ out:pixel(25, 26) }, { 60, 60, 60 }, "the hole is not")
  t.eq(labels.draw(im, "cat"), im)
  t.ok(labels.draw(core.image.new(1, 1, 1), label(1, 1, { { class = "a", box = { 0, 0, 1, 1 } } })))
end)

t.done()
