--- What search, synth, eval and others set up alike: recipe, model, augmenter and data from the command line.
--
-- A recipe named by --recipe is a Lua script. Rows it defines join the catalogue. It may return
--   a function            predict
--   an augmenter          used as it is
--   a table               { predict or model, diff_error, labels, augmentations, seed, threads, data, format, and a table of
--                         options per command: search = { step = 0.1 }, synth = { accept = function ... }, ... }
-- What the command line says comes before what the recipe says.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local augmenter = require "brink.augmenter"
local core = require "brink.core"
local dataset = require "brink.dataset"
local diff = require "brink.diff"
local exit = require "brink.cli.exit"
local model = require "brink.model"
local nearest = require "brink.nearest"
local options = require "brink.cli.options"
local script = require "brink.cli.script"
local shown = require "brink.shown"
local study = require "brink.study"

local M = {}

local FIELDS = { "predict", "model", "diff_error", "labels", "augmentations", "seed", "threads" } -- the augmenter's
local COMMANDS = { "search", "synth", "eval", "report", "compare", "check", "explain" }
local KNOWN = { "augmenter", "data", "format" }
table.move(FIELDS, 1, #FIELDS, #KNOWN + 1, KNOWN)
table.move(COMMANDS, 1, #COMMANDS, #KNOWN + 1, KNOWN)

local ROWS = {
  recipe = { name = "recipe", value = "FILE", doc = "Lua script that gives predict, diff_error, rows and options; see `brink help recipe`" },
  model = { name = "model", value = "MODEL", doc = "a model file, a .lua file that returns a model or a predict function, or the table brink.model takes as JSON; default: the recogniser built in" },
  diff = { name = "diff", value = "NAME", doc = "how wrong a prediction is: equal, iou, topk(5), absolute(10), ...; default: the recipe's, the model's own, or equal" },
  augment = { name = "augment", type = "names", value = "A,B", doc = "these augmentations only; default: the recipe's, or all" },
  labels = { name = "labels", value = "none|folder|FORMAT", doc = "none: compare with the model's own answer on the untouched picture; folder: the name of the picture's folder; or what the data set's reader takes" },
  format = { name = "format", value = "NAME", doc = "how DATA is read; default: found out" },
}

--- Option rows for setup, by name: M.options("recipe", "model", "diff", "augment", "labels", "format", "seed", "threads").
-- Seed and threads have no default here, so that a recipe's count.
function M.options(...)
  local list = {}
  for k, name in ipairs { ... } do
    local row = {}
    for key, v in next, ROWS[name] or options.common(name) do row[key] = v end
    if name == "seed" then row.default, row.default_text = nil, "1" end
    list[k] = row
  end
  return table.unpack(list)
end

--- The fields of a recipe (see above); {} for none. Leaves with the usage code on a field nobody reads.
function M.recipe(path)
  if not path then return {} end
  local fields = script.load(path)()
  if fields == nil then return {} end
  if type(fields) == "function" then return { predict = fields } end
  if type(fields) ~= "table" then exit.with(exit.usage, "%s: returns a %s; a table, a function or nothing expected", path, type(fields)) end
  local meta = getmetatable(fields)
  if meta and meta.__name == "brink.Augmenter" then return { augmenter = fields } end
  if meta then return { predict = fields } end
  local unknown, hint = nearest.unknown(fields, KNOWN)
  if unknown then exit.with(exit.usage, "%s: returns a field %s that nothing reads%s", path, unknown, hint) end
  for _, name in ipairs(COMMANDS) do
    if fields[name] ~= nil and type(fields[name]) ~= "table" then exit.with(exit.usage, "%s: %s: a table of options expected", path, name) end
  end
  return fields
end

--- What --model names, as brink.model takes it.
local function model_of(text)
  if text:match "^%s*{" then
    local spec, why = core.json.decode(text)
    if spec == nil then exit.with(exit.usage, "--model: %s", why) end
    return spec
  end
  if text:match "%.lua$" then
    local made = script.load(text)()
    if made == nil then exit.with(exit.usage, "--model: %s: returns nothing; a model or a predict function expected", text) end
    return made
  end
  return text
end

local function diff_of(name)
  local fn, why = diff.named(name)
  if not fn then exit.with(exit.usage, "--diff: %s", why) end
  return fn
end

local function label_option(text)
  if text == "none" then return false end
  return text
end

--- The augmenter of the command line and the recipe. Returns it and the recipe's fields.
-- Leaves with usage for a wrong value, with the model's own code for a model that does not open.
function M.augmenter(values)
  local fields = M.recipe(values.recipe)
  local names = values.augment
  if names then
    for _, name in ipairs(names) do exit.checked(augment.get, name) end
  end
  local aug = fields.augmenter
  if aug then
    if values.model then exit.with(exit.usage, "--model: %s has made its augmenter already", values.recipe) end
    if names then aug.augmentations = names end
    if values.diff then aug.diff_error = diff_of(values.diff) end
    if values.seed ~= nil then aug.seed = values.seed end
    if values.labels then aug.labels = label_option(values.labels) end
    if values.threads then exit.checked(core.async.threads, values.threads) end
    return aug, fields
  end
  local given = {}
  for _, name in ipairs(FIELDS) do given[name] = fields[name] end
  if values.model then
    given.model = nil
    given.predict = exit.try(exit.checked(model.open, model_of(values.model)))
  end
  if values.diff then given.diff_error = diff_of(values.diff) end
  if values.augment then given.augmentations = values.augment end
  if values.seed ~= nil then given.seed = values.seed end
  if values.threads then given.threads = values.threads end
  if values.labels then given.labels = label_option(values.labels) end
  local ok, aug_or_error = pcall(exit.checked, augmenter.new, given)
  if ok then return aug_or_error, fields end
  -- what the command line says has been checked by now
  local left = values.recipe and getmetatable(aug_or_error) and exit.of(aug_or_error)
  if left then exit.with(left.code, "%s: %s", values.recipe, (left.message:gsub("^augmenter: ", ""))) end
  error(aug_or_error, 0)
end

--- The data set of the operands, or of the recipe. Leaves with the input code when it is missing or holds nothing.
function M.data(command, operands, fields, values)
  if #operands > 1 then exit.with(exit.usage, "%s: one DATA expected, got %d; further: %s", command, #operands, operands[2]) end
  local source = operands[1]
  if source == nil then source = fields.data end
  if source == nil then exit.with(exit.usage, "%s: which data? (brink %s photos/)", command, command) end
  local labels = values.labels
  if labels == "none" then labels = false elseif labels == nil then labels = fields.labels end
  local data = exit.try(exit.checked(dataset.open, source, { labels = labels, format = values.format or fields.format }))
  if #data == 0 then
    local first = data.failures and data.failures[1]
    exit.with(exit.input, "%s: no picture in it%s", tostring(data.path or "data"), first and ("; %s: %s"):format(first.path, first.reason) or "")
  end
  return data
end

--- A copy of the recipe's options for a command.
function M.settings(fields, command)
  local out = {}
  for key, value in next, fields[command] or {} do out[key] = value end
  return out
end

--- Open a finished study, or leave. Rows of it that nothing here defines are named on standard error.
function M.study(path, data)
  local opened = exit.try(study.open(path, data))
  for _, name in ipairs(opened:names()) do
    if not augment.find(name) then
      io.stderr:write(("brink: %s: %s: no augmentation of this name here; --recipe FILE names the recipe that defines it\n"):format(shown.text(path), shown.text(name)))
    end
  end
  return opened
end

M.help = [[A recipe is a Lua script. `brink RECIPE.lua` runs it as a program of its own. With --recipe FILE it prepares another command: augmentations it defines join the catalogue, and it may return

  a function     predict(image, sample) -> label [, confidence]
  an augmenter   what brink.augmenter made
  a table        of any of these:

  predict, model   what brink.model takes
  diff_error       function (label, prediction, sample, confidence) -> 0..1
  labels           false, or what the data set's reader takes
  augmentations    list of names or rows
  data, format     the data set, for when the command line names none
  seed, threads    as the options of these names
  search, synth, eval, ...
                   a table of options for that command, functions included

What the command line says comes first. Example:

  local brink = require "brink"
  return {
    predict = function(image)
      return image:stats().luma_mean < 128 and "dark" or "bright"
    end,
    augmentations = { "Brighten", "GaussianBlur" },
    search = { step = 0.1 },
  }

  brink search photos/ --recipe bright.lua
]]

return M
