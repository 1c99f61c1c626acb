--- What happens to labels that suffer: how much of an object must be left, what
-- is done when less is, which effects a class must not meet.
--
--   local rules = labels.rules { min_visibility = 0.4, on_lost = "reject", exclude = { ["traffic light"] = { "Hue" } } }
--
-- SPDX-License-Identifier: MIT
local nearest = require "brink.nearest"

local M = {}

local Rules = {}
Rules.__index = Rules
Rules.__name = "brink.Rules"

local FIELDS = { "min_visibility", "min_area", "min_size", "min_objects", "clip", "on_lost", "outline", "void", "exclude", "class_on_flip" }

local function fail(level, format, ...) error(("rules." .. format):format(...), level + 1) end

local function number(given, name, hi, default)
  local v = given[name]
  if v == nil then return default end
  if type(v) ~= "number" or not (v >= 0 and v <= hi) then fail(4, "%s: %s is outside 0..%s", name, tostring(v), hi == math.huge and "inf" or hi) end
  return v
end

local function choice(given, name, list)
  local v = given[name]
  if v == nil then return list[1] end
  for _, word in ipairs(list) do if v == word then return v end end
  fail(4, "%s: %s is none of %s%s", name, tostring(v), table.concat(list, ", "), nearest.hint(tostring(v), list))
end

local function check_names(given)
  local unknown, hint = nearest.unknown(given, FIELDS)
  if unknown then fail(4, "%s: no such rule%s", unknown, hint) end
end

--- { class = { "Row", ... } } as { class = { [Row] = true } }; aliases become names when the catalogue knows them.
local function exclusions(given)
  local out = {}
  for class, rows in pairs(given or {}) do
    if type(rows) == "string" then rows = { rows } end
    if type(rows) ~= "table" then fail(4, "exclude: %s: a list of augmentations expected, got a %s", tostring(class), type(rows)) end
    local augment = require "brink.augment"
    out[class] = {}
    for _, name in ipairs(rows) do out[class][augment.get(name).name] = true end
  end
  return out
end

--- Checked rules. Fields:
-- min_visibility (0; share of the object's original area that must still be seen, over the whole plan), min_area (0 square
-- pixels), min_size (0 pixels, or { w, h }), min_objects (0; fewer left in a label that had as many: reject), clip (true:
-- boxes end at the frame), on_lost ("drop" the object, "keep" it, "reject" the picture so that it is drawn again), outline
-- ("box", or "ellipse": a box without mask or polygon turns as the ellipse inside it), void (value of semantic masks where
-- nothing maps; default meta.void of the label, 255 in VOC, else 0), exclude ({ class = { augmentation, ... } }), class_on_flip ({ class = other class } when the picture
-- is mirrored). Returns an object with `log`, the counts by reason. Raises on unknown or ill-typed fields.
function M.new(given)
  given = given or {}
  if getmetatable(given) == Rules then return given end
  if type(given) ~= "table" then error("rules: a table expected, got a " .. type(given), 2) end
  check_names(given)
  local size = given.min_size or 0
  if type(size) == "number" then size = { size, size } end
  if type(size) ~= "table" or type(size[1]) ~= "number" or type(size[2]) ~= "number" then
    fail(2, "min_size: a number or { width, height } expected")
  end
  if given.clip ~= nil and type(given.clip) ~= "boolean" then fail(2, "clip: a boolean expected, got a %s", type(given.clip)) end
  return setmetatable({
    min_visibility = number(given, "min_visibility", 1, 0), min_area = number(given, "min_area", math.huge, 0), min_size = size,
    min_objects = number(given, "min_objects", math.huge, 0), clip = given.clip ~= false,
    on_lost = choice(given, "on_lost", { "drop", "keep", "reject" }), outline = choice(given, "outline", { "box", "ellipse" }),
    void = number(given, "void", 65535), exclude = exclusions(given.exclude), class_on_flip = given.class_on_flip or {},
    log = {},
  }, Rules)
end

--- Count an event: "clipped", "dropped: min_area", "rejected: ...".
function Rules:count(event) self.log[event] = (self.log[event] or 0) + 1 end

--- The counts as a list of { event =, count = }, in order of the events' names.
function Rules:events()
  local names, out = {}, {}
  for name in pairs(self.log) do names[#names + 1] = name end
  table.sort(names)
  for k, name in ipairs(names) do out[k] = { event = name, count = self.log[name] } end
  return out
end

--- Why an object with these measures is lost, or nil. `visibility` 0..1, `area` in square pixels (nil: has none), w, h
-- (nil: has no extent).
function Rules:lost(visibility, area, w, h)
  if visibility < self.min_visibility - 1e-6 then return "min_visibility" end
  if area and area < self.min_area then return "min_area" end
  if w and (w < self.min_size[1] or h < self.min_size[2]) then return "min_size" end
end

--- The class that keeps a picture with this label away from an augmentation, or nil.
-- The classes are those of the objects, `class` and `classes` of the image, or the plain label itself.
function Rules:excluded(label, row)
  if next(self.exclude) == nil then return nil end
  local function refused(class) return class ~= nil and self.exclude[class] and self.exclude[class][row] end
  if type(label) ~= "table" then return refused(label) and label or nil end
  local names = label.meta and label.meta.class_names or {}
  for _, object in ipairs(label.kind == "shapes" and label.shapes or {}) do
    if refused(object.class) then return object.class end
    local name = names[object.class]
    if refused(name) then return name end
  end
  if refused(label.class) then return label.class end
  for _, class in ipairs(type(label.classes) == "table" and label.classes or {}) do if refused(class) then return class end end
end

return M
