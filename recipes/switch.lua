--- A model in plain Lua: is the rocker switch on or off?
--
--   brink search build/examples/rocker --recipe recipes/switch.lua      where does it fail?
--   brink recipes/switch.lua PICTURE ...                                its answers
--
-- Light comes from above, so the half that is pressed in and faces down lies in shade: when that is the lower half, the
-- switch is off. It is right for about 94 of 100 switches, looks at fixed places and compares brightness: can you tell
-- from that which changes of the picture will hurt?
-- SPDX-License-Identifier: MIT
local brink = require "brink"

--- Mean brightness of two patches left and right of the middle, y from the top; all in fractions of the picture.
local function light(image, y)
  local w, h = image.width, image.height
  local function patch(x) return image:crop(w * x // 1, h * y // 1, math.max(1, w // 10), math.max(1, h // 10)):stats().luma_mean end
  return patch(0.34) + patch(0.56)
end

local function predict(image)
  return light(image, 0.36) > 1.25 * light(image, 0.57) and "off" or "on"
end

if arg and arg[0]:match "switch%.lua$" then -- run by itself, not loaded by another script
  if not arg[1] then error("which pictures? (brink recipes/switch.lua PICTURE ...)", 0) end
  for _, path in ipairs(arg) do print(path, predict(assert(brink.image.load(path)))) end
end

return { predict = predict, labels = "folder" }
