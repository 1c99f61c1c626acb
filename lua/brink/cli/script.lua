--- Lua text from files: recipes, and models in Lua.
-- SPDX-License-Identifier: MIT
local exit = require "brink.cli.exit"

local M = {}

--- The chunk of a Lua file, its folder first on package.path. `args`: for a program of its own, set as `arg` by the stock
-- interpreter; without them `arg` names brink, so that a script can tell that it only prepares another command.
-- Leaves with the input code when it cannot be read, with the failure code when it is no Lua.
function M.load(path, args)
  local f, why = io.open(path, "rb")
  if not f then exit.with(exit.input, "%s", why) end
  local _, read_error, number = f:read(0)
  f:close()
  if number then exit.with(exit.input, "%s: %s", path, read_error) end
  local dir = path:match "^(.*)/[^/]*$" or "."
  if dir == "" then dir = "/" end
  package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(dir, dir, package.path)
  arg = args or { [0] = "brink" }
  local script, syntax = loadfile(path, "t")
  if not script then exit.with(exit.failure, "%s", syntax) end
  return script
end

return M
