--- What happens to a label when its picture changes.
--
-- Synthesis calls these for every picture it makes. A plain label (a string, a number, any table of data without
-- kind = "shapes") names what the picture shows, so it stays. Shapes move with the pixels: labels/shapes.lua says what
-- they look like, labels/rules.lua what happens to those that suffer.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local custom = require "brink.labels.formats.custom"
local draw = require "brink.labels.draw"
local rules = require "brink.labels.rules"
local shapes = require "brink.labels.shapes"
local transport = require "brink.labels.transport"

local M = { shapes = shapes }

--- Checked rules: see labels/rules.lua.
M.rules = rules.new

--- The label that goes with the new picture.
-- label: of the source picture, nil when it has none; plan: list of primitives; image_in, image_out: the pictures before and
-- after it; given: rules (none: drop what leaves the frame); a table with `transform` = function(label, warp) moves a
-- label of one's own kind instead (warp:point(x, y), warp:polygon(points), warp:box(x, y, w, h), warp:mask(image)); so does
-- the transform of a format of one's own (labels/formats/custom.lua), for labels of its kind.
-- Returns the new label (the same value where nothing changes), or nil, reason when no label is left that can be used:
-- the picture is then drawn again.
function M.transport(label, plan, image_in, image_out, given) -- luacheck: no unused args
  local own = type(given) == "table" and getmetatable(given) == nil and given.transform or custom.transform_of(label)
  if own then
    if label == nil then return nil end
    local list = type(plan) == "userdata" and plan or core.plan.new(plan)
    return own(label, assert(list:warp(image_in.width, image_in.height)))
  end
  if not shapes.is(label) then return label end
  return transport.shapes(label, plan, image_in, given)
end

--- The class of a label that must not meet an augmentation (rules.exclude), or nil.
function M.excluded(label, row, given) return given and rules.new(given):excluded(label, row) end

--- The label as data for a manifest line.
function M.record(label)
  if shapes.is(label) then return shapes.record(label) end
  return label
end

--- The picture with its label drawn on it, for people to look at. opts: as labels/draw.lua takes.
function M.draw(image, label, opts)
  if shapes.is(label) then return draw.shapes(image, label, opts) end
  return image
end

--- How many objects of which classes: "2 person, dog".
local function summary(label)
  local names, count, order, out = label.meta and label.meta.class_names or {}, {}, {}, {}
  for _, object in ipairs(label.shapes or {}) do
    local name = tostring(names[object.class] or object.class or "object")
    if not count[name] then order[#order + 1] = name end
    count[name] = (count[name] or 0) + 1
  end
  for k, name in ipairs(order) do out[k] = count[name] > 1 and ("%d %s"):format(count[name], name) or name end
  if label.class ~= nil then table.insert(out, 1, tostring(label.class)) end
  return #out > 0 and table.concat(out, ", ") or "no objects"
end

--- A label in a few words, on one line.
function M.text(label)
  if label == nil then return "" end
  if type(label) == "string" then return label end
  if shapes.is(label) then return summary(label) end
  local ok, text = pcall(core.json.encode, label)
  return ok and text or "(" .. type(label) .. ")"
end

--- The class of a picture by its label: the label itself when it is a string or a number, else its field `class`; nil without.
function M.class(label)
  local class = label
  if type(label) == "table" then class = label.class end
  if type(class) == "string" then return class end
  if math.type(class) == "integer" then return ("%d"):format(class) end
  return type(class) == "number" and ("%.17g"):format(class) or nil
end

return M
