--- What a command writes: JSON objects with a version, and whether colours may be used.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

local M = { version = 1, mode = "auto" }

--- Print the result of a command as one JSON object on standard output: { version = 1, command = name, ... }.
-- The version grows when a field changes its meaning or goes away; fields may be added.
function M.json(command, fields)
  local object = { version = M.version, command = command }
  for key, value in next, fields do object[key] = value end
  io.write(core.json.encode(object, { indent = 2 }), "\n")
end

--- May colours be written to file descriptor fd? --color decides, else the terminal and NO_COLOR.
function M.colour(fd)
  if M.mode ~= "auto" then return M.mode == "always" end
  return core.term.colour(fd)
end

--- The text in bold where fd takes colours.
function M.bold(text, fd) return M.colour(fd or 1) and "\27[1m" .. text .. "\27[0m" or text end

return M
