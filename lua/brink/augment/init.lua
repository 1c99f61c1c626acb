--- The catalogue of augmentations: one row each, read by everything.
--
--   local augment = require "brink.augment"
--   local list, params = augment.plan("GaussianBlur", 0.3, augment.context(image, 1))
--   image:run(list)
--
-- Rows are checked when they load; the built-in ones stand in the family files
-- beside this one and go through the same door as a recipe's own.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local nearest = require "brink.nearest"
local rows = require "brink.augment.row"

local raise = rows.raise
rows.blame_caller(debug.getinfo(1, "S").source)

local M = {}

local FAMILIES = { "tone", "colour", "blur", "noise", "geometry", "digital", "occlusion" }
local declared, by_name = {}, {}        -- Rows in order of declaration; Row by name and alias
local family_rank, families = {}, 0
local loading = true                    -- while the built-in families load, conflicts may name later rows

local function names()
  local list = {}
  for _, row in ipairs(declared) do
    list[#list + 1] = row.name
    for _, a in ipairs(row.aliases) do list[#list + 1] = a end
  end
  return list
end

local function add_conflict(row, name)
  for _, have in ipairs(row.conflicts) do if have == name then return end end
  row.conflicts[#row.conflicts + 1] = name
end

--- A conflict counts both ways, whichever row names it; aliases become names.
local function link(row, fail)
  local list = row.conflicts
  row.conflicts = {}
  for _, name in ipairs(list) do
    local other = by_name[name]
    if not other then fail("conflicts: no augmentation %q%s", name, nearest.hint(name, names())) end
    if other == row then fail("conflicts: %s names itself", name) end
    add_conflict(row, other.name)
    add_conflict(other, row.name)
  end
end

--- Add a row to the catalogue; returns it. It takes part in search, synthesis, listing and tests from then on.
-- Raises, naming file and line of the row, on a misspelt, missing or ill-typed field, a range that does not hold
-- off and full, a name already taken, a conflict with an unknown row.
function M.define(given)
  local place = rows.caller()
  local label = type(given) == "table" and type(given.name) == "string" and given.name .. "." or "augmentation: "
  local function fail(format, ...) error(("%s: %s%s"):format(place, label, format:format(...)), 0) end
  local row = rows.new(given, fail)
  row.place = place
  for k, name in ipairs { row.name, table.unpack(row.aliases) } do
    local other = by_name[name]
    if other then fail("%s: %s is already taken by %s (%s)", k == 1 and "name" or "aliases", name, other.name, other.place) end
  end
  by_name[row.name] = row
  for _, a in ipairs(row.aliases) do
    if by_name[a] then
      by_name[row.name] = nil
      fail("aliases: %s stands twice", a)
    end
  end
  if not loading then
    local ok, err = pcall(link, row, fail)
    if not ok then
      by_name[row.name] = nil
      error(err, 0)
    end
  end
  for _, a in ipairs(row.aliases) do by_name[a] = row end
  if not family_rank[row.family] then
    families = families + 1
    family_rank[row.family] = families
  end
  declared[#declared + 1] = row
  row.order = #declared
  return row
end

--- Take a row of your own out again (a recipe run twice in one session).
function M.remove(name)
  local row = M.get(name)
  table.remove(declared, row.order)
  for k = row.order, #declared do declared[k].order = k end
  by_name[row.name] = nil
  for _, a in ipairs(row.aliases) do by_name[a] = nil end
  for _, other in ipairs(declared) do
    for k = #other.conflicts, 1, -1 do
      if other.conflicts[k] == row.name then table.remove(other.conflicts, k) end
    end
  end
end

--- The row of a name or alias; a Row passes through. Raises with the nearest name when there is none.
function M.get(name)
  if getmetatable(name) == rows.Row then return name end
  local row = by_name[name]
  if not row then raise("no augmentation %s%s", tostring(name), nearest.hint(name, names())) end
  return row
end

--- The row of a name or alias, or nil.
function M.find(name) return by_name[name] end

--- All rows: families in catalogue order, rows as declared. A new list.
function M.list()
  local list = table.move(declared, 1, #declared, 1, {})
  table.sort(list, function(a, b)
    if a.family ~= b.family then return family_rank[a.family] < family_rank[b.family] end
    return a.order < b.order
  end)
  return list
end

--- True when the two rows (or names) must not meet in one image.
function M.conflict(a, b)
  local row, other = M.get(a), M.get(b)
  for _, name in ipairs(row.conflicts) do if name == other.name then return true end end
  return false
end

--- What a row's plan may look at: sizes of the image, its statistics, and the draws.
-- `image` is an Image or { width =, height =, channels =, type =, stats = function }. `seed`, `sample` (content hash) and
-- `draw` key the generator together with the row's name: same key, same placement, at every intensity.
-- `boxes`: a function that gives the list of the label's boxes { x, y, w, h } as they lie in this image (none: no boxes).
-- Returns a table; ctx:keyed(row) is the same for one row, with `rng` set.
function M.context(image, seed, sample, draw, boxes)
  local w, h = image.width, image.height
  local statistics
  local ctx = {
    width = w, height = h, channels = image.channels, type = image.type or "u8", short_side = math.min(w, h), long_side = math.max(w, h),
    seed = seed or 1, sample = sample or "", draw = draw or 0, boxes = boxes or function() return {} end,
    stats = function()
      statistics = statistics or image:stats()
      return statistics
    end,
  }
  function ctx.keyed(self, row)
    local own = {}
    for k, v in pairs(self) do own[k] = v end
    own.rng = core.rng(self.seed, self.sample, row.name, self.draw)
    return own
  end
  return ctx
end

--- The plan of a row at an intensity: list of primitives, physical parameters.
-- i in [0,1] ([-1,1] for a signed row), or nil with `overrides` alone; `overrides` ({ sigma = .1 }) replaces single
-- parameters. i = 0 without overrides gives the empty list: the identity, to the bit. ctx as of M.context; without
-- ctx.rng the draws are keyed by ctx and the row. Raises on a value outside its range, naming parameter and range.
function M.plan(name, i, ctx, overrides)
  local row = M.get(name)
  if i == nil and not overrides then raise("%s: expected an intensity or parameters", row.name) end
  row:check_intensity(i or 0)
  local params = row:at(i or 0)
  if overrides then
    row:check_params(overrides)
    for _, key in ipairs(row.param_names) do
      if overrides[key] ~= nil then params[key] = overrides[key] end
    end
  end
  if row:is_off(params) then return {}, params end
  if not ctx.rng then ctx = ctx:keyed(row) end
  local list = row:plan(params, ctx)
  local ok, why = pcall(core.plan.new, list)
  if not ok then raise("%s: %s", row.name, (tostring(why):gsub("^[^\n]-:%d+: ", ""))) end
  return list, params
end

--- One effect as a person writes it: name, intensity or parameters.
local function effect(name, amount, overrides)
  local row = M.get(name)
  if type(amount) == "table" then amount, overrides = nil, amount end
  if amount == nil and not overrides then raise("%s: expected an intensity or a table of parameters", row.name) end
  return { row = row, i = amount, overrides = overrides }
end

--- Effects in either form, as a list: { {"Hue", .3}, {"GaussianBlur", {sigma = .01}} } keeps its order,
-- { Hue = .3, GaussianBlur = .1 } is put in catalogue order.
local function effects_of(given)
  if type(given) ~= "table" then raise("expected a table of augmentations, got a %s", type(given)) end
  local list = {}
  if #given > 0 then
    for k, e in ipairs(given) do
      if type(e) ~= "table" then raise("augmentation %d: expected { name, intensity }, got a %s", k, type(e)) end
      list[k] = effect(e[1], e[2], e[3])
    end
    return list
  end
  for name, amount in pairs(given) do list[#list + 1] = effect(name, amount) end
  table.sort(list, function(a, b) return a.row.order < b.row.order end)
  for k = 2, #list do
    if list[k].row == list[k - 1].row then raise("%s stands twice, once by an alias", list[k].row.name) end
  end
  return list
end

--- A function that gives the boxes of a label after the primitives `so_far`, for M.context; nil when the label has no shapes.
function M.boxes(label, so_far, image)
  if type(label) ~= "table" or label.kind ~= "shapes" then return nil end
  return function()
    local labels = require "brink.labels" -- which knows this catalogue
    local moved, out = labels.transport(label, so_far or {}, image, image), {}
    for _, object in ipairs(moved and moved.shapes or {}) do out[#out + 1] = labels.shapes.box_of(object) end
    return out
  end
end

--- Several effects after one another, as one plan.
-- `given`: { {name, intensity or parameters [, overrides]}, ... } in that order, or { name = intensity, ... } in
-- catalogue order. `image` is the picture they are for; seed, sample and draw key the draws as in M.context, and an
-- effect that comes again draws anew. label: the picture's, for effects that spare its boxes. Returns list of primitives,
-- list of { name =, i =, params = }.
function M.compose(given, image, seed, sample, draw, label)
  local list, applied, seen = {}, {}, {}
  for _, e in ipairs(effects_of(given)) do
    local width, height = image.width, image.height
    if #list > 0 then width, height = core.plan.new(list):size(width, height) end
    local so_far = table.move(list, 1, #list, 1, {})
    local ctx = M.context({ width = width, height = height, channels = image.channels, type = image.type,
      stats = function() return (#so_far > 0 and image:run(so_far) or image):stats() end }, seed, sample, draw, M.boxes(label, so_far, image))
    seen[e.row.name] = (seen[e.row.name] or 0) + 1
    if seen[e.row.name] > 1 then ctx.rng = core.rng(ctx.seed, ctx.sample, e.row.name .. "#" .. seen[e.row.name], ctx.draw) end
    local steps, params = M.plan(e.row, e.i, ctx, e.overrides)
    table.move(steps, 1, #steps, #list + 1, list)
    applied[#applied + 1] = { name = e.row.name, i = e.i, params = params }
  end
  return list, applied
end

--- A new image with the effects of M.compose on it; also returns what was applied.
-- `opts`: seed (1), sample ("", a content hash: other pictures, other draws), draw (0), label (nil).
-- image:apply{ GaussianBlur = 0.3 } is this function.
function M.apply(image, given, opts)
  opts = opts or {}
  local list, applied = M.compose(given, image, opts.seed, opts.sample, opts.draw, opts.label)
  return image:run(list), applied
end

for _, family in ipairs(FAMILIES) do
  families = families + 1
  family_rank[family] = families
end
for _, family in ipairs(FAMILIES) do require("brink.augment." .. family)(M.define) end
loading = false
core.image.methods.apply = M.apply
for _, row in ipairs(declared) do
  local place = row.place
  link(row, function(format, ...) error(("%s: %s.%s"):format(place, row.name, format:format(...)), 0) end)
end

return M
