--- The command line: dispatch to one file per command, or to a recipe.
--
-- A command file returns { name, doc, usage, details, examples, options, run }:
-- run(values, operands) does the work and returns an exit code (nil is 0).
-- SPDX-License-Identifier: MIT
local exit = require "brink.cli.exit"
local nearest = require "brink.nearest"
local options = require "brink.cli.options"

local M = {}

-- in the order of the help text; one that this build has no file for is left out
local COMMANDS = {
  "search", "report", "synth", "eval", "compare", "check", "explain", "apply", "show", "list", "replay", "merge", "serve", "repl",
}

--- The command of that name, or nil when this build has none. A fault inside its file is raised.
function M.command(name)
  local known = false
  for _, c in ipairs(COMMANDS) do known = known or c == name end
  if not known then return nil end
  local ok, result = pcall(require, "brink.cli." .. name)
  if ok then return result end
  if tostring(result):find("module 'brink.cli." .. name .. "' not found", 1, true) then return nil end
  error(result, 0)
end

--- Names of the commands of this build.
function M.commands()
  local list = {}
  for _, name in ipairs(COMMANDS) do if M.command(name) then list[#list + 1] = name end end
  return list
end

local function help()
  local out = {
    "usage: brink COMMAND [options] [...]", "       brink RECIPE.lua [arguments]", "       brink --version [--json]", "",
    "Find the brink at which a vision model breaks, see why, and make the data that", "moves it.", "", "commands:",
  }
  for _, name in ipairs(M.commands()) do
    out[#out + 1] = ("  %-9s %s"):format(name, options.wrap(M.command(name).doc, 67, 12))
  end
  out[#out + 1] = "\n`brink COMMAND --help` tells more. A recipe is a Lua script that says\n`local brink = require \"brink\"`; its folder is searched for modules.\n\nexit codes:"
  for _, c in ipairs(exit.codes) do out[#out + 1] = ("  %-9d %s"):format(c.code, c.doc) end
  return table.concat(out, "\n") .. "\n"
end

local function version(args)
  local core = require "brink.core"
  if args[2] == "--json" then
    io.write(core.json.encode(core.version), "\n")
    return exit.ok
  elseif args[2] then
    exit.with(exit.usage, "--version: unexpected %q (only --json may follow)", args[2])
  end
  local v = core.version
  io.write("brink ", v.brink, "\n")
  for _, lib in ipairs(v.libraries) do io.write(("  %-10s %s\n"):format(lib.name, lib.version)) end
  for _, f in ipairs(v.features) do io.write(("  %-10s %s\n"):format(f.name, f.present and "yes" or "not built in")) end
  return exit.ok
end

--- Run a recipe: its folder first on package.path, `arg` as the stock interpreter sets it.
local function recipe(args)
  local path = args[1]
  local f, why = io.open(path, "rb")
  if not f then exit.with(exit.input, "%s", why) end
  local _, read_error, number = f:read(0)
  f:close()
  if number then exit.with(exit.input, "%s: %s", path, read_error) end
  local dir = path:match "^(.*)/[^/]*$" or "."
  if dir == "" then dir = "/" end
  package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(dir, dir, package.path)
  arg = { [-1] = args[0], [0] = path, table.unpack(args, 2) }
  local script, syntax = loadfile(path, "t")
  if not script then exit.with(exit.failure, "%s", syntax) end
  script(table.unpack(args, 2))
  return exit.ok
end

local function run_command(command, args)
  local values, operands = options.parse(command, table.move(args, 2, #args, 1, {}))
  if values.help then
    io.write(options.help(command))
    return exit.ok
  end
  return command.run(values, operands) or exit.ok
end

local function help_on(name)
  local command = M.command(name)
  if not command then exit.with(exit.usage, "no command %s%s", name, nearest.hint(name, M.commands())) end
  io.write(options.help(command))
  return exit.ok
end

local function dispatch(args)
  local first = args[1]
  if first == nil then
    local term = require("brink.core").term
    if term.isatty and term.isatty(0) and M.command "repl" then return run_command(M.command "repl", { "repl" }) end
    io.stderr:write(help())
    return exit.usage
  end
  if first == "-h" or first == "--help" or first == "help" then
    if args[2] then return help_on(args[2]) end
    io.write(help())
    return exit.ok
  elseif first == "--version" or first == "-V" then
    return version(args)
  elseif first:sub(1, 1) == "-" then
    exit.with(exit.usage, "no option %s; `brink help` lists what there is", first)
  end
  local command = M.command(first)
  if command then return run_command(command, args) end
  if first:find("[./]") then return recipe(args) end
  exit.with(exit.usage, "no command %s%s", first, nearest.hint(first, M.commands()))
end

--- The exit code carried by an error value (ours, or an interruption's), or nil.
local function code_of(err)
  local left = exit.of(err)
  if left then return left.code end
  return type(err) == "table" and math.type(err.exit) == "integer" and err.exit or nil
end

--- What the person sees of an error, and the exit code.
local function report(err)
  local code, text = code_of(err), tostring(err)
  if code then return text, code end
  return text, text:find("not enough memory", 1, true) and exit.internal or exit.failure
end

local function handler(err)
  if code_of(err) then return err end
  return debug.traceback(tostring(err), 2)
end

--- Run the program; returns the exit code. `args` as C gives it: [0] is the program.
function M.main(args)
  local ok, result = xpcall(dispatch, handler, args)
  local code = result
  if not ok then
    local message
    message, code = report(result)
    io.stderr:write("brink: ", message, "\n")
  end
  local flushed, why = io.stdout:flush()
  if not flushed and code == exit.ok then
    if not why:find("Broken pipe", 1, true) then io.stderr:write("brink: standard output: ", why, "\n") end
    code = why:find("Broken pipe", 1, true) and exit.failure or exit.disk
  end
  return code
end

return M
