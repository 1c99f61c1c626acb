--- ONNX Runtime in processes of its own: what crashes or hangs there is one failed run and another process.
--
-- open(named, opts) looks like a runtime, its sessions like those of core.onnx; in each worker stands brink/model/
-- isolated_worker.lua, spoken to by the worker protocol (engine/model/PROTOCOL.md) with one more operation:
--
--   { op = "run", finite = bool, inputs = { { dtype, shape }, ... } } and the tensors' bytes
--   -> { outputs = { { dtype, shape }, ... } } and the tensors' bytes; or { error, code }
--
-- The hello says what the session is: { session = { inputs, outputs, notes, providers } }, or { refused = { message, code } }.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local frames = require "brink.model.frames"
local preprocess = require "brink.model.preprocess"

local M = {}

local Session = { __name = "brink.IsolatedSession" }
Session.__index = Session

local Runtime = { __name = "brink.IsolatedRuntime" }
Runtime.__index = Runtime

-- This program once more, in whichever interpreter we are.
local function argv(spec)
  return { "/proc/self/exe", "-e", ("require(%q) require(%q).serve(%q)"):format("brink", "brink.model.isolated_worker", core.json.encode(spec)) }
end

-- A stock interpreter finds brink where we found it.
local function environment() return { "LUA_PATH_5_4=" .. package.path, "LUA_CPATH_5_4=" .. package.cpath } end

--- Where runs happen: `named` is the library to use or nil, opts = { workers, timeout, start_timeout } (seconds).
function M.open(named, opts) return setmetatable({ named = named, opts = opts }, Runtime) end

--- A session in worker processes; opts as those of core.onnx's, with `hash` of the model's file. nil, message, code when the
-- runtime refuses the model, when there is none, or when no worker comes up.
function Runtime:session(opts)
  local o = self.opts
  local spec = { path = opts.file, hash = opts.hash, free = opts.freed or false, intra_op = opts.intra_op or 1, optimize = opts.optimize or 99,
    external = opts.path ~= nil, runtime = self.named, providers = opts.providers and core.json.array(opts.providers) or nil, label = opts.label }
  local pool, message, code = core.process.open { argv = argv(spec), env = environment(), name = "isolated ONNX Runtime", workers = o.workers,
    timeout = o.timeout, start_timeout = o.start_timeout, restarts = 5 }
  if not pool then return nil, message, code end
  local text
  text, message, code = pool:hello()
  local hello = text and core.json.decode(text)
  if not hello or hello.refused then
    pool:close()
    if not hello then return nil, message, code end
    return nil, hello.refused.message, hello.refused.code
  end
  self.version, self.path = hello.version, hello.library
  local s = hello.session
  return setmetatable({ pool = pool, inputs = s.inputs, outputs = s.outputs, notes = s.notes, providers = s.providers }, Session)
end

--- { alive, busy, started, failed } of the workers.
function Session:stats() return self.pool:stats() end

--- End the workers. A session that is dropped ends them as well.
function Session:close() self.pool:close() end

-- Tensors in the session's order, and the maps of the pictures; or nil, message, code.
local function tensors_of(self, feeds)
  local out, maps = {}, {}
  for k, value in ipairs(self.inputs) do
    local given = feeds[k]
    if type(given) == "table" then
      local t
      t, maps = preprocess.stack(given.prep, given.images)
      if not t then return nil, maps, "usage" end
      local s = t.shape
      if #value.shape == 3 and s[1] == 1 then t = t:reshape { s[2], s[3], s[4] } end
      given = t
    end
    out[k] = given
  end
  return out, maps
end

-- One exchange, and another with a fresh worker when the first was lost on the way: the tensors; or nil, message, code.
local function exchange(self, fields, tensors)
  local text, body, code, down = self.pool:call(fields, tensors, false)
  if not text and code == "model" and not down then text, body, code, down = self.pool:call(fields, tensors, true) end
  if text then
    local header = core.json.decode(text)
    if header.error then return nil, header.error, header.code end
    return frames.tensors(header.outputs, body)
  end
  return nil, body, down and "unavailable" or code
end

-- The outputs of each of n pictures; or nil, message, code.
local function share(self, out, n)
  local parts = {}
  for k = 1, n do
    parts[k] = {}
    for i, t in ipairs(out) do
      if t.shape[1] ~= n then
        return nil, ("output %s: got %s for a batch of %d"):format(self.outputs[i].name, preprocess.shape_text(t.shape), n), "model"
      end
      parts[k][i] = t:rows(k, 1)
    end
  end
  return parts
end

--- One run, as core.onnx's sessions do it: feeds per input a tensor or { prep, images }, opts = { finite, split }. The outputs
-- (with split: a list of them per picture) and the pictures' maps; or nil, message, code.
function Session:run(feeds, opts)
  opts = opts or {}
  local tensors, maps, code = tensors_of(self, feeds)
  if not tensors then return nil, maps, code end
  local fields = core.json.encode { op = "run", finite = opts.finite ~= false, inputs = (frames.describe(tensors)) }
  local out, message
  out, message, code = exchange(self, fields:sub(2, -2), tensors)
  if not out then return nil, message, code end
  if opts.split and opts.split > 0 then
    out, message, code = share(self, out, opts.split)
    if not out then return nil, message, code end
  end
  return out, maps
end

return M
