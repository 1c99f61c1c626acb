--- A quick look at one picture: what it is, what some effects do to it, and where they move a point.
--
--   brink examples/01_look.lua [FOLDER]         the sheet goes to FOLDER/look.png (build/examples)
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local sheet = require "brink.sheet"
local draw = require "draw"

local out = arg[1] or "build/examples"
local image = assert(brink.image.load(draw.write("rocker", out) .. "/on/001.png"))

local stats = image:stats()
print(("%d x %d, %d channels of %s, mean brightness %.0f"):format(image.width, image.height, image.channels, image.type, stats.luma_mean))

-- Effects by intensity: 0 changes nothing, 1 is more than anyone would want.
local tiles = { { image = image, caption = "as it is" } }
for _, effects in ipairs { { GaussianBlur = 0.4 }, { Rotate = 0.3 }, { Hue = 0.5, Darken = 0.5 }, { ElasticTransform = 0.6 } } do
  local changed, applied = image:apply(effects)
  local names = {}
  for k, a in ipairs(applied) do names[k] = ("%s %.1f"):format(a.name, a.i) end
  tiles[#tiles + 1] = { image = changed, caption = names }
end

-- An effect of the moment: 256 calls of a function, not one per pixel.
tiles[#tiles + 1] = { image = image:lut(function(v) return 255 - v end), caption = "negative" }

local ok, message = sheet.make(tiles, { columns = 3, tile = 200 }):save(out .. "/look.png")
if not ok then error(message, 0) end
print(out .. "/look.png")

-- Geometry is known, not guessed: where is the middle of the left edge after a turn?
local plan = brink.core.plan.new(brink.augment.plan("Rotate", 0.3, brink.augment.context(image)))
print(("the point 0, %g went to %.1f, %.1f"):format(image.height / 2, plan:warp(image.width, image.height):point(0, image.height / 2)))
