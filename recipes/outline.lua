--- A model in plain Lua: names the shape in a picture by the waves of its outline.
--
--   brink search build/examples/shapes --recipe recipes/outline.lua      where does it fail?
--   brink recipes/outline.lua PICTURE ...                                its answers
--
-- The ground is what the frame's edge looks like; what differs from it is the shape. Its radius seen from the middle goes
-- up and down three times on a triangle, four times on a square or a cross, five times on a star. No training, no files: a
-- model is any function from a picture to an answer.
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local math2 = brink.core.math

local SIDE, STEPS = 48, 60 -- pixels of the small picture; directions

--- The middle of the picture, small and without its grain.
local function thumbnail(image)
  local short = math.min(image.width, image.height)
  local small = image:crop((image.width - short) // 2, (image.height - short) // 2, short, short):resize(SIDE, SIDE, { interp = "area" })
  return small:run { { op = "median", radius = 1 } }:convert { type = "u8", channels = 3, alpha = false }:bytes()
end

--- How far each pixel of the small picture is from the ground, a list of SIDE * SIDE numbers, and the largest.
local function contrast(bytes)
  local ground, rim = { 0, 0, 0 }, 0
  for y = 0, SIDE - 1 do
    for x = 0, SIDE - 1, (y == 0 or y == SIDE - 1) and 1 or SIDE - 1 do
      for c = 1, 3 do ground[c] = ground[c] + bytes:byte((y * SIDE + x) * 3 + c) end
      rim = rim + 1
    end
  end
  local out, most = {}, 0
  for k = 1, SIDE * SIDE do
    local r, g, b = bytes:byte(k * 3 - 2, k * 3)
    out[k] = math.abs(r - ground[1] / rim) + math.abs(g - ground[2] / rim) + math.abs(b - ground[3] / rim)
    most = math.max(most, out[k])
  end
  return out, most
end

--- Radius of the outline in STEPS directions, its mean 1; nil when nothing stands out.
local function outline(image)
  local far, most = contrast(thumbnail(image))
  local n, sx, sy = 0, 0, 0
  for k, d in ipairs(far) do
    if d > most / 2 then n, sx, sy = n + 1, sx + (k - 1) % SIDE + 0.5, sy + (k - 1) // SIDE + 0.5 end
  end
  if n < 20 then return nil end
  local radius, sum = {}, 0
  for k = 1, STEPS do
    local dx, dy, r = math2.cos(2 * math2.pi * k / STEPS), math2.sin(2 * math2.pi * k / STEPS), 0
    repeat
      r = r + 0.25
      local x, y = math.floor(sx / n + r * dx), math.floor(sy / n + r * dy)
    until x < 0 or y < 0 or x >= SIDE or y >= SIDE or far[y * SIDE + x + 1] <= most / 2
    radius[k], sum = r, sum + r
  end
  for k = 1, STEPS do radius[k] = radius[k] * STEPS / sum end
  return radius
end

--- How strongly the outline goes up and down `times` times around.
local function wave(radius, times)
  local c, s = 0, 0
  for k, r in ipairs(radius) do
    local a = 2 * math2.pi * times * k / STEPS
    c, s = c + r * math2.cos(a), s + r * math2.sin(a)
  end
  return math2.hypot(c, s) / STEPS
end

local function predict(image)
  local radius = outline(image)
  if not radius then return "nothing" end
  local three, four, five = wave(radius, 3), wave(radius, 4), wave(radius, 5)
  if math.max(three, four, five) < 0.035 then return "circle" end
  if three > four and three > five then return "triangle" end
  if five > four then return "star" end
  return four < 0.095 and "square" or "cross"
end

if arg and arg[0]:match "outline%.lua$" then -- run by itself, not loaded by another script
  if not arg[1] then error("which pictures? (brink recipes/outline.lua PICTURE ...)", 0) end
  for _, path in ipairs(arg) do print(path, predict(assert(brink.image.load(path)))) end
end

return { predict = predict, labels = "folder" }
