--- The augmenter: one model, one idea of error, one choice of augmentations, and what can be done with them.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local core = require "brink.core"
local dataset = require "brink.dataset"
local model = require "brink.model"
local nearest = require "brink.nearest"
local rows = require "brink.augment.row"

rows.blame_caller(debug.getinfo(1, "S").source)

local M = {}

local Augmenter = { __name = "brink.Augmenter" }
Augmenter.__index = Augmenter

local FIELDS = { "predict", "model", "diff_error", "labels", "augmentations", "seed", "threads" }
M.fields = FIELDS
local RANGE = { "min", "max", "multiplier", "only_shrink_max" }

local function check_keys(t, known, what, level)
  local unknown, hint = nearest.unknown(t, known)
  if unknown then error(("%s: no field %s%s"):format(what, unknown, hint), level + 1) end
end

--- A new augmenter. Fields, all optional:
-- predict: a model (brink.model) or whatever brink.model takes; none: the built-in recogniser. diff_error: function (label,
-- prediction, sample, confidence) -> number in [0,1]; default: equal or not. labels: false for agreement with the clean
-- prediction, else what the label formats take. augmentations: names or rows; default the whole catalogue. seed: integer
-- or text, default 1. threads: before anything has run. Raises on a field it does not know.
function M.new(given)
  given = given or {}
  if type(given) ~= "table" then error("augmenter: a table expected, got " .. type(given), 2) end
  check_keys(given, FIELDS, "augmenter", 2)
  if given.diff_error ~= nil and type(given.diff_error) ~= "function" then error("augmenter: diff_error: a function expected, got " .. type(given.diff_error), 2) end
  if given.seed ~= nil and math.type(given.seed) ~= "integer" and type(given.seed) ~= "string" then
    error("augmenter: seed: an integer or a text expected, got " .. tostring(given.seed), 2)
  end
  if given.threads then core.async.threads(given.threads) end
  local chosen
  if given.augmentations then
    chosen = {}
    for k, name in ipairs(given.augmentations) do chosen[k] = augment.get(name) end
  end
  local opened, message = model.open(given.predict == nil and given.model or given.predict)
  if not opened then error("augmenter: " .. tostring(message), 2) end
  return setmetatable({ model = opened, diff_error = given.diff_error, labels = given.labels, augmentations = chosen, seed = given.seed or 1,
    realism = {}, weights = {}, ranges = {} }, Augmenter)
end

-- Names in a setting: one, or a list of them.
local function rows_of(names)
  if type(names) == "table" and getmetatable(names) == nil then
    local list = {}
    for k, name in ipairs(names) do list[k] = augment.get(name) end
    return list
  end
  return { augment.get(names) }
end

local function finite(v) return type(v) == "number" and v == v and v ~= math.huge and v ~= -math.huge end

--- Realism of one augmentation (name, row, or list of them) in synthesis: up to 1; nil takes it back. Returns self.
function Augmenter:set_realism(names, r)
  if r ~= nil and not (finite(r) and r <= 1) then error(("set_realism: %s: a number up to 1 expected"):format(tostring(r)), 2) end
  for _, row in ipairs(rows_of(names)) do self.realism[row.name] = r end
  return self
end

--- How often one augmentation is picked, relative to others; 0: never. Returns self.
function Augmenter:set_weight(names, w)
  if not (finite(w) and w >= 0) then error(("set_weight: %s: a number from 0 expected"):format(tostring(w)), 2) end
  for _, row in ipairs(rows_of(names)) do self.weights[row.name] = w end
  return self
end

--- The range of intensities of one augmentation in synthesis: { min, max, multiplier, only_shrink_max }. Returns self.
function Augmenter:set_range(names, range)
  if range ~= nil then
    if type(range) ~= "table" then error("set_range: a table expected, got " .. type(range), 2) end
    check_keys(range, RANGE, "set_range", 2)
    for _, field in ipairs { "min", "max", "multiplier" } do
      local v = range[field]
      if v ~= nil and not finite(v) then error(("set_range: %s: a number expected, got %s"):format(field, tostring(v)), 2) end
    end
    if range.min and range.max and range.min > range.max then error(("set_range: min: %s is above max, %s"):format(range.min, range.max), 2) end
  end
  for _, row in ipairs(rows_of(names)) do self.ranges[row.name] = range end
  return self
end

local function opened(data, opts, level)
  local set, message, code = dataset.open(data, opts)
  if not set then error(("%s (%s)"):format(message, tostring(code)), level + 1) end
  return set
end

--- Find onset and break of every augmentation on data (a data set, or what brink.dataset takes). Options: search/init.lua.
-- Returns a study, which self keeps for synthesis; or nil, message, code.
function Augmenter:search(data, opts)
  local set = opened(data, { labels = self.labels }, 2)
  local given = {}
  for key, value in next, opts or {} do given[key] = value end
  if given.seed == nil then given.seed = self.seed end
  local study, message, code = require("brink.search").run(self, set, given)
  if not study then return nil, message, code end
  if not given.estimate then self.study = study end
  return study
end

--- Use a study made before, for synthesis. Returns self.
function Augmenter:use(study)
  self.study = study
  return self
end

--- New labelled pictures in a folder. See synthesize.
function Augmenter:synthesize(data, opts) return require("brink.synthesize").run(self, opened(data, { labels = self.labels }, 2), opts) end

--- New labelled pictures one by one, without end. See synthesize.
function Augmenter:stream(data, opts) return require("brink.synthesize").stream(self, opened(data, { labels = self.labels }, 2), opts) end

--- How the model does on data. See evaluate.
function Augmenter:evaluate(data, opts) return require("brink.evaluate").run(self, opened(data, { labels = self.labels }, 2), opts) end

--- A picture with effects on it: { Name = intensity, ... }. `sample` keys the draws. Returns a new image.
function Augmenter:apply(image, effects, sample)
  return augment.apply(image, effects, { seed = self.seed, sample = sample and sample.id or "" })
end

return setmetatable(M, { __call = function(_, given) return M.new(given) end })
