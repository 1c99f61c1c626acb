--- Pictures the model gets wrong though a person would not: training data for the next one.
--
--   brink synth build/examples/shapes --recipe recipes/harder.lua --count 50 -o build/examples/harder
--
-- Mild effects, several at once: each alone is harmless, together they are not. Kept is what the model fails on
-- (min_predicted_diff_error) and what is still a picture to a person (readable, and accept below).
-- SPDX-License-Identifier: MIT
package.path = "recipes/?.lua;" .. package.path
local outline = require "outline"

return {
  predict = outline.predict,
  labels = "folder",
  augmentations = { "Rotate", "Perspective", "Brightness", "Hue", "GaussianBlur", "GaussianNoise", "ElasticTransform", "JPEG" },
  synth = {
    realism = 0.2, min_augmentations = 2, max_augmentations = 4, min_predicted_diff_error = 0.5, readable = true,
    accept = function(image)
      if image:stats().luma_dev < 12 then return false, "hardly anything to see" end
      return true
    end,
  },
}
