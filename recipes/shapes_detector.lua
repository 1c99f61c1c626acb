--- A small detector in an ONNX file: boxes, mean average precision, and where they get lost.
--
--   brink recipes/shapes_detector.lua [OUT]                                   OUT: "build/shapes-detector"
--
-- examples/models/shapes_detector.onnx takes RGB in 0..1, squashed to 96 x 96, and gives `boxes` (corners in 0..1) and `scores`
-- (a column per class) for each cell of a 12 x 12 grid; overlapping answers are suppressed here. Labels and answers are of
-- one form, { kind = "shapes", ... }: boxes move with the pixels when an effect does. Error: 1 - mean IoU, where a box that
-- is missed or made up counts as 0.
-- SPDX-License-Identifier: MIT
local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
package.path = here .. "../examples/?.lua;" .. package.path
local brink = require "brink"
local draw = require "draw"
local labels = require "brink.labels"
local sheet = require "brink.sheet"

local models = here .. "../examples/models/"
local net = assert(brink.model {
  onnx = models .. "shapes_detector.onnx",
  input = { fit = "squash", scale = 1 / 255 },
  output = { "detect", format = "ssd", boxes = "boxes", scores = "scores", labels = models .. "classes.json", score = 0.4, overlap = 0.45 },
})

if arg and arg[0]:match "shapes_detector%.lua$" then -- run by itself, not named by --recipe
  local out = arg[1] or "build/shapes-detector"
  local data = brink.dataset(draw.labelled(draw.scatter, out .. "/pictures", 1, 40))
  local tiles = brink.map({ table.unpack(data, 1, 12) }, function(sample)
    local image = assert(sample:image())
    local found = assert(net:predict(image))
    return { image = labels.draw(image, found), caption = { ("%d of %d"):format(#found.shapes, #sample.label.shapes) } }
  end)
  assert(sheet.make(tiles, { columns = 6, tile = 170 }):save(out .. "/found.png"))
  print(out .. "/found.png")

  local aug = brink.augmenter { predict = net, diff_error = brink.diff.iou, augmentations = { "GaussianBlur", "GaussianNoise", "Darken", "Rotate", "Perspective", "EraseBox" }, seed = 1 }
  print(aug:evaluate(data, { metrics = "detection" }):text())
  local study = assert(aug:search(data, { step = 0.1, store = out .. "/analysis.db" }))
  print(study:summary())
  print(assert(study:report(out .. "/report")))
end

return { model = net, diff_error = brink.diff.iou }
