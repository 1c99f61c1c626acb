--- The command line: one file per command.
-- SPDX-License-Identifier: MIT
local M = {}

--- Run the program; returns the exit code.
function M.main(args)
  if args[1] then
    local script = assert(loadfile(args[1], "t"))
    script(table.unpack(args, 2))
  end
  return 0
end

return M
