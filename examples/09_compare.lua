--- Which of two models holds out longer, and does the new one pass?
--
-- Both are measured on the same pictures with the same draws, so what is compared is pairs, not averages. The check at the
-- end is what a build would do: `brink check new.db --baseline old.db --fail-if "..."` leaves with exit code 9.
--
--   brink examples/09_compare.lua [FOLDER]
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local draw = require "draw"

local out = arg[1] or "build/examples"
local data = brink.dataset(draw.write("rocker", out), { labels = "folder" })

--- The switch is off when the upper half is that many times as light as the lower.
local function reader(ratio)
  return function(image)
    local w, h = image.width, image.height
    local function light(y) return image:crop(w * 0.34 // 1, (h * y) // 1, w // 3, h // 10):stats().luma_mean end
    return light(0.36) > ratio * light(0.57) and "off" or "on"
  end
end

local studies = {}
for _, model in ipairs { { "old", 1.6 }, { "new", 1.25 } } do
  local name, ratio = table.unpack(model)
  local aug = brink.augmenter { predict = reader(ratio), augmentations = { "Brighten", "Decontrast", "Rotate" } }
  studies[name] = assert(aug:search(data, { step = 0.1, store = ("%s/%s.db"):format(out, name) }))
end

print(assert(brink.compare(studies.old, studies.new, { names = { "old", "new" } })):text())

local result = assert(brink.check(studies.new, { "any.break < baseline - 0.1", "clean > 0.2" }, { baseline = studies.old }))
print(result:text())
