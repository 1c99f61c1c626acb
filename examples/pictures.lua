--- The pictures of the README, made again.
--
--   brink examples/pictures.lua [FOLDER]        build/examples/pictures; the committed ones are in examples/pictures
--
-- page.jpg there is a card of rocker-report, one of the pages of `make demo`, as a browser shows it.
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local draw = require "draw"
local sheet = require "brink.sheet"
package.path = (arg[0]:match "^.*/" or "./") .. "../recipes/?.lua;" .. package.path
local outline = require "outline"

local out = arg[1] or "build/examples/pictures"
assert(brink.core.file.mkdirs(out))

local function save(name, image)
  assert(image:save(out .. "/" .. name, { quality = 82 }))
  print(out .. "/" .. name)
end

local tiles = {}
for n = 1, 8 do tiles[n] = { image = (draw.rocker(n + 8, 1)) } end
for n = 1, 16 do tiles[8 + n] = { image = (draw.shape(n, 1)) } end
save("data.jpg", sheet.make(tiles, { columns = 8, tile = 110 }))

tiles = {}
local star = draw.shape(19, 1)
for _, name in ipairs { "GaussianBlur", "ElasticTransform", "Perspective", "Superpixels" } do
  for _, i in ipairs { 0, 0.25, 0.5, 0.75, 1 } do
    tiles[#tiles + 1] = { image = star:apply { [name] = i }, caption = i == 0 and name .. " 0" or ("%g"):format(i) }
  end
end
save("effects.jpg", sheet.make(tiles, { columns = 10, tile = 140 }))

local samples = {}
for n = 1, 40 do samples[n] = { image = (draw.shape(n, 1)), label = draw.sets[2].label(n), name = ("shape %d"):format(n) } end
local aug = brink.augmenter { predict = outline.predict, augmentations = { "Rotate", "Hue", "GaussianBlur", "Gamma", "CenterCrop", "ElasticTransform", "GaussianNoise" } }
local data = brink.dataset(samples)
assert(aug:search(data, { step = 0.1 }))
tiles = {}
for s in aug:stream(data, { realism = 0.4, min_augmentations = 2, max_augmentations = 3 }) do
  local lines = { s.label }
  for _, a in ipairs(s.augmentations) do lines[#lines + 1] = ("%s %.1f"):format(a.name, a.i) end
  tiles[#tiles + 1] = { image = s.image, caption = lines }
  if #tiles == 12 then break end
end
save("generated.jpg", sheet.make(tiles, { columns = 6, tile = 176 }))
