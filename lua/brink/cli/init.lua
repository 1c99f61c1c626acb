--- The command line: dispatch to one file per command, or to a recipe.
--
-- A command file returns { name, doc, usage, details, examples, options, run }:
-- run(values, operands) does the work and returns an exit code (nil is 0).
-- SPDX-License-Identifier: MIT
local exit = require "brink.cli.exit"
local nearest = require "brink.nearest"
local options = require "brink.cli.options"
local output = require "brink.cli.output"
local script = require "brink.cli.script"

local M = {}

-- in the order of the help text; one that this build has no file for is left out
local COMMANDS = {
  "search", "report", "synth", "eval", "compare", "check", "explain", "apply", "show", "list", "replay", "merge", "serve", "repl", "completion", "worker-helper",
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

local TOPICS = { { "json", "what --json prints" }, { "recipe", "what a recipe is" } }

local function help()
  local out = {
    "usage: brink COMMAND [options] [...]", "       brink RECIPE.lua [arguments]     a recipe; - reads it from standard input",
    "       brink -e CODE [arguments]", "       brink [repl]                     a prompt", "       brink --version [--json]", "",
    "Find the brink at which a vision model breaks, see why, and make the data that", "moves it.", "", "commands:",
  }
  for _, name in ipairs(M.commands()) do
    local command = M.command(name)
    if not command.hidden then out[#out + 1] = ("  %-9s %s"):format(name, options.wrap(command.doc, 67, 12)) end
  end
  out[#out + 1] = "\n`brink COMMAND --help` tells more. Also `brink help`:"
  for _, topic in ipairs(TOPICS) do out[#out + 1] = ("  %-9s %s"):format(topic[1], topic[2]) end
  out[#out + 1] = "\nA recipe is a Lua script that says `local brink = require \"brink\"`; its folder\nis searched for modules.\n\nexit codes:"
  for _, c in ipairs(exit.codes) do out[#out + 1] = ("  %-9d %s"):format(c.code, c.doc) end
  return table.concat(out, "\n") .. "\n"
end

--- The fields of every command's JSON object, from its rows.
local function json_help()
  local out = {
    "With --json a command prints one JSON object on standard output; all else goes", "to standard error. Every object has", "",
    ("  %-13s %s"):format("version", ("number of this description, now %d; it grows when a field goes"):format(output.version)),
    ("  %-13s %s"):format("", "away or changes its meaning. Fields may be added."), ("  %-13s %s"):format("command", "name of the command"),
  }
  for _, name in ipairs(M.commands()) do
    local command = M.command(name)
    if command.json then
      out[#out + 1] = "\n" .. name
      for _, field in ipairs(command.json) do out[#out + 1] = ("  %-13s %s"):format(field[1], options.wrap(field[2], 63, 16)) end
    end
  end
  return table.concat(out, "\n") .. "\n"
end

local function version(args)
  local core = require "brink.core"
  local onnx = require("brink.model.runtime").open()
  if args[2] == "--json" then
    local facts = { onnxruntime = onnx and { version = onnx.version, path = onnx.path } or core.json.null }
    for key, v in next, core.version do facts[key] = v end
    output.json("version", facts)
    return exit.ok
  elseif args[2] then
    exit.with(exit.usage, "--version: unexpected %q (only --json may follow)", args[2])
  end
  local v = core.version
  io.write("brink ", v.brink, "\n")
  for _, lib in ipairs(v.libraries) do io.write(("  %-10s %s\n"):format(lib.name, lib.version)) end
  for _, f in ipairs(v.features) do io.write(("  %-10s %s\n"):format(f.name, f.present and "yes" or "not built in")) end
  io.write(("  %-10s %s\n"):format("ONNX", onnx and ("runtime %s, %s"):format(onnx.version, onnx.path) or "no runtime found (pip install onnxruntime)"))
  return exit.ok
end

--- Run a recipe: its folder first on package.path, `arg` as the stock interpreter sets it.
local function recipe(args)
  script.load(args[1], { [-1] = args[0], [0] = args[1], table.unpack(args, 2) })(table.unpack(args, 2))
  return exit.ok
end

--- Run Lua text: -e CODE, or standard input for "-".
local function text(args, source, name, first)
  arg = { [-1] = args[0], [0] = name, table.unpack(args, first) }
  package.path = "./?.lua;./?/init.lua;" .. package.path
  local chunk, syntax = load(source, "=" .. name, "t")
  if not chunk then exit.with(exit.failure, "%s", syntax) end
  chunk(table.unpack(args, first))
  return exit.ok
end

local function code_text(args)
  if not args[2] then exit.with(exit.usage, "-e: Lua code expected") end
  return text(args, args[2], "(command line)", 3)
end

local function standard_input(args)
  local source, why = io.read "a"
  if not source then exit.with(exit.input, "standard input: %s", why) end
  return text(args, (source:gsub("^#[^\n]*", "")), "stdin", 2)
end

local function run_command(command, args)
  local values, operands = options.parse(command, table.move(args, 2, #args, 1, {}))
  if values.help then
    io.write(options.help(command))
    return exit.ok
  end
  M.verbose = values.verbose
  if values.color then output.mode = values.color end
  local code = command.run(values, operands) or exit.ok
  if values.verbose then
    local u = require("brink.core").term.rusage()
    io.stderr:write(("brink: %.1f s of processor time, %.0f MiB at most\n"):format(u.cpu, u.peak / 2 ^ 20))
  end
  return code
end

local function help_on(name)
  if name == "json" then
    io.write(json_help())
    return exit.ok
  elseif name == "recipe" then
    io.write(require "brink.cli.setup".help)
    return exit.ok
  elseif name == "--man" then
    io.write(require "brink.cli.man".page(M))
    return exit.ok
  end
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
  elseif first == "-e" then
    return code_text(args)
  elseif first == "-" then
    return standard_input(args)
  elseif first:sub(1, 1) == "-" then
    exit.with(exit.usage, "no option %s; `brink help` lists what there is", first)
  end
  local command = M.command(first)
  if command then return run_command(command, args) end
  if first:find("[./]") then return recipe(args) end
  exit.with(exit.usage, "no command %s%s", first, nearest.hint(first, M.commands()))
end

--- What the person sees of an error, and the exit code.
local function report(err)
  local left, said = exit.of(err), tostring(err)
  if left then return left.message, left.code end
  return said, exit.starved(said) and exit.internal or exit.failure
end

-- Whether a text begins with the place of a function that is running, as error() and the language itself write it; a message
-- that begins with "http://host:8000: " does not.
local function has_place(text)
  local level = 2
  local info = debug.getinfo(level, "Sl")
  while info do
    local place = ("%s:%d: "):format(info.short_src, info.currentline)
    if text:sub(1, #place) == place then return true end
    level = level + 1
    info = debug.getinfo(level, "Sl")
  end
  return text:find("\nstack traceback:", 1, true) ~= nil
end

local function handler(err)
  if exit.of(err) then
    if M.verbose then io.stderr:write(debug.traceback("brink: left here:", 2), "\n") end
    return err
  end
  -- a text without a place is a message for the user, said on purpose: where it arose is of no interest
  if type(err) == "string" and not has_place(err) and not exit.starved(err) and not M.verbose then return err end
  return debug.traceback(tostring(err), 2)
end

-- Strings as they were when the program began: a recipe that breaks them breaks itself, not what is said about it.
local string_meta, string_functions = debug.getmetatable "", {}
for name, fn in next, string do string_functions[name] = fn end

local function mend_strings()
  for name, fn in next, string_functions do rawset(string, name, fn) end
  rawset(string_meta, "__index", string)
  debug.setmetatable("", string_meta)
end

local function checked_dispatch(args)
  local root = os.getenv "BRINK_LUA"
  if root and root ~= "" and require("brink.core").file.info(root .. "/brink").type ~= "dir" then
    exit.with(exit.input, "BRINK_LUA: %s: no folder brink in it; a working copy's folder lua is expected", root)
  end
  return dispatch(args)
end

--- Run the program; returns the exit code. `args` as C gives it: [0] is the program.
function M.main(args)
  local ok, result = xpcall(checked_dispatch, function(err)
    mend_strings()
    return handler(err)
  end, args)
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
