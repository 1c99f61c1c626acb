--- Pictures the model gets wrong though a person would not: training data for the next one.
--
--   brink recipes/harder.lua [OUT]                                            OUT: "build/harder"
--   brink synth build/examples/shapes --recipe recipes/harder.lua --count 50 -o build/examples/harder
--
-- Several effects at once: each alone does little, together they do. Kept is what the model fails on
-- (min_predicted_diff_error) and what is still a picture to a person (readable, and accept below).
-- SPDX-License-Identifier: MIT
local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
package.path = here .. "?.lua;" .. here .. "../examples/?.lua;" .. package.path
local brink = require "brink"
local outline = require "outline"

local recipe = {
  predict = outline.predict,
  labels = "folder",
  augmentations = { "Rotate", "Perspective", "Brightness", "Hue", "GaussianBlur", "GaussianNoise", "ElasticTransform", "JPEG" },
  synth = {
    realism = -0.3, min_augmentations = 3, max_augmentations = 5, min_predicted_diff_error = 0.5, readable = true,
    accept = function(image)
      if image:stats().luma_dev < 12 then return false, "hardly anything to see" end
      return true
    end,
  },
}

if arg and arg[0]:match "harder%.lua$" then -- run by itself, not named by --recipe
  local out = arg[1] or "build/harder"
  local aug = brink.augmenter { predict = recipe.predict, labels = recipe.labels, augmentations = recipe.augmentations }
  local opts = { count = 12, total = true, output = out .. "/pictures" }
  for name, value in pairs(recipe.synth) do opts[name] = value end
  print(assert(aug:synthesize(require "draw".write("shapes", out), opts)):text() .. out .. "/pictures/preview.html")
end

return recipe
