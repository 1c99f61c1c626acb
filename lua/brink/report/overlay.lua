--- Labels over a picture as SVG: the pixels below stay exactly what was tested.
-- SPDX-License-Identifier: MIT
local html = require "brink.report.html"
local shapes = require "brink.labels.shapes"

local M = {}

local MOST = 200 -- objects drawn; more would only cover the picture

local function n1(v) return (("%.1f"):format(v):gsub("%.0$", "")) end

local function path(rings)
  local out = {}
  for _, ring in ipairs(rings) do
    for k = 1, #ring - 1, 2 do out[#out + 1] = (k == 1 and "M" or "L") .. n1(ring[k]) .. " " .. n1(ring[k + 1]) end
    out[#out + 1] = "Z"
  end
  return table.concat(out)
end

-- Outlines of one object: its polygon, mask, oriented box or quad, else its box.
local function outline(object)
  local region, from = shapes.region(object)
  if region and from ~= "box" then
    local rings = {}
    for _, list in ipairs { region.parts or {}, region.holes or {} } do for _, ring in ipairs(list) do rings[#rings + 1] = ring end end
    return ('<path d="%s"/>'):format(path(rings))
  end
  local b = object.box
  if not b then return "" end
  return ('<rect x="%s" y="%s" width="%s" height="%s"/>'):format(n1(b[1]), n1(b[2]), n1(b[3]), n1(b[4]))
end

local function points(object, radius)
  local out, p = {}, object.keypoints or {}
  for k = 1, #p - 2, 3 do
    if p[k + 2] > 0 then out[#out + 1] = ('<circle cx="%s" cy="%s" r="%s"/>'):format(n1(p[k]), n1(p[k + 1]), n1(radius)) end
  end
  return table.concat(out)
end

local function title(label, object)
  local names = label.meta and label.meta.class_names or {}
  local name = tostring(names[object.class] or object.class or "object")
  return object.score and ("%s %.2f"):format(name, object.score) or name
end

local function group(label, class, radius)
  local out = {}
  for k, object in ipairs(label.shapes or {}) do
    if k > MOST then break end
    out[k] = ("<g><title>%s</title>%s%s</g>"):format(html.escape(title(label, object)), outline(object), points(object, radius))
  end
  return ('<g class="%s">%s</g>'):format(class, table.concat(out))
end

--- SVG over a picture of width x height: the truth in one colour, the prediction dashed in another.
-- Returns "" when neither is a label of shapes.
function M.svg(width, height, truth, prediction)
  local parts, radius = {}, math.max(1.5, math.min(width, height) / 90)
  if shapes.is(truth) then parts[#parts + 1] = group(truth, "truth", radius) end
  if shapes.is(prediction) then parts[#parts + 1] = group(prediction, "guess", radius) end
  if #parts == 0 then return "" end
  return ('<svg class="over" viewBox="0 0 %d %d">%s</svg>'):format(width, height, table.concat(parts))
end

return M
