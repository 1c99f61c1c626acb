--- What the readers of outputs (brink.model.output, brink.model.detect) share: class names, outputs by name, shapes in words.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local nearest = require "brink.nearest"

local M = {}

--- Raise: the declaration makes no sense.
local function raise(format, ...) error("output: " .. format:format(...), 0) end
M.raise = raise

--- Neither NaN nor another type.
function M.is_number(v) return type(v) == "number" and v == v end

--- "1x3x?x?"
local function text_of(shape)
  local out = {}
  for k, d in ipairs(shape) do out[k] = d < 0 and "?" or tostring(d) end
  return table.concat(out, "x")
end
M.text_of = text_of

--- What predict returns when an output has a shape nobody expects.
function M.odd(name, shape, expected) return nil, ("output %s: got %s, expected %s"):format(name, text_of(shape), expected), "model" end

-- Labels

local function from_json(text, path)
  local value, message = core.json.decode(text)
  if value == nil then raise("labels: %s: %s", path, message) end
  if type(value) ~= "table" then raise("labels: %s: a list or an object expected", path) end
  if value[1] ~= nil or next(value) == nil then return value end
  local out = {} -- { "0": "tench", ... }
  for k = 0, 1000000 do
    local v = value[tostring(k)]
    if v == nil then break end
    out[k + 1] = type(v) == "table" and v[#v] or v -- Keras: ["n01440764", "tench"]
  end
  return out
end

--- The names in Ultralytics' metadata: {0: 'person', 1: 'bicycle', ...}
function M.from_python(text)
  local out = {}
  for number, _, name in text:gmatch "(%d+):%s*(['\"])(.-)%2" do out[tonumber(number) + 1] = name end
  return #out > 0 and out or nil
end

--- A list of class names from a list, or from a file (a line each, or JSON). Raises.
function M.labels(given)
  if given == nil then return nil end
  if type(given) == "table" then return given end
  if type(given) ~= "string" then raise("labels: a list or a file expected, got %s", type(given)) end
  local text, message = core.file.read(given, 1 << 26)
  if not text then raise("labels: %s", message) end
  if text:find "^%s*[%[{]" then return from_json(text, given) end
  local out = {}
  for line in text:gmatch "[^\r\n]+" do out[#out + 1] = line end
  return out
end

--- The name of class `id` (from 0), or the number itself.
function M.class_of(labels, id)
  local name = labels and labels[id + 1]
  if name == nil then return id end
  return name
end

--- Position of the output called `name`, or of the first.
function M.pick(outputs, name, what)
  if name == nil then return 1 end
  local list = {}
  for k, o in ipairs(outputs) do
    if o.name == name then return k end
    list[k] = o.name
  end
  raise("%s: the model has no output %s: it has %s%s", what, tostring(name), table.concat(list, ", "), nearest.hint(tostring(name), list))
end

--- How many values the dimensions from `from` on have.
function M.elements(shape, from)
  local n = 1
  for k = from, #shape do n = n * shape[k] end
  return n
end

return M
