--- The prompt: lines of Lua, run as they come.
--
-- Expressions print their value, statements may go over several lines. Ctrl-C ends
-- what runs, not the prompt; Ctrl-D leaves. Without a terminal lines are read and
-- results written with no prompt, colour or history.
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local complete = require "brink.complete"
local core = require "brink.core"
local inspect = require "brink.inspect"
local nearest = require "brink.nearest"
local thumbnail = require "brink.thumbnail"

local M = {}

local async, term = core.async, core.term
local NAME = "repl"
local TRACE_LINES = 6

local function sorted_keys(t)
  local list = {}
  for k in next, t do if type(k) == "string" then list[#list + 1] = k end end
  table.sort(list)
  return list
end

local GENERAL = [[
brink.image.load "photo.jpg"            a picture; so is image.new(w, h, channels)
image:apply { GaussianBlur = 0.3 }      effects on it; TAB completes names
augment.list()                          the catalogue
dataset "photos/"                       a folder of pictures
study = augmenter{}:search(dataset "photos/")
help GaussianBlur, help gaussian        an augmentation, a primitive]]

local function primitive_help(row)
  local out = { row.name .. ": " .. row.doc }
  for _, p in ipairs(row.params) do
    local range = p.lo and p.hi and ("%g..%g"):format(p.lo, p.hi) or p.type or ""
    out[#out + 1] = ("  %-12s %s%s%s"):format(p.name, range, p.unit and p.unit ~= "" and " " .. p.unit or "", p.doc and p.doc ~= "" and ": " .. p.doc or "")
  end
  return table.concat(out, "\n")
end

local function help_on(_, name)
  local row = brink.augment.find(name)
  if row then return print(require("brink.cli.list").detail(row)) end
  for _, p in ipairs(core.plan.prims()) do if p.name == name then return print(primitive_help(p)) end end
  error(("help: nothing named %s%s"):format(tostring(name), nearest.hint(tostring(name), sorted_keys(brink.prim))), 2)
end

--- The environment of a prompt: the global table with brink and its public parts added.
function M.environment()
  local env = _G
  env.brink = brink
  for _, name in ipairs(sorted_keys(brink)) do
    if name ~= "core" and rawget(env, name) == nil then env[name] = brink[name] end
  end
  env.help = setmetatable({}, { __tostring = function() return GENERAL end, __call = help_on })
  return env
end

--- Compile what was typed: an expression (with or without = before it), statements, or `help NAME`. Returns a function; or nil, true
-- and the message when more lines are needed; or nil, message.
function M.compile(text, env)
  local expression, marked = text:gsub("^%s*=", "", 1)
  local topic = text:match "^%s*help%s+([%a_][%w_]*)%s*$"
  if topic then return load(("help(%q)"):format(topic), "=" .. NAME, "t", env) end
  local chunk, why = load("return " .. expression, "=" .. NAME, "t", env)
  if chunk then return chunk end
  if marked == 0 then chunk, why = load(text, "=" .. NAME, "t", env) end
  if chunk then return chunk end
  if why:match "<eof>['\"]?$" then return nil, true, why end
  return nil, why
end

-- The lines of a traceback between the error and the prompt; none when the error is in what was typed itself.
local function short_trace(trace)
  local lines, deep = {}, false
  for line in trace:gmatch "\n(\t[^\n]+)" do
    if line:find("brink/repl.lua:", 1, true) or line:find("[C]: in function 'xpcall'", 1, true) then break end
    lines[#lines + 1] = line
  end
  if lines[#lines] == "\t(...tail calls...)" then lines[#lines] = nil end
  if #lines > 0 and lines[#lines]:find "'chunk'" then lines[#lines] = nil end
  for _, line in ipairs(lines) do deep = deep or not line:find("^\t%[C%]") end
  if not deep then return "" end
  local rest = #lines - TRACE_LINES
  if rest > 0 then lines[TRACE_LINES + 1] = ("\t... and %d more"):format(rest) end
  return "\n" .. table.concat(lines, "\n", 1, math.min(#lines, TRACE_LINES + 1))
end

local function is_interruption(err) return type(err) == "table" and err.code == "cancelled" end

local function handler(err)
  if is_interruption(err) then return err end
  local text = type(err) == "string" and err or inspect.text(err)
  text = text:gsub("^brink/repl%.lua:%d+: ", "") -- a tail call from what was typed has no place of its own
  local trace = debug.traceback("", 2)
  local first = text:match "^(.-)\nstack traceback:" -- an error out of brink.map has its own
  if first then trace, text = text:sub(#first + 1), first end
  local name = text:match "%(global '([%a_][%w_]*)'%)"
  if name and rawget(_G, name) == nil then text = text .. nearest.hint(name, sorted_keys(_G)) end
  return text .. short_trace(trace)
end

local Repl = {}
Repl.__index = Repl

local function is_image(v)
  local meta = type(v) == "userdata" and debug.getmetatable(v)
  return type(meta) == "table" and meta.__name == "brink.Image"
end

-- Values side by side where each is one line; pictures below.
local function show(self, values)
  local texts, lines = {}, 0
  for k = 1, values.n do
    texts[k] = inspect.text(values[k])
    if texts[k]:find("\n", 1, true) then lines = lines + 1 end
  end
  self.out:write(table.concat(texts, lines > 0 and "\n" or "\t"), "\n")
  for k = 1, values.n do
    local v = values[k]
    if self.ability and is_image(v) and pcall(function() return v.width end) then
      self.out:write(thumbnail.text(v, self.ability, math.min(60, term.width() - 1)), "\n")
    end
  end
end

local function run(self, chunk)
  local values = table.pack(chunk())
  if values.n == 0 then return end
  self.env._ = values[1]
  show(self, values)
end

local function say(self, text)
  self.out:flush()
  self.err:write(text, "\n")
end

local function hint_at_locals(self, text)
  if self.hinted or not text:match "^%s*local%s" then return end
  self.hinted = true
  say(self, "(a local ends with its line; leave out `local` to keep the name)")
end

--- Run what was typed. True when it ran, false when it failed, nil when more lines are needed.
function Repl:feed(line)
  self.pending = self.pending and self.pending .. "\n" .. line or line
  if self.pending:match "^%s*$" then
    self.pending = nil
    return true
  end
  local chunk, why = M.compile(self.pending, self.env)
  if not chunk and why == true then return nil end
  local text = self.pending
  self.pending = nil
  local ok, err = chunk ~= nil, why
  if chunk then ok, err = xpcall(run, handler, self, chunk) end
  if ok then
    hint_at_locals(self, text)
  elseif is_interruption(err) then
    if err.exit ~= 130 then error(err, 0) end
    async.clear()
    say(self, "interrupted")
  else
    say(self, err)
  end
  self.out:flush()
  return ok
end

local function history_path()
  local home = os.getenv "HOME"
  local state = os.getenv "XDG_STATE_HOME"
  if not state or state:sub(1, 1) ~= "/" then
    if not home or home == "" then return nil end
    state = home .. "/.local/state"
  end
  return core.file.mkdirs(state .. "/brink") and state .. "/brink/history"
end

local function remember(self, line)
  if not self.history or line:match "^%s*$" or line == self.last_line then return end
  self.last_line = line
  term.add_history(line)
  term.write_history(self.history)
end

-- LUA_INIT as the stock interpreter has it.
local function init(self)
  local text = os.getenv "LUA_INIT_5_4" or os.getenv "LUA_INIT"
  if not text or text == "" then return end
  local chunk, why
  if text:sub(1, 1) == "@" then chunk, why = loadfile(text:sub(2), "t", self.env) else chunk, why = load(text, "=LUA_INIT", "t", self.env) end
  local ok = chunk ~= nil
  if chunk then ok, why = xpcall(chunk, handler) end
  if not ok then say(self, why) end
end

--- A prompt. opts: out, err (files; standard output and error), interactive (a terminal is there), ability (see thumbnail),
-- env.
function M.new(opts)
  opts = opts or {}
  local self = setmetatable({ out = opts.out or io.stdout, err = opts.err or io.stderr, interactive = opts.interactive, ability = opts.ability,
    env = opts.env or M.environment() }, Repl)
  if self.interactive then
    self.history = history_path()
    if self.history and core.file.info(self.history).type == "file" then term.read_history(self.history) end
    term.set_completer(complete.completer(self.env, function() return self.pending and self.pending .. "\n" or "" end))
  end
  return self
end

--- Read and run until the input ends. Returns whether everything ran.
function Repl:loop()
  init(self)
  local fine = true
  while true do
    local prompt = self.pending and (self.env._PROMPT2 or ">> ") or (self.env._PROMPT or "> ")
    local line, why = term.readline(self.interactive and tostring(prompt) or "")
    if not line then
      if why ~= "interrupted" then break end
      local signal = async.interruption()
      if signal and signal.exit ~= 130 then error(signal, 0) end
      async.clear()
      self.pending = nil
      if self.interactive then self.out:write "\n" end
    else
      if self.interactive then remember(self, line) end
      if self:feed(line) == false then fine = false end
    end
  end
  if self.pending then
    local _, _, message = M.compile(self.pending, self.env)
    say(self, message)
    fine = false
  end
  if self.interactive then self.out:write "\n" end
  return fine
end

return M
