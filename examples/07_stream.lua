--- Synthesis without end: new labelled pictures one by one, inside the boundaries a search found.
--
-- The loop may stop whenever it likes; pictures ahead of it are made on all cores meanwhile. Picture n is the same
-- whatever the number of threads. With a folder instead of a loop: aug:synthesize, and every line of its manifest
-- rebuilds its picture to the byte (`brink replay`).
--
--   brink examples/07_stream.lua [FOLDER]
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local draw = require "draw"
local sheet = require "brink.sheet"
package.path = (arg[0]:match "^.*/" or "./") .. "../recipes/?.lua;" .. package.path
local outline = require "outline"

local out = arg[1] or "build/examples"
local data = brink.dataset(draw.write("shapes", out), { labels = "folder" })
local aug = brink.augmenter { predict = outline.predict, augmentations = { "Rotate", "Hue", "GaussianBlur", "Darken", "CenterCrop", "EraseBox" } }
assert(aug:search(data, { step = 0.1, samples = 40 }))
aug:set_realism("EraseBox", 0.8):set_weight("Hue", 2)

local tiles = {}
for sample in aug:stream(data, { realism = 0.3, min_augmentations = 2, max_augmentations = 3 }) do
  local names = { sample.label }
  for _, a in ipairs(sample.augmentations) do names[#names + 1] = ("%s %.2f"):format(a.name, a.i) end
  tiles[#tiles + 1] = { image = sample.image, caption = names }
  if #tiles == 18 then break end
end
local ok, message = sheet.make(tiles, { columns = 6, tile = 150 }):save(out .. "/stream.png")
if not ok then error(message, 0) end
print(out .. "/stream.png")
