--- Labels that move with the pixels: boxes, outlines and points through everything that bends the picture.
--
-- A label in canonical form (lua/brink/labels/shapes.lua) needs nothing else; the rules say what happens to objects of which
-- too little is left.
--
--   brink examples/08_boxes.lua [FOLDER]        the sheet goes to FOLDER/boxes.png
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local draw = require "draw"
local labels = require "brink.labels"
local sheet = require "brink.sheet"

local out = arg[1] or "build/examples"

local samples = {}
for n = 1, 15 do
  local image, name, box, outline = draw.shape(n, 1)
  local object = { class = name, box = box, polygon = { parts = { outline } }, keypoints = { box[1] + box[3] / 2, box[2] + box[4] / 2, 2 } }
  samples[n] = { image = image, name = ("shape %d"):format(n), label = { kind = "shapes", width = image.width, height = image.height, shapes = { object } } }
end

local aug = brink.augmenter { augmentations = { "Rotate", "Perspective", "ElasticTransform", "RandomSizedCrop" } }
local tiles = {}
for s in aug:stream(samples, { realism = -1, min_augmentations = 1, max_augmentations = 2, rules = { min_visibility = 0.3, on_lost = "reject" } }) do
  local object = s.label.shapes[1]
  print(("%-9s %3.0f %% left, box %.1f %.1f %.1f %.1f"):format(object.class, (object.visibility or 1) * 100, table.unpack(object.box)))
  local names = {}
  for k, a in ipairs(s.augmentations) do names[k] = ("%s %.2f"):format(a.name, a.i) end
  tiles[#tiles + 1] = { image = labels.draw(s.image, s.label), caption = names }
  if #tiles == 12 then break end
end
assert(brink.core.file.mkdirs(out))
assert(sheet.make(tiles, { columns = 6, tile = 170 }):save(out .. "/boxes.png"))
print(out .. "/boxes.png")
