--- A label format of one's own: marks on a dial, in polar coordinates about the picture's middle.
--
-- Beside each picture lies x.polar, a mark a line: name, radius in pixels, degrees clockwise from the top. The engine knows
-- nothing of it; decode, encode and transform say all, and synthesis writes the new pictures with new x.polar files.
--
--   brink examples/10_label_format.lua [FOLDER]        the set goes to FOLDER/dials, the new one to FOLDER/dials_new
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local m = brink.math or brink.core.math

brink.label_format {
  name = "polar",
  decode = function(text, picture)
    local label = { width = picture.width, height = picture.height, marks = {} }
    local number = 0
    for line in text:gmatch "[^\n]+" do
      number = number + 1
      local name, r, degrees = line:match "^(%S+) ([%d.]+) (-?[%d.]+)$"
      if not name then error(("line %d: NAME RADIUS DEGREES expected, got %q"):format(number, line), 0) end
      label.marks[number] = { name = name, r = tonumber(r), degrees = tonumber(degrees) }
    end
    return label
  end,
  encode = function(label)
    local lines = {}
    for k, mark in ipairs(label.marks) do lines[k] = ("%s %.3f %.3f\n"):format(mark.name, mark.r, mark.degrees) end
    return table.concat(lines)
  end,
  transform = function(label, warp)
    local w, h = warp.out_width, warp.out_height
    local new = { kind = label.kind, width = w, height = h, marks = {} }
    for k, mark in ipairs(label.marks) do
      local a = mark.degrees * m.pi / 180
      local x, y = warp:point(label.width / 2 + mark.r * m.sin(a), label.height / 2 - mark.r * m.cos(a))
      local dx, dy = x - w / 2, y - h / 2
      new.marks[k] = { name = mark.name, r = m.sqrt(dx * dx + dy * dy), degrees = m.atan2(dx, -dy) * 180 / m.pi }
    end
    return new
  end,
}

local out = arg[1] or "build/examples"
assert(brink.core.file.mkdirs(out .. "/dials"))
for k = 1, 4 do
  local degrees, r = 80 * k - 150, 30 + 2 * k
  local a = degrees * m.pi / 180
  local image = brink.core.image.new(120, 100, 3, "u8", 40):draw { { "disc", x = 60 + r * m.sin(a), y = 50 - r * m.cos(a), radius = 4, colour = { 250, 210, 60 } } }
  assert(image:save(("%s/dials/%d.png"):format(out, k)))
  assert(brink.core.file.write(("%s/dials/%d.polar"):format(out, k), ("hand %d %d\n"):format(r, degrees)))
end

local data = assert(brink.dataset(out .. "/dials"))
local aug = brink.augmenter { augmentations = { "Rotate", "HorizontalFlip", "Brighten" } }
assert(aug:synthesize(data, { output = out .. "/dials_new", count = 6, total = true, label_format = "same", min_augmentations = 1, max_augmentations = 2,
  progress = false, preview = false }))
for s in assert(brink.dataset(out .. "/dials_new", { format = "polar" })):samples() do
  local mark = s.label.marks[1]
  print(("%-14s %s at %5.1f px, %6.1f degrees"):format(s.name, mark.name, mark.r, mark.degrees))
end
