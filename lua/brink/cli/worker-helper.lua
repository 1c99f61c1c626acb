--- brink worker-helper: the Python helper, for those who want to look at it or take it along.
-- SPDX-License-Identifier: MIT
local exit = require "brink.cli.exit"
local worker = require "brink.worker"

local M = {
  name = "worker-helper", hidden = true,
  usage = "brink worker-helper [--path]",
  doc = "Print brink_worker.py, the helper for models in Python.",
  details = [[A program that says `from brink_worker import serve; serve(predict)` is a model: brink.model "predict.py", or --model predict.py. When brink starts it, it finds the helper by itself; this command is for reading it, or for keeping a copy beside a program that is tried without brink.]],
  options = { { name = "path", type = "flag", doc = "print where the file is instead of its text" } },
  examples = { { "brink worker-helper > brink_worker.py" } },
}

function M.run(values, operands)
  if #operands > 0 then exit.with(exit.usage, "worker-helper: unexpected %q", operands[1]) end
  if values.path then io.write(exit.try(worker.path()), "\n") else io.write(worker.text()) end
end

return M
