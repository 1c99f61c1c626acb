--- Writes small ONNX models, so that tests need no files: onnx_net.model{ inputs, outputs, nodes, initializers, metadata }.
--   inputs, outputs: { { name, dtype, shape }, ... } (a dimension that is text is a symbol)
--   nodes: { { op, { inputs }, { outputs }, { attribute = integer | float | text | list | { graph = as a model } } }, ... }
--   initializers: { { name, dtype, shape, values }, ... }; external = { location } instead of values
-- SPDX-License-Identifier: MIT
local check = require "check"
local core = require "brink.core"

local M = {}

local TYPES = { f32 = { 1, "<f" }, u8 = { 2, "B" }, i64 = { 7, "<i8" }, f16 = { 10, "<I2" }, i32 = { 6, "<i4" }, bool = { 9, "B" } }

local function varint(v)
  local out = {}
  repeat
    local b = v & 127
    v = v >> 7
    out[#out + 1] = string.char(v ~= 0 and b | 128 or b)
  until v == 0
  return table.concat(out)
end

local function uint(field, v) return varint(field << 3) .. varint(v) end
local function bytes(field, s) return varint(field << 3 | 2) .. varint(#s) .. s end
local function float(field, v) return varint(field << 3 | 5) .. string.pack("<f", v) end

local function value(v)
  local dims = {}
  for k, d in ipairs(v[3]) do dims[k] = bytes(1, type(d) == "string" and bytes(2, d) or uint(1, d)) end
  return bytes(1, v[1]) .. bytes(2, bytes(1, uint(1, TYPES[v[2]][1]) .. bytes(2, table.concat(dims))))
end

local function tensor(t)
  local out = {}
  for k, d in ipairs(t[3]) do out[k] = uint(1, d) end
  out[#out + 1] = uint(2, TYPES[t[2]][1]) .. bytes(8, t[1])
  if t.external then
    out[#out + 1] = bytes(13, bytes(1, "location") .. bytes(2, t.external)) .. uint(14, 1)
  else
    local raw = {}
    for k, v in ipairs(t[4]) do raw[k] = string.pack(TYPES[t[2]][2], v) end
    out[#out + 1] = bytes(9, table.concat(raw))
  end
  return table.concat(out)
end

local graph

local function attribute(name, v)
  local out = bytes(1, name)
  if math.type(v) == "integer" then return out .. uint(3, v) .. uint(20, 2) end
  if type(v) == "number" then return out .. float(2, v) .. uint(20, 1) end
  if type(v) == "string" then return out .. bytes(4, v) .. uint(20, 3) end
  if v.graph then return out .. bytes(6, graph(v.graph)) .. uint(20, 5) end
  for _, x in ipairs(v) do out = out .. uint(8, x) end
  return out .. uint(20, 7)
end

local function node(n)
  local out = {}
  for _, name in ipairs(n[2]) do out[#out + 1] = bytes(1, name) end
  for _, name in ipairs(n[3]) do out[#out + 1] = bytes(2, name) end
  out[#out + 1] = bytes(4, n[1])
  local keys = {}
  for key in next, n[4] or {} do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do out[#out + 1] = bytes(5, attribute(key, n[4][key])) end
  return table.concat(out)
end

function graph(m)
  local out = {}
  local function add(field, list, write) for _, x in ipairs(list or {}) do out[#out + 1] = bytes(field, write(x)) end end
  add(1, m.nodes, node)
  out[#out + 1] = bytes(2, "test")
  add(5, m.initializers, tensor)
  add(11, m.inputs, value)
  add(12, m.outputs, value)
  add(13, m.inner, value)
  return table.concat(out)
end

function M.model(m)
  local meta = {}
  for k, pair in ipairs(m.metadata or {}) do meta[k] = bytes(14, bytes(1, pair[1]) .. bytes(2, pair[2])) end
  return uint(1, 8) .. bytes(7, graph(m)) .. bytes(8, uint(2, m.opset or 13)) .. table.concat(meta)
end

--- The mean of each channel, then softmax if asked: as small as a classifier gets.
function M.means(shape, more)
  more = more or {}
  local out = more.softmax and "mean" or "score"
  local c = shape[2]
  return M.model {
    inputs = { { "picture", more.dtype or "f32", shape } }, outputs = { { "score", "f32", { shape[1], c } } },
    nodes = { { "ReduceMean", { "picture" }, { out }, { axes = { 2, 3 }, keepdims = 0 } }, more.softmax and { "Softmax", { "mean" }, { "score" }, { axis = 1 } } or nil },
    metadata = more.metadata,
  }
end

--- The mean of each channel, in as many steps as the greatest sample times `steps` (a Loop): a net that takes as long as the
-- picture says.
function M.slow(shape, steps)
  local body = {
    inputs = { { "i", "i64", {} }, { "go", "bool", {} }, { "v", "f32", { 1, shape[2] } } },
    outputs = { { "on", "bool", {} }, { "w", "f32", { 1, shape[2] } } },
    nodes = { { "Identity", { "go" }, { "on" } }, { "Identity", { "v" }, { "w" } } },
  }
  return M.model {
    inputs = { { "picture", "f32", shape } }, outputs = { { "score", "f32", { 1, shape[2] } } },
    initializers = { { "steps", "f32", {}, { steps } }, { "yes", "bool", {}, { 1 } } },
    nodes = {
      { "ReduceMean", { "picture" }, { "mean" }, { axes = { 2, 3 }, keepdims = 0 } }, { "ReduceMax", { "picture" }, { "most" }, { keepdims = 0 } },
      { "Mul", { "most", "steps" }, { "many" } }, { "Cast", { "many" }, { "count" }, { to = 7 } },
      { "Loop", { "count", "yes", "mean" }, { "score" }, { body = { graph = body } } },
    },
  }
end

local count = 0

--- A file of its own with these bytes; its path.
function M.saved(content)
  count = count + 1
  local path = ("%s/%d.onnx"):format(check.tmp(), count)
  check.ok(core.file.write(path, content))
  return path
end

--- ONNX Runtime; without one the test is skipped.
function M.runtime()
  local rt, why = require("brink.model.runtime").open()
  if not rt then check.skip(why) end
  return rt
end

return M
