-- One line for each result that must be the same bytes on every machine: rows, arithmetic, codecs, a search. For comparing
-- builds and environments. SPDX-License-Identifier: MIT
local brink = require "brink"
local picture = require "picture"
local core, augment = brink.core, brink.augment

local function line(name, hash) print(name, hash) end

for k, shape in ipairs { { 37, 29, 3, "u8" }, { 64, 48, 1, "u8" }, { 33, 40, 4, "f32" } } do
  local im = picture.draw(shape[1], shape[2], { channels = shape[3], type = shape[4], key = k })
  line("picture " .. k, im:hash())
  for _, row in ipairs(augment.list()) do
    for _, i in ipairs { 0.3, 1, row.signed and -0.7 or 0.7 } do
      local plan = augment.plan(row, i, augment.context(im, 7, "sample", 0))
      line(("%s %g %d"):format(row.name, i, k), im:run(plan):hash())
    end
  end
  local s = im:stats()
  line("stats " .. k, core.file.hash_text(core.json.encode(s)))
  line("png " .. k, core.file.hash_text(im:encode "png"))
  line("resize " .. k, im:resize(19, 23):hash())
  if shape[3] == 3 then line("features " .. k, core.file.hash_text(core.json.encode { core.features.extract(im:resize(160, 120)):at(1) })) end
end

local m, out = core.math, {}
for k = -400, 400 do
  local x = k / 7.3
  for _, name in ipairs { "exp", "sin", "cos", "tanh", "atan", "erf" } do out[#out + 1] = ("%a"):format(m[name](x)) end
  if x > 0 then out[#out + 1] = ("%a %a"):format(m.log(x), m.pow(x, 1.7)) end
end
line("math", core.file.hash_text(table.concat(out, " ")))

local list = {}
for k = 1, 6 do list[k] = { image = picture.draw(48, 40, { key = k }), label = "x", name = "p" .. k, id = ("%032x"):format(k) } end
local study = brink.augmenter { augmentations = { "Brighten", "GaussianNoise" }, predict = { identity = "m", predict = function(_, im)
  local s = im:stats()
  return s.dev[1] + s.mean[1] > 160 and "y" or "x"
end } }:search(list, { progress = false, step = 0.1 })
line("search", core.file.hash_text(study:json()))
