--- brink repl: the prompt.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local exit = require "brink.cli.exit"
local output = require "brink.cli.output"
local script = require "brink.cli.script"

local M = {
  name = "repl",
  usage = "brink repl [--recipe FILE]",
  doc = "A prompt with brink loaded; `brink` alone on a terminal is the same.",
  details = [[Expressions print their value, statements may go over several lines. TAB completes names, methods, augmentations inside apply{ and file names inside quotes. Pictures are shown as far as the terminal can. Ctrl-C ends what runs, Ctrl-D leaves. Without a terminal, lines are read from standard input and no prompt is shown; the exit code then is 1 when a line failed.]],
  options = {
    { name = "recipe", value = "FILE", doc = "run this recipe first; what it returns is the global `recipe`" },
    { name = "thumbnails", choices = { "auto", "24", "256", "none" }, default = "auto", doc = "how pictures are shown: bits or number of colours" },
  },
  examples = {
    { "brink" },
    { "echo 'image.load(\"photo.jpg\"):stats()' | brink repl" },
  },
}

local function ability(values)
  if values.thumbnails == "none" then return nil end
  if values.thumbnails ~= "auto" then return values.thumbnails end
  return output.colour(1) and require("brink.thumbnail").ability() or nil
end

function M.run(values, operands)
  if #operands > 0 then exit.with(exit.usage, "repl: unexpected %q (brink repl --recipe FILE runs one first)", operands[1]) end
  local repl = require "brink.repl"
  local interactive = core.term.isatty(0) and core.term.isatty(1)
  local prompt = repl.new { interactive = interactive, ability = ability(values) }
  if values.recipe then prompt.env.recipe = script.load(values.recipe)() end
  if interactive and not values.quiet then
    io.write(("brink %s, %s. TAB completes, `help` tells more, Ctrl-D leaves.\n"):format(core.version.brink, _VERSION))
  end
  local fine = prompt:loop()
  return not interactive and not fine and exit.failure or exit.ok
end

return M
