--- The other end of brink/model/isolated.lua: one ONNX Runtime session that answers on standard input and output.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local frames = require "brink.model.frames"
local runtime = require "brink.model.runtime"

local M = {}

local function shapes(list)
  local out = core.json.array {}
  for k, v in ipairs(list) do out[k] = { name = v.name, dtype = v.dtype, shape = core.json.array(v.shape) } end
  return out
end

-- The session; or nil, message, code.
local function open(spec)
  local rt, message, code = runtime.open(spec.runtime)
  if not rt then return nil, ("%s: %s"):format(spec.label, message), code end
  local bytes
  bytes, message, code = core.file.read(spec.path, 1 << 33)
  if not bytes then return nil, message, code end
  if core.file.hash_text(bytes) ~= spec.hash then return nil, spec.path .. ": changed while it was in use", "model" end
  if spec.free then
    bytes, message, code = core.onnx.free_batch(bytes)
    if not bytes then return nil, message, code end
  end
  local opts = { label = spec.label, intra_op = spec.intra_op, optimize = spec.optimize, providers = spec.providers }
  if spec.external then opts.path = spec.path else opts.bytes = bytes end
  local session
  session, message, code = rt:session(opts)
  if not session then return nil, message, code end
  return session, rt
end

local function hello(session, rt, code)
  local out = { brink = 1, name = "onnx", shared = true }
  if session then
    out.version, out.library = rt.version, rt.path
    out.session = { inputs = shapes(session.inputs), outputs = shapes(session.outputs), notes = core.json.array(session.notes),
      providers = core.json.array(session.providers) }
  else
    out.refused = { message = rt, code = code }
  end
  return core.json.encode(out)
end

local function answer(session, text, body)
  local head = core.json.decode(text)
  local ok, out, message, code = pcall(function() return session:run(frames.tensors(head.inputs, body), { finite = head.finite }) end)
  if not ok then return { id = head.id, error = tostring(out), code = "usage" } end
  if not out then return { id = head.id, error = message, code = code } end
  local outputs, bytes = frames.describe(out)
  return { id = head.id, outputs = outputs, bytes = bytes }, out
end

--- Answer until there are no more questions; spec: the session as JSON text (see isolated.lua).
function M.serve(spec)
  core.async.threads(1)
  local wire = assert(core.wire.open())
  local session, rt, code = open(core.json.decode(spec))
  assert(wire:write(hello(session, rt, code)))
  while true do
    local text, body = wire:read()
    if not text then return end
    local head, tensors
    if session then head, tensors = answer(session, text, body)
    else head = { id = core.json.decode(text).id, error = rt, code = code } end -- a worker that came later, after a good one
    assert(wire:write(core.json.encode(head), tensors))
  end
end

return M
