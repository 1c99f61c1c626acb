--- What happens to a label when its picture changes.
--
-- Synthesis calls these for every picture it makes. A plain label (a string, a
-- number, any table of data) names what the picture shows, so it stays.
-- SPDX-License-Identifier: MIT
local M = {}

--- The label that goes with the new picture.
-- label: of the source picture, nil when it has none; plan: list of primitives; image_in, image_out: the pictures before and
-- after it. Returns the new label (the same value where nothing changes), or nil, reason when no label is left that can
-- be used: the picture is then drawn again.
function M.transport(label, plan, image_in, image_out) -- luacheck: no unused args
  return label
end

--- The label as data for a manifest line.
function M.record(label) return label end

--- The picture with its label drawn on it, for people to look at.
function M.draw(image, label) -- luacheck: no unused args
  return image
end

--- A label in a few words, on one line.
function M.text(label)
  if label == nil then return "" end
  if type(label) == "string" then return label end
  local ok, text = pcall(require("brink.core").json.encode, label)
  return ok and text or "(" .. type(label) .. ")"
end

return M
