--- Hashes of every built-in row at .25, .5 and 1 on a drawn picture.
-- Run after a picture became better, and say in the commit why:
--   LUA_PATH="tests/lib/?.lua;;" build/brink tests/golden/augment.lua > tests/golden/augment.json
-- As a module it returns the function that makes the table.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local core = require "brink.core"
local picture = require "picture"

local INTENSITIES = { 0.25, 0.5, 1 }

--- { [row] = { ["0.25"] = hash, ... } }; signed rows have "-0.25" ... as well.
local function hashes(rows)
  local image, out = picture.draw(97, 64), {}
  for _, row in ipairs(rows) do
    out[row.name] = {}
    for _, i in ipairs(INTENSITIES) do
      for _, sign in ipairs(row.signed and { 1, -1 } or { 1 }) do
        out[row.name][("%g"):format(i * sign)] = augment.apply(image, { { row.name, i * sign } }, { sample = "golden" }):hash()
      end
    end
  end
  return out
end

if arg and arg[0] and arg[0]:find "golden/augment%.lua$" then
  io.write(core.json.encode(hashes(augment.list()), { indent = 2 }), "\n")
end
return hashes
