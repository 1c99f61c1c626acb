--- Exit codes, and leaving a command with one of them.
-- SPDX-License-Identifier: MIT
local M = {}

--- What each exit code means, in order; printed by `brink help`.
M.codes = {
  { code = 0, name = "ok", doc = "done" },
  { code = 1, name = "failure", doc = "the work failed, or a recipe raised an error" },
  { code = 2, name = "usage", doc = "the command line or a value on it is wrong" },
  { code = 3, name = "input", doc = "an input is missing, unreadable or not permitted" },
  { code = 4, name = "bad_inputs", doc = "too many inputs were bad" },
  { code = 5, name = "disk", doc = "the output could not be written" },
  { code = 6, name = "locked", doc = "another run holds the store or folder" },
  { code = 7, name = "model", doc = "the model failed" },
  { code = 8, name = "internal", doc = "a fault of this program, or out of memory" },
  { code = 9, name = "gate", doc = "a check asked for did not hold" },
  { code = 130, name = "interrupted", doc = "stopped by Ctrl-C" },
  { code = 143, name = "terminated", doc = "stopped by a termination signal" },
}
for _, row in ipairs(M.codes) do M[row.name] = row.code end

local Exit = { __name = "brink.Exit" }
function Exit.__tostring(e) return e.message end

--- Leave the command: print "brink: message" to stderr, exit with code. `message` may be a format.
function M.with(code, message, ...)
  if select("#", ...) > 0 then message = message:format(...) end
  error(setmetatable({ code = code, message = message }, Exit), 0)
end

-- code words of `nil, message, code` -> exit code
local WORDS = {
  usage = M.usage, io = M.input, damaged = M.input, refused = M.input, limit = M.input, unsupported = M.input,
  mismatch = M.input, missing = M.input, unfinished = M.input, failures = M.bad_inputs, disk = M.disk, locked = M.locked, model = M.model,
  memory = M.internal, cancelled = M.interrupted, internal = M.internal,
}

--- The exit code of a code word.
function M.word(word) return WORDS[word] or M.failure end

--- The exit value { code, message } in an error, or nil when it is something else: what M.with raises, an interruption
-- (core.async), or a table with a message and one of the code words.
function M.of(err)
  if getmetatable(err) == Exit then return err end
  if type(err) ~= "table" then return nil end
  local meta = getmetatable(err)
  local text = type(err.message) == "string" and err.message or type(meta) == "table" and meta.__tostring and tostring(err)
  local code = math.type(err.exit) == "integer" and err.exit or WORDS[err.code]
  return code and text and { code = code, message = text } or nil
end

--- Pass a value on, or leave with the exit code of `nil, message, code`: local im = exit.try(brink.load(path)).
function M.try(value, message, word, ...)
  if value == nil then M.with(M.word(word), "%s", tostring(message)) end
  return value, message, word, ...
end

--- Whether an error's text says that memory ran out, in the words of Lua or of the engine.
function M.starved(text)
  text = text:match "^[^\n]*"
  return text:find("not enough memory", 1, true) ~= nil or text:find("out of memory", 1, true) ~= nil
end

--- Run fn(...); an error it raises is one of the command line's values: leave with the usage code and its text.
function M.checked(fn, ...)
  local result = table.pack(pcall(fn, ...))
  if not result[1] then
    if type(result[2]) ~= "string" or M.starved(result[2]) then error(result[2], 0) end
    M.with(M.usage, "%s", (tostring(result[2]):gsub("^[^\n:]+:%d+: ", "")))
  end
  return table.unpack(result, 2, result.n)
end

--- Run fn(...). An error that begins with `prefix` ("synthesize: ") is about an option's value: leave with the usage code. Others
-- are raised as they are, with their stack.
function M.checked_options(prefix, fn, ...)
  local result = table.pack(xpcall(fn, function(err)
    if type(err) ~= "string" then return err end
    local text = err:gsub("^[^\n:]+:%d+: ", "")
    if text:sub(1, #prefix) == prefix then return setmetatable({ code = M.usage, message = text }, Exit) end
    return err:find("\nstack traceback:", 1, true) and err or debug.traceback(err, 2)
  end, ...))
  if not result[1] then error(result[2], 0) end
  return table.unpack(result, 2, result.n)
end

return M
