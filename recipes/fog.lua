--- An effect for every command: fog.
--
--   brink recipes/fog.lua PHOTO [SHEET]                     what it looks like; SHEET: "fog.png"
--   brink list Fog --recipe recipes/fog.lua
--   brink show Fog photo.jpg --recipe recipes/fog.lua
--   brink search photos/ --recipe recipes/fog.lua --augment Fog,GaussianBlur
--
-- What is far away takes on the colour of the air: every colour moves towards a light grey, and scattered light softens
-- the rest. Without depth the whole picture stands at one distance (Koschmieder 1924).
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local prim = brink.prim

local fog = brink.augmentation {
  name = "Fog", family = "weather", aliases = { "Mist" }, conflicts = { "Decontrast" },
  doc = "Fog: every colour moves towards the colour of the air, edges soften.",
  params = {
    density = { unit = "of the light", off = 0, full = 0.95, lo = 0, hi = 1 },
    softness = { unit = "of short side", off = 0, full = 0.012, lo = 0, hi = 0.1 },
    air = { unit = "of full scale", value = 0.85, lo = 0, hi = 1 },
  },
  plan = function(p, ctx)
    return { prim.gaussian(p.softness * ctx.short_side), prim.gain_offset { gain = 1 - p.density, offset = p.air * p.density } }
  end,
}

if arg and arg[0]:match "fog%.lua$" then -- run by itself, not named by --recipe
  local sheet, tiles = arg[2] or "fog.png", {}
  local photo = assert(brink.image.load(arg[1] or error("which photo? (brink recipes/fog.lua PHOTO [SHEET])", 0)))
  for k = 0, 5 do tiles[k + 1] = { image = k == 0 and photo or photo:apply { Fog = k / 5 }, caption = ("%s %g"):format(fog.name, k / 5) } end
  assert(require("brink.sheet").make(tiles, { columns = 3 }):save(sheet))
  print(sheet)
end
