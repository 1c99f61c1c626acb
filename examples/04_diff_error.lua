--- How wrong is wrong? A diff_error of your own.
--
-- It gets label, prediction, sample and confidence and gives 0 (right) to 1 (as wrong as can be). Here mistaking a
-- square for a cross costs half: both have four arms. Missing the shape altogether costs all.
--
--   brink examples/04_diff_error.lua [FOLDER]
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local draw = require "draw"
package.path = (arg[0]:match "^.*/" or "./") .. "../recipes/?.lua;" .. package.path
local outline = require "outline"

local out = arg[1] or "build/examples"
local arms = { circle = 0, triangle = 3, square = 4, cross = 4, star = 5 }

local function diff_error(label, prediction)
  if label == prediction then return 0 end
  return arms[label] == arms[prediction] and 0.5 or 1
end

local data = brink.dataset(draw.write("shapes", out), { labels = "folder" })
local rows = { "CenterCrop", "GaussianBlur" }
for _, diff in ipairs { brink.diff.equal, diff_error } do
  local aug = brink.augmenter { predict = outline.predict, diff_error = diff, augmentations = rows }
  print(assert(aug:search(data, { step = 0.1, samples = 30 })):summary())
end

-- What is no number in 0..1 is refused, and the message says for which picture.
local broken = brink.augmenter { predict = outline.predict, diff_error = function() return 0 / 0 end }
print((select(2, pcall(broken.evaluate, broken, data, { progress = false })):match "[^\n]*"))
