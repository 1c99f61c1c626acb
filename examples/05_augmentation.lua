--- An effect of your own: shadows of a blind across the picture.
--
-- The row is the whole declaration. From it follow the axis, the checks, `brink list`, completion, search, synthesis
-- and the report. Sizes are relative, so that it means the same on every picture; draws come from ctx.rng, so that the
-- same key gives the same shadows.
--
--   brink examples/05_augmentation.lua [FOLDER]
--
-- In a file of its own (recipes/fog.lua is one) it serves every command: brink show Fog photo.jpg --recipe recipes/fog.lua
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local prim = brink.prim

brink.augmentation {
  name = "Blinds", family = "light", doc = "Sun through a blind: dark stripes across the picture.", weight = 0.5,
  params = {
    depth = { unit = "of the light", off = 0, full = 0.9, lo = 0, hi = 1 },
    slats = { unit = "per picture", value = 9, lo = 2, hi = 60 },
  },
  plan = function(p, ctx)
    local unit = ctx.height / p.slats
    return { prim.stripes { unit = unit, ratio = 0.5, y = ctx.rng:uniform(0, unit), angle = 90 + ctx.rng:uniform(-15, 15), opacity = p.depth } }
  end,
}

local draw = require "draw"
local out = arg[1] or "build/examples"
local data = brink.dataset(draw.write("rocker", out), { labels = "folder" })
local aug = brink.augmenter { augmentations = { "Blinds", "Darken" } }
print(assert(aug:search(data, { step = 0.1, samples = 24 })):summary())

assert(data[1]:image():apply({ Blinds = 0.6 }):save(out .. "/blinds.png"))
print(out .. "/blinds.png")
