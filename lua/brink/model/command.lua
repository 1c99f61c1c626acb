--- A model in a program that takes a file name: brink.model{ command = "classify {file}" }.
--
-- Each prediction runs the program once. {file} becomes the name of the picture as PNG (nothing is lost) in memory;
-- nothing is left behind, however the run ends. What the program prints is the label: a JSON value when it
-- begins like an object, an array or a quoted text, else the text itself without blanks around it.
-- SPDX-License-Identifier: MIT
local answers = require "brink.model.answer"
local core = require "brink.core"
local identity = require "brink.identity"

local M = {}

local OPTIONS = {
  command = "any", shell = "boolean", timeout = "seconds", suffix = "any", output = "any", env = "table", cwd = "string",
  identity = "string", parallel = "count",
}

local Command = { __name = "brink.Model" }
Command.__index = Command

local function quoted(path) return "'" .. path:gsub("'", "'\\''") .. "'" end

--- The arguments for one picture.
local function argv_for(self, path)
  if self.shell then return { "/bin/sh", "-c", (self.command:gsub("{file}", function() return quoted(path) end)) } end
  local out = {}
  for k, word in ipairs(self.argv) do out[k] = (word:gsub("{file}", function() return path end)) end
  return out
end

local function decode(text)
  local value, message = core.json.decode(text)
  if value == nil then return nil, "standard output: " .. message end
  return value
end

local function parse(self, text)
  local trimmed = text:match "^%s*(.-)%s*$"
  if self.format == "json" or self.format == "auto" and trimmed:find '^[%[{"]' then
    local value, message = decode(trimmed)
    if value == nil then return answers.failure(message) end
    local sure
    if type(value) == "table" and self.format == "auto" and value.label ~= nil then value, sure = value.label, value.confidence end
    return answers.of(value, sure, self.output)
  end
  if trimmed == "" then return answers.failure "nothing on standard output" end
  return answers.of(trimmed, nil, self.output)
end

--- label [, confidence]; or nil, message, code.
function Command:predict(image)
  local bytes, file, text, message, code
  bytes, message, code = image:encode("png", { level = 1 })
  if not bytes then return nil, message, code end
  file, message, code = core.process.file(bytes, self.suffix)
  if not file then return nil, message, code end
  local _ <close> = file
  text, message, code = core.process.run { argv = argv_for(self, file:path()), env = self.env, cwd = self.cwd, timeout = self.timeout }
  if not text then return nil, message, code end
  return answers.unpack(parse(self, text))
end

local FORMATS = { auto = true, json = true, text = true }

--- Open a command model. x: command = argv (a list, or a text split at blanks with '..' and ".." as quotes), with {file}
-- in it; shell = true gives the text to /bin/sh; timeout (30 s); output = "auto" (see the head of this file; an object with
-- a field `label` gives that and its `confidence`), "json", "text" or a function(text) -> label; suffix: the name ends
-- with it (default ".png"; false: a bare path into this process, where not even the name of a file comes about); env, cwd,
-- identity as for process.lua. Raises on misuse.
function M.open(x)
  answers.options("command", x, OPTIONS)
  local self = setmetatable({ shell = x.shell, timeout = x.timeout or 30, cwd = x.cwd }, Command)
  if x.shell then
    if type(x.command) ~= "string" then error("command model: command: with shell = true a text expected", 0) end
    self.command, self.argv = x.command, { "/bin/sh", "-c", x.command }
  else
    self.argv = answers.argv("command model: command", x.command)
  end
  if not table.concat(self.argv, " "):find("{file}", 1, true) then error("command model: command: {file} expected in it, where the picture's name goes", 0) end
  if x.suffix == nil then self.suffix = ".png"
  elseif type(x.suffix) == "string" then self.suffix = x.suffix
  elseif x.suffix ~= false then error("command model: suffix: a text or false expected, got " .. type(x.suffix), 0) end
  if type(x.output) == "function" then
    self.format, self.output = "text", x.output
  else
    self.format = x.output or "auto"
    if not FORMATS[self.format] then error('command model: output: "auto", "json", "text" or a function expected', 3) end
  end
  if x.env then self.env = answers.env(x.env, "command model") end
  self.identity = x.identity or ("command %s: %s%s"):format(answers.argv_identity(self.argv, x.cwd), self.format,
    self.output and " " .. identity.of(self.output) or "")
  return self
end

return M
