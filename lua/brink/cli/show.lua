--- brink show: what an effect does, on one sheet.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local sample = require "brink.sample"
local core = require "brink.core"
local effects = require "brink.cli.effects"
local exit = require "brink.cli.exit"
local labels = require "brink.labels"
local measure = require "brink.search.measure"
local options = require "brink.cli.options"
local output = require "brink.cli.output"
local script = require "brink.cli.script"
local setup = require "brink.cli.setup"
local sheet = require "brink.sheet"

local M = {
  name = "show",
  usage = "brink show NAME[=i] [NAME=i ...] PHOTO [-o SHEET.png]",
  doc = "Write a contact sheet that shows what an augmentation does to a picture.",
  details = [[One effect: the picture at intensities from 0 to the one given (1 without a value). Several: the picture, each effect alone, and all of them one after another. The sheet is named on standard output.

With --data the label of the picture moves with its pixels and is drawn (green); with --model the answer is drawn too (orange), or written below.]],
  options = {
    { name = "output", short = "o", value = "FILE", doc = "the sheet; default NAME_PHOTO.png in the current folder" },
    { name = "steps", type = "integer", default = 5, lo = 1, hi = 100, doc = "tiles after the untouched picture, for one effect" },
    { name = "tile", type = "integer", default = 240, lo = 16, hi = 4096, value = "PIXELS", doc = "longer side of a tile" },
    { name = "columns", type = "integer", lo = 1, hi = 100, doc = "tiles in a row" },
    { name = "data", value = "DATA", doc = "the data set PHOTO belongs to, for its label" },
    (setup.options "format"), (setup.options "model"), (options.common "recipe"), (options.common "seed"), (options.common "json"),
  },
  json = { { "sheet", "path of the sheet" }, { "tiles", "how many pictures are on it" } },
  examples = {
    { "brink show Hue=0.3 photo.jpg" },
    { "brink show Rotate=-1 photo.jpg --steps 10 -o turns.png", "the negative side of a signed effect" },
    { "brink show GaussianBlur=0.3 Hue=0.1 photo.jpg" },
    { "brink show GaussianBlur.sigma=0.02 photo.jpg", "one physical parameter" },
    { "brink show Rotate=0.4 --data coco/ coco/images/7.jpg", "with its boxes" },
  },
}

local function num(v) return ("%.4g"):format(v) end


local TRUTH, GUESS = { 53, 224, 138 }, { 255, 159, 28 } -- as on the report page

-- The picture with its label and the model's answer drawn on it; answers that cannot be drawn become a line.
local function with_labels(out, plan, subject, lines)
  local shown = out
  if subject.label ~= nil then
    local label, why = labels.transport(subject.label, plan, subject.image, out)
    if label == nil then lines[#lines + 1] = "no label: " .. why
    else shown = labels.draw(shown, label, { colour = TRUTH }) end
  end
  if subject.model then
    local ok, answer = measure.ask(subject.model, out, subject.sample)
    if ok and labels.shapes.is(answer) then shown = labels.draw(shown, answer, { colour = GUESS })
    else lines[#lines + 1] = (ok and "says " or "") .. labels.text(answer) end
  end
  return shown
end

local function tile(subject, given, opts, caption)
  local image = subject.image
  local plan, applied = exit.checked(augment.compose, given, image, opts.seed, opts.sample, 0, subject.label)
  local out, lines = image, type(caption) == "table" and caption or { caption }
  if #plan > 0 then out = exit.try(image:run(plan)) end
  if #applied == 1 then
    lines[#lines + 1] = augment.get(applied[1].name):text(applied[1].params, 3)
  elseif #applied > 1 then
    lines[2] = #applied .. " effects"
  end
  return { image = with_labels(out, plan, subject, lines), caption = lines }
end

--- Tiles for one effect: intensity 0 to i.
local function sweep(subject, e, opts, steps)
  local tiles = { tile(subject, {}, opts, { e[1], "untouched" }) }
  for k = 1, steps do
    local i = e[2] * k / steps
    tiles[#tiles + 1] = tile(subject, { { e[1], i, e[3] } }, opts, ("%s %s"):format(e[1], num(i)))
  end
  return tiles
end

--- Tiles for several: the picture, each alone, all together.
local function combination(subject, list, opts)
  local tiles = { tile(subject, {}, opts, "untouched") }
  for _, e in ipairs(list) do tiles[#tiles + 1] = tile(subject, { e }, opts, e[2] and ("%s %s"):format(e[1], num(e[2])) or e[1]) end
  if #list > 1 then tiles[#tiles + 1] = tile(subject, list, opts, "together") end
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

-- The picture, with its label when the data set is named, and the model when one is.
local function subject_of(path, values)
  local subject = { image = effects.load(path) }
  if values.data then
    local id = exit.try(core.file.hash(path))
    local data = setup.data("show", { values.data }, {}, values)
    for k = 1, #data do
      if data[k].id == id then
        subject.sample, subject.label = data[k], data[k].label
        break
      end
    end
    if not subject.sample then exit.with(exit.input, "%s: no picture of %s has this content", path, values.data) end
  end
  if values.model then
    subject.model = setup.augmenter({ model = values.model }).model
    subject.sample = subject.sample or sample.new { path = path }
  end
  return subject
end

function M.run(values, operands)
  if values.recipe then script.load(values.recipe)() end
  local list, paths = effects.split(with_bare_names(operands))
  if #list == 0 or #paths ~= 1 then effects.check_words(paths) end
  if #list == 0 then exit.with(exit.usage, "show: which effect? (brink show Hue=0.3 photo.jpg)") end
  if #paths ~= 1 then exit.with(exit.usage, "show: one picture expected, got %d", #paths) end
  local path = paths[1]
  local subject = subject_of(path, values)
  local opts = { seed = values.seed, sample = exit.try(core.file.hash(path)) }
  local single = #list == 1 and list[1][2]
  local tiles = single and sweep(subject, list[1], opts, values.steps) or combination(subject, list, opts)
  local names = {}
  for k, e in ipairs(list) do names[k] = e[1] end
  local base = path:match "([^/]*)$":gsub("%.[^.]*$", "")
  local target = values.output or table.concat(names, "_", 1, math.min(#names, 4)) .. "_" .. base .. ".png"
  local made = sheet.make(tiles, { tile = values.tile, columns = values.columns })
  local ok, why = exit.checked(made.save, made, target)
  if not ok then exit.with(exit.disk, "%s", why) end
  if values.json then output.json("show", { sheet = target, tiles = #tiles }) else io.write(target, "\n") end
end

return M
