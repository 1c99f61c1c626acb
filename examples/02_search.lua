--- A search without a model: the recogniser built in looks which picture of the set it is looking at.
--
-- No labels, no training: every picture should be recognised as itself, however it was changed. Where it no longer is,
-- the effect has eaten what tells the pictures apart.
--
--   brink examples/02_search.lua [FOLDER]
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local draw = require "draw"

local out = arg[1] or "build/examples"
local data = brink.dataset(draw.write("rocker", out))
local aug = brink.augmenter { augmentations = { "GaussianBlur", "Brightness", "PixelDropout", "CenterCrop" } }

-- Everything measured is in the file: the same call again only reads it, and goes on after an interruption.
local study = assert(aug:search(data, { step = 0.1, samples = 24, store = out .. "/recogniser.db" }))
print(study:summary())

for _, b in ipairs(study:bounds "Brightness") do
  print(("Brightness %s: first losses at %.2f, broken at %.2f"):format(b.side, b.onset, b.break_))
end
print(assert(study:report(out .. "/recogniser")))
