--- What models outside this process answer, made fit to be believed. An answer is a table: { label, confidence } or
-- { failure = text, code = word }.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

local M = {}

--- Code of a failure that says nothing about the picture: the model is gone. Such failures are not kept in a study.
M.UNAVAILABLE = "unavailable"

M.NOT_FINITE = "the answer holds a number that is not finite"

local MOST = 2200 -- bytes of a reason: one line and the tail of a worker's standard error

function M.failure(text, code) return { failure = #text > MOST and text:sub(1, MOST) .. "..." or text, code = code or "model" } end

--- Whether a label holds a NaN or an infinity anywhere.
function M.infinite(value, depth)
  depth = depth or 0
  if math.type(value) == "float" then return value ~= value or value == math.huge or value == -math.huge end
  if type(value) ~= "table" then return false end
  if depth > 100 then return true end
  for _, v in next, value do
    if M.infinite(v, depth + 1) then return true end
  end
  return false
end

--- An answer from a label as it came (JSON's null included). `output`: the user's function(label) -> label, or nil.
function M.of(label, confidence, output)
  if label == core.json.null then label = nil end
  if confidence == core.json.null then confidence = nil end
  if confidence ~= nil and (type(confidence) ~= "number" or not (confidence >= 0 and confidence <= 1)) then
    return M.failure(("confidence: %s, a number in 0..1 expected"):format(tostring(confidence)))
  end
  if output then
    label = output(label)
  end
  if label == nil then return M.failure "no label in the answer" end
  if M.infinite(label) then return M.failure(M.NOT_FINITE) end
  return { label = label, confidence = confidence }
end

--- label, confidence; or nil, message, code: as predict returns it.
function M.unpack(answer)
  if answer.failure then return nil, answer.failure, answer.code end
  return answer.label, answer.confidence
end

--- Raises when the options of x are not of these: { name = kind of value }.
function M.options(what, x, known)
  local nearest = require "brink.nearest"
  local names = {}
  for name in pairs(known) do names[#names + 1] = name end
  table.sort(names)
  local given = {}
  for name in next, x do given[#given + 1] = tostring(name) end
  table.sort(given)
  for _, name in ipairs(given) do
    local kind, value = known[name], x[name]
    if kind == nil then error(("%s model: no option %s%s"):format(what, name, nearest.hint(name, names)), 0) end
    local ok
    if kind == "count" then ok = math.type(value) == "integer" and value >= 1
    elseif kind == "seconds" then ok = type(value) == "number" and value > 0 and value <= 1e6
    elseif kind ~= "any" then ok = type(value) == kind
    else ok = true end
    if not ok then
      local expected = kind == "count" and "an integer from 1" or kind == "seconds" and "seconds, more than 0" or "a " .. kind
      error(("%s model: %s: %s expected, got %s"):format(what, name, expected, type(value) == "string" and ("%q"):format(value) or tostring(value)), 0)
    end
  end
end

--- A list of texts from a list or, split at blanks, a text with quotes ('...', "...", \x). Raises when a quote is open.
function M.argv(what, x)
  if type(x) == "table" then
    local out = {}
    for k, v in ipairs(x) do
      if type(v) ~= "string" and type(v) ~= "number" then error(("%s: item %d: a text expected, got %s"):format(what, k, type(v)), 0) end
      out[k] = tostring(v)
    end
    if #out == 0 then error(what .. ": the program's name expected, got an empty list", 0) end
    return out
  end
  if type(x) ~= "string" then error(("%s: a list of texts or a text expected, got %s"):format(what, type(x)), 0) end
  local out, word, at, quote = {}, nil, 1, nil
  while at <= #x do
    local c = x:sub(at, at)
    if quote then
      if c == quote then quote = nil
      elseif c == "\\" and quote == '"' then
        at = at + 1
        word = word .. x:sub(at, at)
      else word = word .. c end
    elseif c == "'" or c == '"' then quote, word = c, word or ""
    elseif c == "\\" then
      at = at + 1
      word = (word or "") .. x:sub(at, at)
    elseif c:find "%s" then
      if word then out[#out + 1] = word end
      word = nil
    else word = (word or "") .. c end
    at = at + 1
  end
  if quote then error(("%s: %q: the quote %s is not closed"):format(what, x, quote), 0) end
  if word then out[#out + 1] = word end
  if #out == 0 then error(what .. ": the program's name expected, got an empty text", 0) end
  return out
end

--- Text for a model's identity: the arguments, and the content of those that are files.
function M.argv_identity(argv, cwd)
  local parts = {}
  for k, word in ipairs(argv) do
    parts[k] = word
    local path = cwd and word:sub(1, 1) ~= "/" and cwd .. "/" .. word or word
    if k > 1 or word:find("/", 1, true) then
      local hash = core.file.info(path).type == "file" and core.file.hash(path)
      if hash then parts[k] = word:match "[^/]*$" .. "#" .. hash end
    end
  end
  return table.concat(parts, " ")
end

--- The environment as a list "NAME=value" from the user's table, sorted.
function M.env(given, what)
  local out = {}
  for name, value in next, given or {} do
    if type(name) ~= "string" or name:find "[=%z]" or name == "" then error(what .. ": env: names that are texts without = expected", 0) end
    out[#out + 1] = name .. "=" .. tostring(value)
  end
  table.sort(out)
  return out
end

return M
