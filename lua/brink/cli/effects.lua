--- Effects on a command line: NAME=intensity, NAME.parameter=value.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local exit = require "brink.cli.exit"
local core = require "brink.core"

local M = {}

--- Split operands into effects (in order, as augment.compose takes them) and paths.
-- A path with an equals sign needs a slash (./a=b.png). Leaves with the usage code on an unknown name or value.
function M.split(operands)
  local effects, at, paths = {}, {}, {}
  for _, text in ipairs(operands) do
    local name, param, value = text:match "^(%a[%w_]*)%.?([%a_]*[%w_]*)=(.*)$"
    if not name then
      paths[#paths + 1] = text
    else
      local row = exit.checked(augment.get, name)
      local v = tonumber(value)
      if not v then exit.with(exit.usage, "%s: expected a number after =, got %q", text, value) end
      if param ~= "" then
        exit.checked(row.check_params, row, { [param] = v })
        local e = at[row.name] or { row.name, nil, {} }
        if not at[row.name] then
          effects[#effects + 1] = e
          at[row.name] = e
        end
        e[3] = e[3] or {}
        e[3][param] = v
      else
        exit.checked(row.check_intensity, row, v)
        local e = at[row.name]
        if e and e[2] then e = nil end
        if not e then
          e = { row.name }
          effects[#effects + 1] = e
        end
        e[2] = v
        at[row.name] = e
      end
    end
  end
  return effects, paths
end

--- Leaves with the usage code when one of the paths is a word that names no file: an effect was meant.
function M.check_words(paths)
  for _, text in ipairs(paths) do
    if text:find "^%a[%w_]*$" and core.file.info(text).type == "missing" then exit.checked(augment.get, text) end
  end
end

--- "GaussianBlur 0.3" or "GaussianBlur sigma 0.02".
function M.text(applied)
  local row = augment.get(applied.name)
  return applied.i and ("%s %.6g"):format(row.name, applied.i) or row.name .. " " .. row:text(applied.params)
end

--- Load an input or leave with the code that says why not.
function M.load(path)
  return exit.try(core.image.load(path))
end

return M
