--- Models: anything with predict(self, image, sample) -> label [, confidence] and an identity.
--
-- brink.model(x): a function, a table with predict, nil (the built-in recogniser,
-- see builtin.lua), or what a registered kind opens: "net.onnx" or { onnx = ... } (onnx.lua), { process = argv } (process.lua),
-- "predict.py" for { process = { "python3", "predict.py" } }, { command = "classify {file}" } (command.lua), { server = url }
-- (server.lua).
-- SPDX-License-Identifier: MIT
local builtin = require "brink.model.builtin"
local identity = require "brink.identity"
local nearest = require "brink.nearest"

local M = {}

local kinds = {} -- { name, test, open }, asked from the last

--- Add a kind of model: test(x) -> boolean, open(x, opts) -> model, or nil, message, code.
function M.register(name, test, open)
  if type(name) ~= "string" or type(test) ~= "function" or type(open) ~= "function" then
    error("model.register: name, test, open expected", 2)
  end
  table.insert(kinds, 1, { name = name, test = test, open = open })
end

local Function = { __name = "brink.Model" }
Function.__index = Function

--- The function's answer: label, confidence; or nil, message.
function Function:predict(image, sample) return self.fn(image, sample) end

--- The recogniser before it has seen data: search and others call `bind` with theirs.
local Builtin = { __name = "brink.Model", identity = "built-in recogniser", builtin = true }
Builtin.__index = Builtin

--- The predictor over `data`. Its right answer for a sample is model:label(sample), its error model.diff_error.
function Builtin:bind(data, seed)
  local bound = builtin.new { data = data, seed = seed }
  bound.diff_error = function(label, prediction, _, confidence) return builtin.error(label, prediction, confidence) end
  return bound
end

function Builtin.predict() error("the built-in recogniser needs data first: model:bind(data)", 2) end

local ELSEWHERE = {
  pt = "PyTorch's", pth = "PyTorch's", ckpt = "PyTorch's", safetensors = "weights without a network", h5 = "Keras's", keras = "Keras's", pb = "TensorFlow's",
  tflite = "TensorFlow Lite's", pkl = "a Python pickle", joblib = "a Python pickle", mlmodel = "Core ML's", engine = "TensorRT's", xml = "OpenVINO's", gguf = "a language model",
}

-- Why x is no model, and what to do.
local function no_model(x)
  if type(x) == "string" then
    local made_by = ELSEWHERE[(x:lower():match "%.(%w+)$" or "")]
    if made_by then
      return ("%s: no model by its name but %s: export it to ONNX (torch.onnx.export, tf2onnx), or answer from a program, NAME.py: see " ..
        "`brink worker-helper`"):format(x, made_by)
    end
    return ("%s: no model by its name: NAME.onnx, a program NAME.py that predicts, or a table with onnx, process, command or server expected"):format(x)
  end
  local keys = {}
  if type(x) == "table" then for key in next, x do keys[#keys + 1] = tostring(key) end end
  table.sort(keys)
  if #keys == 0 then return ("a function, a table with predict, or nil expected, got %s"):format(type(x)) end
  local known = { "onnx", "process", "command", "server", "predict" }
  for _, key in ipairs(keys) do
    local hint = nearest.hint(key, known)
    if hint ~= "" then return ("no field %s%s"):format(key, hint) end
  end
  return ("a table with onnx, process, command, server or predict expected, got %s"):format(table.concat(keys, ", "))
end

--- A model from x (see the head of this file). Returns the model, or nil, message, code when it cannot be opened.
-- Raises when x is nothing that can be a model.
function M.open(x, opts)
  if x == nil then return setmetatable({}, Builtin) end
  for _, kind in ipairs(kinds) do
    if kind.test(x) then return kind.open(x, opts or {}) end
  end
  if type(x) == "function" then return setmetatable({ fn = x, identity = "function " .. identity.of(x) }, Function) end
  if (type(x) == "table" or type(x) == "userdata") and type(x.predict) == "function" then
    if type(x) == "table" and x.identity == nil then x.identity = "predict " .. identity.of(x.predict) end
    if type(x.identity) ~= "string" then error("model: identity: a string expected, got " .. type(x.identity), 2) end
    return x
  end
  error("model: " .. no_model(x), 2)
end

-- Kinds whose files are only read when they are asked for. What they refuse is the caller's line.
local function lazily(module)
  return function(x, opts)
    local ok, result, message, code = pcall(function() return require(module).open(x, opts) end)
    if not ok then error(result, type(result) == "string" and 3 or 0) end
    return result, message, code
  end
end

M.register("onnx", function(x)
  if type(x) == "table" then return rawget(x, "onnx") ~= nil end
  return type(x) == "string" and x:lower():find "%.onnx$" ~= nil
end, lazily "brink.model.onnx")

local process = lazily "brink.model.process"
M.register("python", function(x) return type(x) == "string" and x:find "%.py$" ~= nil end, function(x, opts)
  return process({ process = { "python3", x } }, opts)
end)

-- { process = ... }, { command = ... }, { server = ... }
for _, name in ipairs { "process", "command", "server" } do
  M.register(name, function(x) return type(x) == "table" and getmetatable(x) == nil and x[name] ~= nil end, lazily("brink.model." .. name))
end

return setmetatable(M, { __call = function(_, x, opts) return M.open(x, opts) end })
