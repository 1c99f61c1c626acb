--- brink show: what an effect does, on one sheet.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local core = require "brink.core"
local effects = require "brink.cli.effects"
local exit = require "brink.cli.exit"
local options = require "brink.cli.options"
local output = require "brink.cli.output"
local script = require "brink.cli.script"
local sheet = require "brink.sheet"

local M = {
  name = "show",
  usage = "brink show NAME[=i] [NAME=i ...] PHOTO [-o SHEET.png]",
  doc = "Write a contact sheet that shows what an augmentation does to a picture.",
  details = [[One effect: the picture at intensities from 0 to the one given (1 without a value). Several: the picture, each effect alone, and all of them one after another. The sheet is named on standard output.]],
  options = {
    { name = "output", short = "o", value = "FILE", doc = "the sheet; default NAME_PHOTO.png in the current folder" },
    { name = "steps", type = "integer", default = 5, lo = 1, hi = 100, doc = "tiles after the untouched picture, for one effect" },
    { name = "tile", type = "integer", default = 240, lo = 16, hi = 4096, value = "PIXELS", doc = "longer side of a tile" },
    { name = "columns", type = "integer", lo = 1, hi = 100, doc = "tiles in a row" },
    (options.common "recipe"), (options.common "seed"), (options.common "json"),
  },
  json = { { "sheet", "path of the sheet" }, { "tiles", "how many pictures are on it" } },
  examples = {
    { "brink show Hue=0.3 photo.jpg" },
    { "brink show Rotate=-1 photo.jpg --steps 10 -o turns.png", "the negative side of a signed effect" },
    { "brink show GaussianBlur=0.3 Hue=0.1 photo.jpg" },
    { "brink show GaussianBlur.sigma=0.02 photo.jpg", "one physical parameter" },
  },
}

local function num(v) return ("%.4g"):format(v) end

local LETTERS = 29 -- in a line of caption, under a tile of the default size

local function tile(image, given, opts, caption)
  local out, applied = exit.checked(augment.apply, image, given, opts)
  local lines = { caption }
  if #applied == 1 then
    local text = options.wrap(augment.get(applied[1].name):text(applied[1].params, 3), LETTERS, 0)
    for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
  else
    lines[2] = #applied .. " effects"
  end
  return { image = out, caption = lines }
end

--- Tiles for one effect: intensity 0 to i.
local function sweep(image, e, opts, steps)
  local tiles = { { image = image, caption = { e[1], "untouched" } } }
  for k = 1, steps do
    local i = e[2] * k / steps
    tiles[#tiles + 1] = tile(image, { { e[1], i, e[3] } }, opts, ("%s %s"):format(e[1], num(i)))
  end
  return tiles
end

--- Tiles for several: the picture, each alone, all together.
local function combination(image, list, opts)
  local tiles = { { image = image, caption = "untouched" } }
  for _, e in ipairs(list) do tiles[#tiles + 1] = tile(image, { e }, opts, e[2] and ("%s %s"):format(e[1], num(e[2])) or e[1]) end
  if #list > 1 then tiles[#tiles + 1] = tile(image, list, opts, "together") end
  return tiles
end

--- Bare names (no "=") that are augmentations stand for intensity 1.
local function with_bare_names(operands)
  local out = {}
  for k, text in ipairs(operands) do
    out[k] = augment.find(text) and text .. "=1" or text
  end
  return out
end

function M.run(values, operands)
  if values.recipe then script.load(values.recipe)() end
  local list, paths = effects.split(with_bare_names(operands))
  if #list == 0 then exit.with(exit.usage, "show: which effect? (brink show Hue=0.3 photo.jpg)") end
  if #paths ~= 1 then exit.with(exit.usage, "show: one picture expected, got %d", #paths) end
  local path = paths[1]
  local image = effects.load(path)
  local opts = { seed = values.seed, sample = exit.try(core.file.hash(path)) }
  local single = #list == 1 and list[1][2]
  local tiles = single and sweep(image, list[1], opts, values.steps) or combination(image, list, opts)
  local names = {}
  for k, e in ipairs(list) do names[k] = e[1] end
  local base = path:match "([^/]*)$":gsub("%.[^.]*$", "")
  local target = values.output or table.concat(names, "_", 1, math.min(#names, 4)) .. "_" .. base .. ".png"
  local made = sheet.make(tiles, { tile = values.tile, columns = values.columns })
  local ok, why = made:save(target)
  if not ok then exit.with(exit.disk, "%s", why) end
  if values.json then output.json("show", { sheet = target, tiles = #tiles }) else io.write(target, "\n") end
end

return M
