--- A net that answers with a number: how many dots are there? Where does its count go wrong, and which way?
--
--   brink recipes/dots_regression.lua [OUT]                                   OUT: "build/dots"
--
-- examples/models/dots.onnx takes RGB in 0..1, 64 x 64 pixels. The error of an answer is how far it is off, a dot being a third
-- and three dots or more the whole: brink.diff.absolute(3). The answer's sign is lost in it, so the last lines say whether
-- dots vanish or appear.
-- SPDX-License-Identifier: MIT
local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
package.path = here .. "../examples/?.lua;" .. package.path
local brink = require "brink"
local draw = require "draw"

local net = assert(brink.model {
  onnx = here .. "../examples/models/dots.onnx",
  input = { fit = "squash", scale = 1 / 255 },
  output = "regress",
})
local error_of = brink.diff.absolute(3)

if arg and arg[0]:match "dots_regression%.lua$" then -- run by itself, not named by --recipe
  local out, names = arg[1] or "build/dots", { "GaussianBlur", "GaussianNoise", "PixelDropout", "Downscale", "Darken", "Decontrast" }
  local data = brink.dataset(draw.labelled(draw.dots, out .. "/pictures", 1, 80))
  local aug = brink.augmenter { predict = net, diff_error = error_of, augmentations = names, seed = 1 }
  print(aug:evaluate(data, { metrics = "regression" }):text())
  local study = assert(aug:search(data, { step = 0.1, store = out .. "/analysis.db" }))
  print(study:summary())
  print(assert(study:report(out .. "/report")))
  for _, name in ipairs(names) do
    local off = 0
    for _, d in ipairs(brink.map(data, function(s) return net:predict(aug:apply(s:image(), { [name] = 0.5 }, s)) - s.label end)) do off = off + d end
    print(("%-14s at 0.5: %+.1f dots on average"):format(name, off / #data))
  end
end

return { model = net, diff_error = error_of }
