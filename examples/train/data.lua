--- Pictures and labels to train the example models on, as the models will get them: small, planar, bytes.
--
--   brink examples/train/data.lua OUT [SHAPES [SCENES [DOTS]]]      numbers of pictures; 4000 5000 4000
--
-- OUT/{shapes,scenes,dots}.{train,held}.{bin,json}: n x 3 x size x size bytes, and the labels: a class number, boxes as
-- { class, x0, y0, x1, y1 } in 0..1, a count. One in ten is held out, drawn from another seed. Squashed to the net's size by
-- what brink.model does before a net.
-- SPDX-License-Identifier: MIT
package.path = arg[0]:gsub("[^/]*$", "") .. "../?.lua;" .. package.path
local brink = require "brink"
local draw = require "draw"
local preprocess = require "brink.model.preprocess"
local core = brink.core

local out = arg[1]
if not out then error("where to? (brink examples/train/data.lua OUT [SHAPES [SCENES [DOTS]]])", 0) end

local class = {}
for k, name in ipairs(draw.shapes) do class[name] = k - 1 end

local function boxes(label)
  local list = {}
  for k, o in ipairs(label.shapes) do
    local x, y, w, h = table.unpack(o.box)
    list[k] = { class[o.class], x / label.width, y / label.height, (x + w) / label.width, (y + h) / label.height }
  end
  return core.json.array(list)
end

local sets = {
  { name = "shapes", make = draw.shape, size = 64, count = tonumber(arg[2]) or 4000, label = function(v) return class[v] end },
  { name = "scenes", make = draw.scatter, size = 96, count = tonumber(arg[3]) or 5000, label = boxes },
  { name = "dots", make = draw.dots, size = 64, count = tonumber(arg[4]) or 4000, label = function(v) return v end },
}

local function write(set, part, seed, count)
  local path = ("%s/%s.%s"):format(out, set.name, part)
  local prep = preprocess.new({ fit = "squash" }, { name = "image", dtype = "u8", shape = { 1, 3, set.size, set.size } })
  local pixels, labels, n = {}, {}, 0
  brink.each(function()
    n = n + 1
    return n <= count and n or nil
  end, function(k)
    local image, label = set.make(k, seed)
    return { prep:apply(image):bytes(), set.label(label) }
  end, { each = function(result, k) pixels[k], labels[k] = result[1], result[2] end })
  assert(core.file.write(path .. ".bin", table.concat(pixels)))
  assert(core.file.write(path .. ".json", core.json.encode(core.json.array(labels))))
  print(("%s: %d"):format(path, count))
end

assert(core.file.mkdirs(out))
for _, set in ipairs(sets) do
  write(set, "train", "train", set.count)
  write(set, "held", "held out", set.count // 10)
end
