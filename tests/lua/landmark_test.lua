--- Dots drawn on a picture and followed by their pixels land where their labels
-- land, for every geometric row and for random compositions.
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local labels = require "brink.labels"
local augment, core = brink.augment, brink.core

-- A bent dot's centre of light is no longer its centre, but its brightest place is: where the map bends, dots are small
-- and soft, and only what is near their brightest level counts.
local LARGE, SMALL = 3, 1.5

local rows = {}
for _, row in ipairs(augment.list()) do if row.family == "geometry" then rows[#rows + 1] = row end end

--- Three dots, each in a channel of its own, and their label: keypoints, a triangle between them, a mask around each.
local function scene(w, h, rng, radius)
  local dots, shapes_, points, corners = {}, {}, {}, {}
  for k = 1, 3 do
    local x, y
    repeat -- well apart
      x, y = rng:uniform(0.1, 0.9) * w, rng:uniform(0.1, 0.9) * h
      local near = false
      for j = 1, k - 1 do near = near or core.math.hypot(x - points[3 * j - 2], y - points[3 * j - 1]) < 25 end
    until not near
    dots[k] = { "disc", x = x, y = y, radius = radius, colour = { k == 1 and 255 or 0, k == 2 and 255 or 0, k == 3 and 255 or 0 } }
    points[3 * k - 2], points[3 * k - 1], points[3 * k] = x, y, 2
    corners[2 * k - 1], corners[2 * k] = x, y
    local ring = {}
    for c = 0, 15 do
      ring[2 * c + 1], ring[2 * c + 2] = x + 2 * radius * core.math.cos(c * core.math.pi / 8), y + 2 * radius * core.math.sin(c * core.math.pi / 8)
    end
    shapes_[k] = { mask = core.shapes.polygon_mask(ring, w, h) }
  end
  local image
  for k = 1, 3 do -- one drawing each, so that dots do not hide one another
    local one = core.image.new(w, h, 3):draw { dots[k] }
    if radius == SMALL then one = one:run { { op = "gaussian", sigma = 1.2 } } end
    image = image and image + one or one
  end
  shapes_[4] = { keypoints = points }
  shapes_[5] = { polygon = { parts = { corners }, holes = {} } }
  return image, labels.shapes.new(w, h, shapes_)
end

--- Output pixels per source pixel at (x, y), along the two axes, and whether all of r around it stays in every frame on the way.
local function stretch(warp, x, y, r)
  local ax, ay, a = warp:place(x - r, y)
  local bx, by, b = warp:place(x + r, y)
  local cx, cy, c = warp:place(x, y - r)
  local dx, dy, d = warp:place(x, y + r)
  return core.math.hypot(bx - ax, by - ay) / (2 * r), core.math.hypot(dx - cx, dy - cy) / (2 * r), a and b and c and d
end

--- Centre of the light of channel k within `reach` of (x, y), of what is above `floor` times the brightest; and all its
-- light, in samples. nil when there is none.
local function light(image, k, x, y, reach, floor)
  local found, most, mass = {}, 0, 0
  for py = math.max(0, math.floor(y - reach)), math.min(image.height - 1, math.ceil(y + reach)) do
    for px = math.max(0, math.floor(x - reach)), math.min(image.width - 1, math.ceil(x + reach)) do
      local c = { image:pixel(px, py) }
      local v = math.max(0, c[k] - math.max(c[k % 3 + 1], c[(k + 1) % 3 + 1])) -- grey is no light
      found[#found + 1] = { v, px + 0.5, py + 0.5 }
      most, mass = math.max(most, v), mass + v
    end
  end
  local sum, sx, sy = 0, 0, 0
  for _, p in ipairs(found) do
    local v = math.max(0, p[1] - floor * most)
    sum, sx, sy = sum + v, sx + v * p[2], sy + v * p[3]
  end
  if sum > 0 then return sx / sum, sy / sum, mass / 255 end
end

local function centroid(mask)
  local bx, by, bw, bh = core.shapes.mask_box(mask)
  local n, sx, sy = 0, 0, 0
  for y = by, by + bh - 1 do for x = bx, bx + bw - 1 do
    if mask:pixel(x // 1, y // 1) > 0 then n, sx, sy = n + 1, sx + x + 0.5, sy + y + 0.5 end
  end end
  return sx / n, sy / n
end

local function is_affine(warp)
  for _, s in ipairs(warp:stages()) do if type(s) ~= "table" then return false end end
  return true
end

--- Distance to the nearest corner, or where sides are bent (a corner on a straight stretch goes) to the nearest side.
local function to_polygon(polygon, x, y, corners_only)
  local best = math.huge
  for _, ring in ipairs(polygon and polygon.parts or {}) do
    for k = 1, #ring, 2 do
      local ax, ay, bx, by = ring[k], ring[k + 1], ring[k + 2] or ring[1], ring[k + 3] or ring[2]
      local dx, dy = bx - ax, by - ay
      local u = corners_only and 0 or math.max(0, math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)))
      best = math.min(best, core.math.hypot(ax + u * dx - x, ay + u * dy - y))
    end
  end
  return best
end

--- Is the map plain within `reach` of an output point: not folded, no place enlarged much more than another?
local function is_plain(warp, x, y, reach)
  for j = -2, 2 do for i = -2, 2 do
    local px, py = x + i * reach / 2, y + j * reach / 2
    local x0, y0 = warp:source(px, py)
    local x1, y1 = warp:source(px + 0.5, py)
    local x2, y2 = warp:source(px, py + 0.5)
    if 4 * ((x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)) * (warp:mirrors() and -1 or 1) < 0.1 then return false end
  end end
  return true
end

local followed = 0

--- Compare every dot that is well inside the result. Returns how many were.
local function follow(w, h, list, rng, what)
  local warp = core.plan.new(list):warp(w, h)
  local affine = is_affine(warp)
  local radius = affine and LARGE or SMALL
  local image, label = scene(w, h, rng, radius)
  local moved = assert(labels.transport(label, list, image, nil, { on_lost = "keep" }))
  local out = image:run(list)
  t.eq({ moved.width, moved.height }, { out.width, out.height }, what)
  local polygon, whole = moved.shapes[5].polygon, (moved.shapes[5].visibility or 1) > 0.9999
  local source, points, seen = label.shapes[4].keypoints, moved.shapes[4].keypoints, 0
  t.eq(#points, 9, what)
  for k = 1, 3 do
    local x, y, v = points[3 * k - 2], points[3 * k - 1], points[3 * k]
    local kx, ky, smooth = stretch(warp, source[3 * k - 2], source[3 * k - 1], radius + 1.5)
    local reach = (radius + 1.5) * math.max(kx, ky) + 2
    local inside = v == 2 and x > reach and y > reach and x < out.width - reach and y < out.height - reach
    if inside and smooth and math.min(kx, ky) > 0.2 and math.max(kx, ky) < (affine and 5 or 2) and (affine or is_plain(warp, x, y, reach)) then
      local lx, ly, mass = light(out, k, x, y, reach, affine and 0 or 0.8)
      t.ok(lx, ("%s: dot %d is not near %g, %g"):format(what, k, x, y))
      local off = core.math.hypot(lx - x, ly - y)
      local limit = affine and 0.1 or 1
      t.ok(mass > (affine and 0.4 or 0.1) * math.pi * radius ^ 2 * kx * ky, ("%s: dot %d: light of %g px"):format(what, k, mass))
      t.ok(off < limit, ("%s: dot %d is %g px off its keypoint, stretch %g %g"):format(what, k, off, kx, ky))
      if whole then
        local far = to_polygon(polygon, lx, ly, affine)
        t.ok(far < limit, ("%s: dot %d is %g px off its corner"):format(what, k, far))
      end
      local mask = moved.shapes[k].mask
      if mask and (moved.shapes[k].visibility or 1) > 0.9999 and math.min(kx, ky) > 0.35 then
        local mx, my = centroid(mask)
        -- a bent disc is compared with the picture of itself, its middle being elsewhere than the dot
        if not affine then lx, ly = centroid((label.shapes[k].mask * 255):run(list):lut(function(c) return c > 127 and 1 or 0 end)) end
        local miss = core.math.hypot(mx - lx, my - ly)
        t.ok(miss < 1, ("%s: dot %d is %g px off its mask, stretch %g %g"):format(what, k, miss, kx, ky))
      end
      seen = seen + 1
    end
  end
  followed = followed + seen
  return seen
end

local SIZES = { { 201, 143 }, { 128, 191 }, { 171, 171 } }

for _, row in ipairs(rows) do
  t.test(row.name .. ": dots land where their labels land", function()
    local rng, seen = core.rng(3, row.name, 0, 0), 0
    for n, size in ipairs(SIZES) do
      for _, i in ipairs(row.signed and { 0.3, 0.6, -0.3, -0.6 } or { 0.3, 0.6, 0.8 }) do
        local image = { width = size[1], height = size[2], channels = 3 }
        local list = augment.compose({ { row.name, i } }, image, 1, "landmark", n)
        seen = seen + follow(size[1], size[2], list, rng, ("%s at %g on %d x %d"):format(row.name, i, size[1], size[2]))
      end
    end
    t.ok(seen >= 6, "only " .. seen .. " dots stayed well inside")
  end)
end

t.test("resize, crop and pad to any size", function()
  local rng = core.rng(4, "sizes", 0, 0)
  for _, step in ipairs { { op = "resize", w = 61, h = 41 }, { op = "resize", w = 301, h = 77 }, { op = "resize", w = 60, h = 160, interp = "cubic" },
    { op = "resize", w = 40, h = 28, interp = "area" }, { op = "crop", x = 10.25, y = 3.5, w = 90.5, h = 70 }, { op = "pad", left = 5, bottom = 9 } } do
    for _ = 1, 4 do follow(121, 83, { step }, rng, core.json.encode(step)) end
  end
end)

t.test("200 random compositions", function()
  local rng, seen = core.rng(5, "compositions", 0, 0), 0
  for n = 1, 200 do
    local w, h, given, names = rng:integer(81, 200), rng:integer(81, 200), {}, {}
    for k = 1, rng:integer(2, 4) do
      local row = rng:choice(rows)
      local i = rng:uniform(0.05, 0.55) * (row.signed and rng:choice { 1, -1 } or 1)
      given[k], names[k] = { row.name, i }, ("%s %.2f"):format(row.name, i)
    end
    local list = augment.compose(given, { width = w, height = h, channels = 3 }, 1, "composition", n)
    seen = seen + follow(w, h, list, rng, ("%d: %s on %d x %d"):format(n, table.concat(names, ", "), w, h))
  end
  t.ok(seen > 200, "only " .. seen .. " dots stayed well inside")
end)

--- A label with everything, for w x h.
local function everything(w, h, rng)
  local points = {}
  for k = 1, 5 do points[3 * k - 2], points[3 * k - 1], points[3 * k] = rng:uniform() * w, rng:uniform() * h, rng:integer(1, 2) end
  local x, y, bw, bh = rng:uniform() * w * 0.7, rng:uniform() * h * 0.7, rng:uniform(0.05, 0.3) * w, rng:uniform(0.05, 0.3) * h
  local ring = labels.shapes.box_outline { x, y, bw, bh }
  return labels.shapes.new(w, h, {
    { box = { x, y, bw, bh }, polygon = { parts = { ring }, holes = {} }, keypoints = points },
    { mask = core.image.new(w, h, 1, "u8", 1) }, { obb = { x + bw / 2, y + bh / 2, bw, bh, 30 } }, { quad = ring }, { polyline = ring },
    { keypoints = points },
  })
end

t.test("the number of keypoints never changes: 50 draws of every row, at the ends of its range too", function()
  for _, row in ipairs(rows) do
    local rng = core.rng(6, row.name, 0, 0)
    for draw = 1, 50 do
      local i = (draw % 10 == 0 and 1 or rng:uniform()) * (row.signed and rng:choice { 1, -1 } or 1)
      local w, h = rng:integer(2, 60), rng:integer(2, 60)
      local label = everything(w, h, rng)
      local list = augment.compose({ { row.name, i } }, { width = w, height = h, channels = 3 }, 1, "count", draw)
      local out = assert(labels.transport(label, list, { width = w, height = h }, nil, { on_lost = "keep" }))
      t.eq(#out.shapes, #label.shapes)
      t.eq(#out.shapes[1].keypoints, 15)
      t.eq(#out.shapes[6].keypoints, 15)
      for _, p in ipairs(out.shapes) do
        t.ok(p.visibility == nil or (p.visibility >= 0 and p.visibility <= 1), row.name)
        local b = p.box
        t.ok(not b or (b[1] >= -1e-9 and b[2] >= -1e-9 and b[1] + b[3] <= out.width + 1e-9 and b[2] + b[4] <= out.height + 1e-9), row.name .. ": box in the frame")
      end
    end
  end
end)

t.test("pictures of one pixel, one row, one column", function()
  local rng = core.rng(7, "tiny", 0, 0)
  for _, row in ipairs(rows) do
    for _, size in ipairs { { 1, 1 }, { 1, 7 }, { 7, 1 }, { 2, 3 } } do
      for _, i in ipairs(row.signed and { 0.4, 1, -0.4, -1 } or { 0.4, 1 }) do
        local image = core.image.new(size[1], size[2], 3, "u8", 90)
        local list = augment.compose({ { row.name, i } }, image, 1, "tiny", 0)
        local out, label = image:run(list), everything(size[1], size[2], rng)
        local moved = assert(labels.transport(label, list, image, out, { on_lost = "keep" }))
        t.eq({ moved.width, moved.height }, { out.width, out.height }, row.name)
      end
    end
  end
end)

t.test("a crop that is safe for boxes loses none", function()
  local rng = core.rng(8, "safe", 0, 0)
  for draw = 1, 60 do
    local w, h, objects = rng:integer(20, 200), rng:integer(20, 200), {}
    for k = 1, rng:integer(1, 4) do
      objects[k] = { class = "a", box = { rng:uniform() * w * 0.6, rng:uniform() * h * 0.6, rng:uniform(0.02, 0.4) * w, rng:uniform(0.02, 0.4) * h } }
    end
    local label, image = labels.shapes.new(w, h, objects), { width = w, height = h, channels = 3 }
    local given = { { "HorizontalFlip", 1 }, { "BBoxSafeCrop", rng:uniform(0.1, 1) } }
    local list = augment.compose(given, image, 1, "safe", draw, label)
    local out = assert(labels.transport(label, list, image, nil, { min_visibility = 0.99999 }))
    t.eq(#out.shapes, #objects, "draw " .. draw)
  end
end)

t.done()
