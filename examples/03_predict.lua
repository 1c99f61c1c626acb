--- A model is a function: picture in, answer out. Here: is the switch on?
--
-- Written as if for one picture; the search runs it for many at a time, without locks: whatever the engine does inside
-- (crop, stats, decode) happens on all cores.
--
--   brink examples/03_predict.lua [FOLDER]
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local draw = require "draw"

local out = arg[1] or "build/examples"

local function predict(image)
  local w, h = image.width, image.height
  local upper = image:crop(w * 0.34 // 1, h * 0.36 // 1, w // 3, h // 10):stats().luma_mean
  local lower = image:crop(w * 0.34 // 1, h * 0.57 // 1, w // 3, h // 10):stats().luma_mean
  return upper > 1.25 * lower and "off" or "on"
end

local data = brink.dataset(draw.write("rocker", out), { labels = "folder" })
local aug = brink.augmenter { predict = predict, augmentations = { "Rotate", "Brighten", "CenterCrop", "GaussianBlur" } }

print(aug:evaluate(data, { progress = false }):text()) -- on the untouched pictures first
print(assert(aug:search(data, { step = 0.1 })):summary())
