--- The example data, drawn by the engine: rocker switches that are on or off, five shapes, scenes of several shapes with
-- boxes and outlines, shapes scattered about, and dots to be counted.
--
--   brink examples/draw.lua [FOLDER [SEED]]      writes FOLDER/rocker/{on,off}, FOLDER/shapes/CLASS and, as COCO, FOLDER/scenes
--
-- As a module: draw.rocker(n, seed), draw.shape, draw.scene, draw.scatter and draw.dots give picture n of a
-- set, so that data without end need no folder. What varies (view, light, colours,
-- material, wear) is drawn from the key of seed and number: the same picture on
-- every machine. Positions are fractions of the picture until they are drawn.
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local core = brink.core
local math2 = core.math -- the same digits on every machine
local image = brink.image

local M = {}

M.shapes = { "circle", "square", "triangle", "star", "cross" }

local function shade(colour, by)
  local out = {}
  for k = 1, 3 do out[k] = math.max(0, math.min(255, colour[k] * by)) end
  return out
end

local function polygon(points, colour, opacity) return { "polygon", points = points, colour = colour, opacity = opacity } end

--- Points of a regular outline: radius(k) for k = 0 .. n-1, turned by `angle` (radians).
local function ring(cx, cy, n, angle, radius)
  local points = {}
  for k = 0, n - 1 do
    local a, r = angle + 2 * math2.pi * k / n, radius(k)
    points[#points + 1], points[#points + 2] = cx + r * math2.cos(a), cy + r * math2.sin(a)
  end
  return points
end

local function rounded(cx, cy, a, b, r)
  local points = {}
  for corner, at in ipairs { { 1, 1 }, { -1, 1 }, { -1, -1 }, { 1, -1 } } do
    for k = 0, 6 do
      local angle = (corner - 1 + k / 6) * math2.pi / 2
      points[#points + 1] = cx + at[1] * (a - r) + r * math2.cos(angle)
      points[#points + 1] = cy + at[2] * (b - r) + r * math2.sin(angle)
    end
  end
  return points
end

local function canvas(w, h, colour) return image.new(w, h, 3):draw { { "box", x = 0, y = 0, w = w, h = h, colour = colour } } end

--- Soft blotches about `size` pixels wide, `depth` of full scale deep, on any picture.
local function clouds(im, rng, size, depth)
  local w, h = math.max(2, im.width // size), math.max(2, im.height // size)
  local spots = image.new(w, h, 1, "u8", 128):run { { op = "gaussian_noise", std = depth, key = rng:key() } }
  spots = spots:resize(im.width, im.height, { interp = "cubic" })
  return (im * spots):run { { op = "gain_offset", gain = 2 } }
end

local materials = {
  function(w, h, colour, rng) return clouds(clouds(canvas(w, h, colour), rng, 40, 0.08), rng, 3, 0.05) end, -- plaster
  function(w, h, colour, rng)                                                                                -- brushed metal
    return canvas(w, h, colour):run { { op = "gaussian_noise", std = 0.2, per_channel = false, key = rng:key() },
      { op = "motion", length = w / 4, angle = rng:choice { 0, 90 } + rng:uniform(-4, 4) } }
  end,
  function(w, h, colour, rng)                                                                                -- wood
    local grain, x = {}, 0
    while x < w do
      grain[#grain + 1] = { "line", points = { x, 0, x + rng:normal(0, 3), h }, width = rng:uniform(1, 4), colour = shade(colour, 0.72), opacity = rng:uniform(0.2, 0.7) }
      x = x + rng:uniform(3, 14)
    end
    return clouds(canvas(w, h, colour):draw(grain):run { { op = "elastic", amplitude = 7, sigma = 24, key = rng:key() } }, rng, 24, 0.05)
  end,
  function(w, h, colour, rng)                                                                                -- tiles
    local joints, step = {}, rng:uniform(26, 60)
    local ox, oy = rng:uniform(0, step), rng:uniform(0, step)
    for x = ox, w, step do joints[#joints + 1] = { "line", points = { x, 0, x, h }, width = 2.5, colour = shade(colour, 0.7) } end
    for y = oy, h, step do joints[#joints + 1] = { "line", points = { 0, y, w, y }, width = 2.5, colour = shade(colour, 0.7) } end
    return clouds(canvas(w, h, colour):draw(joints), rng, 20, 0.06)
  end,
}

--- A wall, desk or panel behind the subject.
local function background(w, h, colour, rng) return (rng:choice(materials))(w, h, colour, rng) end

--- A dark blur where the outline keeps the light off.
local function shadow(im, points, dx, dy, softness, depth)
  local moved = {}
  for k = 1, #points, 2 do moved[k], moved[k + 1] = points[k] + dx, points[k + 1] + dy end
  local mask = image.new(im.width, im.height, 1):draw { polygon(moved, { 255, 255, 255 }, depth) }:run { { op = "gaussian", sigma = softness } }
  return im:blend(image.new(im.width, im.height, 3), mask)
end

--- Uneven light from a 3 x 3 grid, then the camera: view, exposure, tint, noise.
local function photograph(im, rng, view)
  local grid = {}
  local gx, gy = rng:uniform(-0.22, 0.22), rng:uniform(-0.16, 0.08)
  for y = -1, 1 do for x = -1, 1 do grid[#grid + 1] = string.char(math.floor(170 * (1 + gx * x + gy * y) + rng:uniform(-8, 8))) end end
  im = im * image.from_bytes(3, 3, 1, "u8", table.concat(grid)):resize(im.width, im.height, { interp = "cubic" })
  local corners = {}
  for k = 1, 8 do corners[k] = rng:uniform(-view, view) end
  return im:run {
    { op = "perspective", corners = corners, interp = "cubic", border = "reflect" },
    { op = "gain_offset", gain = 255 / 170 * rng:uniform(0.8, 1.15) },
    { op = "temperature", kelvin = rng:uniform(4800, 8000) },
    { op = "gaussian", sigma = rng:uniform(0.3, 0.8) },
    { op = "gaussian_noise", std = rng:uniform(0.004, 0.02), key = rng:key() },
  }
end

local WALLS = { { 196, 190, 178 }, { 150, 158, 166 }, { 168, 122, 78 }, { 120, 140, 128 }, { 205, 198, 200 }, { 92, 98, 110 }, { 178, 150, 130 } }
local PADDLES = { { 58, 58, 62 }, { 222, 220, 214 }, { 186, 46, 40 }, { 60, 128, 76 }, { 196, 142, 48 }, { 70, 96, 156 } }

--- The paddle's three faces. Light comes from above: what faces up is bright, what faces down is dark.
local function paddle(cx, cy, a, b, colour, on)
  local s = on and 1 or -1 -- the pressed end is the upper one when on
  local function face(y1, w1, y2, w2, by) return polygon({ cx - w1, cy + s * y1, cx + w1, cy + s * y1, cx + w2, cy + s * y2, cx - w2, cy + s * y2 }, shade(colour, by)) end
  return {
    face(-b * 0.92, a * 0.9, 0, a * 0.97, on and 1.02 or 0.56), -- pressed in
    face(0, a * 0.97, b * 0.8, a, 0.97),                        -- standing out
    face(b * 0.8, a, b * 0.97, a * 0.97, on and 0.45 or 1.4),   -- its end
    { "line", points = { cx - a * 0.97, cy, cx + a * 0.97, cy }, width = 1.2, colour = shade(colour, 0.5), opacity = 0.7 },
  }
end

-- I above, O below, a lamp beside it on some; the lamp burns when the switch is on.
local function marks(cx, cy, a, b, rng, on, ink)
  local list = {
    { "line", points = { cx, cy - b * 0.58, cx, cy - b * 0.34 }, width = a * 0.1, colour = ink },
    { "line", points = ring(cx, cy + b * 0.46, 20, 0, function() return a * 0.2 end), closed = true, width = a * 0.09, colour = ink },
  }
  if rng:uniform() < 0.35 then
    local glow = on and { 255, 96, 64 } or { 92, 34, 30 }
    list[#list + 1] = { "disc", x = cx, y = cy - b * 1.42, radius = a * 0.17, colour = { 30, 30, 30 } }
    list[#list + 1] = { "disc", x = cx, y = cy - b * 1.42, radius = a * 0.12, colour = glow }
  end
  return list
end

local function scratches(cx, cy, a, b, rng)
  local list = {}
  for k = 1, rng:integer(0, 9) do
    local x, y = cx + rng:uniform(-a, a), cy + rng:uniform(-b, b)
    list[k] = { "line", points = { x, y, x + rng:normal(0, a * 0.3), y + rng:normal(0, a * 0.3) }, width = rng:uniform(0.5, 1.2),
      colour = rng:choice { { 240, 240, 235 }, { 25, 25, 25 } }, opacity = rng:uniform(0.15, 0.5) }
  end
  return list
end

--- Picture n of the switches: odd numbers are on. Returns the picture, its label and the outline of the housing's box { x, y, w, h }
-- before the camera turns it.
function M.rocker(n, seed)
  local rng = core.rng(seed or 1, "rocker", n)
  local on = M.sets[1].label(n) == "on"
  local w, h = rng:integer(176, 224), rng:integer(224, 272)
  local a = w * rng:uniform(0.17, 0.24)
  local b = a * rng:uniform(1.45, 1.7)
  local cx, cy = w * rng:uniform(0.44, 0.56), h * rng:uniform(0.47, 0.56)
  local colour = rng:choice(PADDLES)
  local housing = shade(rng:choice { { 40, 40, 44 }, { 214, 212, 206 }, { 120, 122, 126 } }, rng:uniform(0.85, 1.1))
  local im = background(w, h, shade(rng:choice(WALLS), rng:uniform(0.75, 1.1)), rng)
  local frame = rounded(cx, cy, a * 1.32, b * 1.22, a * 0.16)
  im = shadow(im, frame, rng:uniform(-4, 4), rng:uniform(3, 8), 4, 0.6)
  local ink = colour[1] + colour[2] + colour[3] > 420 and { 30, 30, 30 } or { 240, 240, 236 }
  local list = { polygon(frame, housing), { "line", points = frame, closed = true, width = 1.2, colour = shade(housing, 1.5), opacity = 0.6 },
    polygon(rounded(cx, cy, a * 1.07, b * 1.03, a * 0.06), { 14, 14, 15 }) }
  for _, part in ipairs { paddle(cx, cy, a, b, colour, on), marks(cx, cy, a, b, rng, on, ink), scratches(cx, cy, a * 1.2, b * 1.15, rng) } do
    table.move(part, 1, #part, #list + 1, list)
  end
  im = clouds(im:draw(list), rng, 9, rng:uniform(0.01, 0.04))
  return photograph(im, rng, 0.07), on and "on" or "off", { x = cx - a * 1.32, y = cy - b * 1.22, w = a * 2.64, h = b * 2.44 }
end

--- Outlines by class, of "radius" r about cx, cy.
local outlines = {
  circle = function(cx, cy, r, angle) return ring(cx, cy, 72, angle, function() return r * 0.86 end) end,
  square = function(cx, cy, r, angle) return ring(cx, cy, 4, angle, function() return r * 1.05 end) end,
  triangle = function(cx, cy, r, angle) return ring(cx, cy, 3, angle, function() return r * 1.1 end) end,
  star = function(cx, cy, r, angle) return ring(cx, cy, 10, angle, function(k) return k % 2 == 0 and r * 1.1 or r * 0.47 end) end,
  cross = function(cx, cy, r, angle)
    local points, arm, bar = {}, r, r * 0.36
    for k = 0, 3 do
      local c, s = math2.cos(angle + k * math2.pi / 2), math2.sin(angle + k * math2.pi / 2)
      for _, p in ipairs { { arm, -bar }, { arm, bar }, { bar, bar } } do
        points[#points + 1], points[#points + 2] = cx + c * p[1] - s * p[2], cy + s * p[1] + c * p[2]
      end
    end
    return points
  end,
}

local function box_of(points)
  local x0, y0, x1, y1 = math.huge, math.huge, -math.huge, -math.huge
  for k = 1, #points, 2 do
    x0, x1, y0, y1 = math.min(x0, points[k]), math.max(x1, points[k]), math.min(y0, points[k + 1]), math.max(y1, points[k + 1])
  end
  return { x0, y0, x1 - x0, y1 - y0 }
end

--- Picture n of the shapes: classes take turns. Returns the picture, its label, its box { x, y, w, h } and its outline { x, y, ... }.
function M.shape(n, seed)
  local rng = core.rng(seed or 1, "shape", n)
  local name = M.sets[2].label(n)
  local w, h = rng:integer(160, 208), rng:integer(160, 208)
  local ground = shade(rng:choice(WALLS), rng:uniform(0.5, 1.15))
  local dark = (ground[1] + ground[2] + ground[3]) / 3 < 128
  local colour = {}
  for k = 1, 3 do colour[k] = dark and rng:uniform(150, 255) or rng:uniform(0, 90) end
  colour[rng:integer(1, 3)] = dark and 250 or 10
  local r = math.min(w, h) * rng:uniform(0.24, 0.36)
  local points = outlines[name](w * rng:uniform(0.42, 0.58), h * rng:uniform(0.42, 0.58), r, rng:uniform(0, 2 * math2.pi))
  local im = background(w, h, ground, rng)
  im = shadow(im, points, rng:uniform(-3, 3), rng:uniform(1, 5), 3, 0.4)
  local list = { polygon(points, colour), { "line", points = points, closed = true, width = 1.5, colour = shade(colour, 0.8) } }
  table.move(scratches(w / 2, h / 2, w / 2, h / 2, rng), 1, 9, 3, list)
  return photograph(clouds(im:draw(list), rng, 7, 0.03), rng, 0), name, box_of(points), points
end

--- Picture n of the scenes: two to four shapes, none on another. Returns the picture and its label in canonical form
-- (lua/brink/labels/shapes.lua), with box and outline of each.
function M.scene(n, seed)
  local rng = core.rng(seed or 1, "scene", n)
  local w, h = rng:integer(220, 280), rng:integer(180, 220)
  local ground = shade(rng:choice(WALLS), rng:uniform(0.6, 0.8))
  local im = background(w, h, ground, rng)
  local list, objects = {}, {}
  local cells = rng:shuffle { { 0.25, 0.27 }, { 0.75, 0.27 }, { 0.25, 0.73 }, { 0.75, 0.73 } }
  for k = 1, rng:integer(2, 4) do
    local name, r = rng:choice(M.shapes), h * rng:uniform(0.12, 0.2)
    local points = outlines[name](w * cells[k][1] + rng:uniform(-6, 6), h * cells[k][2] + rng:uniform(-4, 4), r, rng:uniform(0, 2 * math2.pi))
    local light = rng:uniform() < 0.5
    list[k] = polygon(points, { rng:uniform(0, 70) + (light and 185 or 0), rng:uniform(0, 70) + (light and 185 or 0), rng:uniform(0, 70) + (light and 185 or 0) })
    objects[k] = { id = n * 10 + k, class = name, box = box_of(points), polygon = { parts = { points } } }
    im = shadow(im, points, 2, 3, 2.5, 0.4)
  end
  return photograph(clouds(im:draw(list), rng, 7, 0.03), rng, 0), { kind = "shapes", width = w, height = h, shapes = objects }
end

-- A ground, and a maker of colours that stand out from it.
local function contrasting(rng)
  local ground = shade(rng:choice(WALLS), rng:uniform(0.5, 1.15))
  local dark = (ground[1] + ground[2] + ground[3]) / 3 < 128
  return ground, function()
    local colour = {}
    for k = 1, 3 do colour[k] = dark and rng:uniform(150, 255) or rng:uniform(0, 90) end
    colour[rng:integer(1, 3)] = dark and 250 or 10
    return colour
  end
end

-- Up to `most` discs { x, y, r } inside w x h that keep `gap` from each other and from the frame; radius() gives each its size.
local function apart(rng, w, h, most, gap, radius)
  local list = {}
  for _ = 1, most do
    local r = radius()
    for _ = 1, 40 do
      local x, y, free = rng:uniform(r + gap, w - r - gap), rng:uniform(r + gap, h - r - gap), true
      for _, o in ipairs(list) do free = free and math2.hypot(o.x - x, o.y - y) >= o.r + r + gap end
      if free then
        list[#list + 1] = { x = x, y = y, r = r }
        break
      end
    end
  end
  return list
end

--- Picture n of one to five shapes anywhere, none on another. Returns the picture and its label: { kind = "shapes", width,
-- height, shapes = { { class, box = { x, y, w, h } }, ... } }.
function M.scatter(n, seed)
  local rng = core.rng(seed or 1, "scene", n)
  local w, h = rng:integer(192, 256), rng:integer(192, 256)
  local ground, colour = contrasting(rng)
  local im, list, label = background(w, h, ground, rng), {}, { kind = "shapes", width = w, height = h, shapes = {} }
  local reach = math.min(w, h) * 1.1
  for k, at in ipairs(apart(rng, w, h, rng:integer(1, 5), 4, function() return reach * rng:uniform(0.09, 0.17) end)) do
    local name, paint = rng:choice(M.shapes), colour()
    local points = outlines[name](at.x, at.y, at.r / 1.1, rng:uniform(0, 2 * math2.pi))
    im = shadow(im, points, rng:uniform(-3, 3), rng:uniform(1, 4), 3, 0.4)
    list[#list + 1] = polygon(points, paint)
    list[#list + 1] = { "line", points = points, closed = true, width = 1.5, colour = shade(paint, 0.8) }
    label.shapes[k] = { class = name, box = box_of(points) }
  end
  table.move(scratches(w / 2, h / 2, w / 2, h / 2, rng), 1, 9, #list + 1, list)
  return photograph(clouds(im:draw(list), rng, 7, 0.03), rng, 0), label
end

--- Picture n of the dots: 0 to 12 on a plain ground of 64 x 64 pixels. Returns the picture and their number.
function M.dots(n, seed)
  local rng = core.rng(seed or 1, "dots", n)
  local ground, colour = contrasting(rng)
  local places, list = apart(rng, 64, 64, rng:integer(0, 12), 2, function() return rng:uniform(2, 4) end), {}
  for k, at in ipairs(places) do list[k] = { "disc", x = at.x, y = at.y, radius = at.r, colour = colour() } end
  return photograph(clouds(canvas(64, 64, ground), rng, 12, 0.04):draw(list), rng, 0), #places
end

--- The first `count` pictures of a function (n, seed) -> picture, label in folder/001.png ... Pictures that are there stay.
-- Returns a list of { path, label } for brink.dataset.
function M.labelled(make, folder, seed, count)
  local numbers = {}
  for n = 1, count do numbers[n] = n end
  local list = brink.map(numbers, function(n)
    local path = ("%s/%03d.png"):format(folder, n)
    local picture, label = make(n, seed)
    if core.file.info(path).type == "missing" then
      assert(core.file.mkdirs(folder))
      assert(picture:save(path))
    end
    return { path = path, label = label }
  end)
  return list
end

--- The sets: name, picture n, its label, and the number of pictures by default.
M.sets = {
  { name = "rocker", make = M.rocker, label = function(n) return n % 2 == 1 and "on" or "off" end, count = 60 },
  { name = "shapes", make = M.shape, label = function(n) return M.shapes[(n - 1) % #M.shapes + 1] end, count = 120 },
}

local function try(value, message)
  if not value then error(message, 0) end
  return value
end

--- Draw `count` pictures of a set (entry or name of M.sets) into folder/NAME/LABEL/001.png. Pictures that are there stay.
-- Returns folder/NAME.
function M.write(set, folder, seed, count)
  for _, s in ipairs(M.sets) do if s.name == set then set = s end end
  local root = folder .. "/" .. set.name
  local numbers = {}
  for n = 1, count or set.count do numbers[n] = n end
  brink.map(numbers, function(n)
    local path = ("%s/%s/%03d.png"):format(root, set.label(n), n)
    if core.file.info(path).type ~= "missing" then return end
    try(core.file.mkdirs((path:match "^(.*)/")))
    try((set.make(n, seed)):save(path))
  end)
  return root
end

--- Draw `count` scenes as a COCO data set in folder/scenes. Pictures that are there stay. Returns folder/scenes.
function M.write_scenes(folder, seed, count)
  local root, numbers = folder .. "/scenes", {}
  local writer = try(brink.dataset.writer("coco", root, { classes = M.shapes }))
  for n = 1, count or 40 do numbers[n] = n end
  brink.each(numbers, function(n)
    local im, label = M.scene(n, seed)
    return { bytes = im:encode "png", label = label, width = im.width, height = im.height }
  end, { each = function(r, n) try(writer:add(("%03d.png"):format(n), r.bytes, r.label, { width = r.width, height = r.height })) end })
  try(writer:finish())
  return root
end

if arg and arg[0]:match "draw%.lua$" then
  local folder, seed = arg[1] or "build/examples", arg[2] or 1
  seed = math.tointeger(tonumber(seed)) or seed
  for _, set in ipairs(M.sets) do print(M.write(set, folder, seed)) end
  print(M.write_scenes(folder, seed))
end

return M
