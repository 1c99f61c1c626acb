--- Models in ONNX files, run by ONNX Runtime.
--
--   net = brink.model "net.onnx"
--   net = brink.model { onnx = "net.onnx", input = "imagenet", output = { "classify", labels = "labels.txt" } }
--
--   input      how a picture becomes the input: see brink.model.preprocess
--   output     what the outputs mean: see brink.model.output
--   feeds      { name = tensor }: values of inputs that are no picture
--   batch      pictures per run (1). Above 1 a fixed batch dimension is freed where the model allows it; which pictures share a
--              run never depends on timing, but the runtime's last digits may depend on the batch
--   intra_op   threads of one run (1: as many runs at once as there are threads)
--   providers  execution providers, best first, such as { "cuda", "cpu" }; what is missing is said on standard error
--   optimize   the runtime's graph optimisation: 0, 1, 2, 99 (default)
--   finite     true (default): outputs with NaN or infinities are failures
--   runtime    the library to use, see brink.model.runtime
--   timeout    seconds for one run, then it is a failure. The runtime is told to stop and does so between two operators
--   isolate    true: the runtime in processes of its own (`workers` of them; default as many as runs at once), so that a crash
--              is a failure too, and what does not stop in time (default 30 s) is killed
--
-- net:predict(image) -> label, confidence. net:run(image | tensor | { name = tensor }) -> the output tensors, in the model's
-- order. Both run as jobs: many at once inside brink.map, on one session.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local identity = require "brink.identity"
local isolated = require "brink.model.isolated"
local map = require "brink.map"
local nearest = require "brink.nearest"
local output = require "brink.model.output"
local preprocess = require "brink.model.preprocess"
local runtime = require "brink.model.runtime"

local M = {}

local Onnx = { __name = "brink.Model" }
Onnx.__index = Onnx

local FIELDS = { "onnx", "input", "output", "feeds", "batch", "intra_op", "providers", "optimize", "finite", "runtime", "timeout", "isolate", "workers" }
local FILE_MOST = 1 << 33

local function say(format, ...) io.stderr:write("brink: ", format:format(...), "\n") end

local function check(given)
  local keys = {}
  for key in next, given do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local known = false
    for _, name in ipairs(FIELDS) do known = known or name == key end
    if not known then error(("onnx: no field %s%s"):format(key, nearest.hint(key, FIELDS)), 0) end
  end
  if type(given.onnx) ~= "string" then error("onnx: a path expected, got " .. type(given.onnx), 0) end
  for _, name in ipairs { "batch", "intra_op", "workers" } do
    local v = given[name]
    if v ~= nil and (math.type(v) ~= "integer" or v < 1 or v > 1024) then error(("onnx: %s: %s, 1..1024 expected"):format(name, tostring(v)), 0) end
  end
  local t = given.timeout
  if t ~= nil and not (type(t) == "number" and t > 0 and t <= 1e6) then error(("onnx: timeout: %s, seconds in 0..1e6 expected"):format(tostring(t)), 0) end
  if given.isolate ~= nil and type(given.isolate) ~= "boolean" then error("onnx: isolate: true or false expected, got " .. tostring(given.isolate), 0) end
  if given.workers and not given.isolate then error("onnx: workers: only with isolate = true", 0) end
  local o = given.optimize
  if o ~= nil and o ~= 0 and o ~= 1 and o ~= 2 and o ~= 99 then error(("onnx: optimize: %s; 0, 1, 2 or 99 expected"):format(tostring(o)), 0) end
end

-- External data is read beside the model, and nowhere else. Returns a hash over it; or nil, message, code.
local function external(info, path)
  local dir, parts = path:match "^(.*/)[^/]*$" or "", {}
  for k, name in ipairs(info.external) do
    if name == "" or name:sub(1, 1) == "/" or ("/" .. name .. "/"):find("/../", 1, true) or name:find("\0", 1, true) then
      return nil, ("%s: external data in %q, a file beside the model expected"):format(path, name), "refused"
    end
    local hash, message, code = core.file.hash(dir .. name)
    if not hash then return nil, message, code end
    parts[k] = hash
  end
  return table.concat(parts, " ")
end

local function session_of(rt, opts)
  local s, message, code = rt:session(opts)
  if s or not opts.providers then return s, message, code end
  say("%s: on the CPU instead", message)
  local plain = {}
  for key, v in next, opts do plain[key] = v end
  plain.providers = nil
  return rt:session(plain)
end

-- What to do about an opset that the runtime does not know.
local function too_new(message, info)
  if not message:lower():find("opset", 1, true) then return "" end
  return ("; the model has opset %d: take a newer runtime (pip install -U onnxruntime) or export with a lower opset_version"):format(info.opset or 0)
end

-- n rows for every input, in turns zeros and numbers that differ, beginning with zeros for from = 0.
local function probe_feeds(inputs, n, from)
  local feeds = {}
  for k, value in ipairs(inputs) do
    local shape, count = {}, 1
    for i, d in ipairs(value.shape) do
      shape[i] = i == 1 and n or (d < 0 and 32 or d)
      count = count * shape[i]
    end
    local list = {}
    local row = math.max(1, count // n)
    for i = 0, count - 1 do list[i + 1] = (i // row + from) % 2 == 0 and 0 or (i % row % 7) / 7 end
    feeds[k] = core.tensor.new(shape, value.dtype, list)
  end
  return feeds
end

local function close(a, b)
  for k = 1, #a do
    if math.abs(a[k] - b[k]) > 1e-3 * math.max(1, math.abs(b[k])) then return false end
  end
  return true
end

-- Whether the session answers two pictures at once as it answers them one by one.
local function batches(session)
  for _, value in ipairs(session.inputs) do
    if value.dtype == "other" or #value.shape == 0 or value.shape[1] >= 0 then return false end
  end
  local both = session:run(probe_feeds(session.inputs, 2, 0), { split = 2, finite = false })
  if not both then return false end
  for k = 1, 2 do
    local one = session:run(probe_feeds(session.inputs, 1, k - 1), { split = 1, finite = false })
    if not one then return false end
    for i = 1, #session.outputs do
      if #one[1][i] ~= #both[k][i] or not close(both[k][i], one[1][i]) then return false end
    end
  end
  return true
end

-- A session that takes any number of pictures, or nil.
local function batch_session(rt, bytes, opts, single)
  if batches(single) then return single end
  local free = core.onnx.free_batch(bytes)
  if not free then return nil end
  local copy = {}
  for key, v in next, opts do copy[key] = v end
  copy.bytes, copy.path, copy.freed = free, nil, true
  local s = rt:session(copy)
  if s and batches(s) then return s end
  return nil
end

local function with_producers(outputs, info)
  local by_name = {}
  for _, o in ipairs(info.outputs) do by_name[o.name] = o.producer end
  for _, o in ipairs(outputs) do o.producer = by_name[o.name] or "" end
  return outputs
end

-- What to assume when the input is not declared; said aloud, since a wrong guess is silent.
local function assumed(value, info)
  if info.metadata.stride and info.metadata.imgsz then return "yolo", "letterbox, 0..1 (the model's metadata are Ultralytics')" end
  local s, c = value.shape, value.shape[#value.shape - 2] or -1
  if c ~= 3 and s[#s] == 3 then c = 3 end
  if c == 3 and value.dtype:find "^f" then return "imagenet", "RGB, 0..1, ImageNet's mean and deviation" end
  return "raw", "samples of 0..255 as they are"
end

local function feeds_of(given, inputs, picture)
  local out = {}
  for k, value in ipairs(inputs) do
    if k ~= picture then
      local t = given and given[value.name]
      if t == nil then return nil, ("input %s (%s %s): needs a value in feeds"):format(value.name, value.dtype, preprocess.shape_text(value.shape)), "mismatch" end
      out[k] = t
    end
  end
  for _, name in ipairs((function()
    local keys = {}
    for key in next, given or {} do keys[#keys + 1] = tostring(key) end
    table.sort(keys)
    return keys
  end)()) do
    local known = false
    for k, value in ipairs(inputs) do known = known or (value.name == name and k ~= picture) end
    if not known then return nil, ("feeds: the model has no such input: %s"):format(name), "mismatch" end
  end
  return out
end

local function prepare_input(self, given, info)
  local at, message, code = preprocess.choose(self.inputs, type(given) == "table" and given.name or nil)
  if not at then
    if given ~= nil then return nil, message, code end
    self.no_picture = message -- run with tensors is still possible
    return true
  end
  if given == nil then
    local text
    given, text = assumed(self.inputs[at], info)
    say("%s: no input declared: assuming \"%s\": %s", self.path, given, text)
  end
  local prep, full
  prep, full, code = preprocess.new(given, self.inputs[at])
  if not prep then return nil, full, code end
  self.picture, self.prep, self.input = at, prep, full
  return true
end

-- The runtime: in this process, or where it can do no harm.
local function runtime_of(given)
  if not given.isolate then return runtime.open(given.runtime) end
  local workers = given.workers or math.max(1, core.async.threads() // (given.intra_op or 1))
  return isolated.open(given.runtime, { workers = workers, timeout = given.timeout or 30, start_timeout = 60 })
end

local function read_model(path)
  local bytes, message, code = core.file.read(path, FILE_MOST)
  if not bytes then return nil, message, code end
  local info
  if bytes:sub(1, 2) == "PK" then
    return nil, path .. ": not an ONNX model but a zip archive, as PyTorch saves them: export it with torch.onnx.export", "model"
  elseif bytes:find "^version https://git%-lfs" then
    return nil, path .. ": not the model but a pointer of Git LFS to it: fetch it with `git lfs pull`", "model"
  end
  info, message, code = core.onnx.inspect(bytes)
  if not info then return nil, path .. ": " .. message, code end
  return bytes, info
end

--- Open a model: `given` is a path or a table (see the head of this file). Returns it, or nil, message, code: no runtime, no
-- such file, no ONNX model, or a declaration that the model contradicts. Raises on a declaration that makes no sense.
function M.open(given)
  if type(given) == "string" then given = { onnx = given } end
  check(given)
  local path = given.onnx
  local bytes, info, code = read_model(path)
  if not bytes then return nil, info, code end
  local others, message
  others, message, code = external(info, path)
  if not others then return nil, message, code end
  local rt
  rt, message, code = runtime_of(given)
  if not rt then return nil, ("%s: %s"):format(path, message), code end
  local opts = { label = path, file = path, hash = core.file.hash_text(bytes), intra_op = given.intra_op, optimize = given.optimize,
    providers = given.providers, timeout = given.timeout }
  if #info.external > 0 then opts.path = path else opts.bytes = bytes end
  local session
  session, message, code = session_of(rt, opts)
  if not session then return nil, message .. too_new(message, info), code end
  for _, note in ipairs(session.notes) do say("%s: %s: running on %s", path, note, table.concat(session.providers, ", ")) end
  local self = setmetatable({ path = path, session = session, batch = given.batch or 1, finite = given.finite ~= false, runtime = rt,
    inputs = session.inputs, outputs = with_producers(session.outputs, info), providers = session.providers, metadata = info.metadata }, Onnx)
  local ok
  ok, message, code = prepare_input(self, given.input, info)
  if not ok then return nil, ("%s: %s"):format(path, message), code end
  self.feeds, message, code = feeds_of(given.feeds, self.inputs, self.picture)
  if not self.feeds and self.picture then return nil, ("%s: %s"):format(path, message), code end
  self.decode = output.new(given.output, self.outputs, info.metadata)
  if self.batch > 1 then self:prepare_batch(bytes, opts) end
  self.identity = M.identity(given, bytes, others, self)
  return self
end

-- The output's declaration with its labels by content: where their file lies does not matter.
local function declared(given)
  if type(given) ~= "table" or given.labels == nil then return given or false end
  local copy, names = {}, {}
  for key, v in next, given do copy[key] = v end
  for k, name in ipairs(output.labels(given.labels)) do names[k] = tostring(name) end
  copy.labels = core.file.hash_text(table.concat(names, "\n"))
  return copy
end

--- What the answers depend on: the files' content, the input's and output's declaration, the batch.
function M.identity(given, bytes, others, self)
  local feeds = {}
  for k, t in next, self.feeds or {} do feeds[k] = core.file.hash_text(t:bytes()) end
  return ("onnx %s %s"):format(core.file.hash_text(bytes .. others), identity.of { input = self.input or false, output = declared(given.output), feeds = feeds,
    batch = self.batch, finite = self.finite, optimize = given.optimize or 99, providers = given.providers or false })
end

--- batch > 1: a session for it, and the function that map's gangs call.
function Onnx:prepare_batch(bytes, opts)
  local session = #self.inputs == 1 and self.picture and opts.bytes and batch_session(self.runtime, bytes, opts, self.session)
  if session then
    if session ~= self.session then self:close() end
    self.session = session
  else
    say("%s: takes one picture at a time: batch = %d means as many single runs", self.path, self.batch)
  end
  self.together = function(images)
    if session then return self:answer_batch(images) end
    return (map.map(images, function(image) return table.pack(self:answer(image)) end))
  end
end

--- End the processes of an isolated model. A model that is dropped ends them as well.
function Onnx:close() if self.session.close then self.session:close() end end
Onnx.__close = Onnx.close

--- One picture: label, confidence; or nil, message, code.
function Onnx:answer(image)
  local feeds = { table.unpack(self.feeds, 1, #self.inputs) }
  feeds[self.picture] = { prep = self.prep, images = { image } }
  local out, maps, code = self.session:run(feeds, { finite = self.finite })
  if not out then return nil, maps, code end
  return self.decode(out, maps[1], image)
end

--- Pictures in one run: a list of packed answers. A batch that fails is asked again picture by picture, so that one bad picture
-- costs no other its answer.
function Onnx:answer_batch(images)
  local n, answers = #images, {}
  local outs, maps = self.session:run({ { prep = self.prep, images = images } }, { finite = self.finite, split = n })
  for k = 1, n do
    if outs then answers[k] = table.pack(self.decode(outs[k], maps[k], images[k]))
    else answers[k] = table.pack(self:answer(images[k])) end
  end
  return answers
end

--- What the model sees in a picture: label, confidence (as `output` declares); or nil, message, code.
function Onnx:predict(image)
  if not self.picture then return nil, ("%s: %s"):format(self.path, self.no_picture), "mismatch" end
  if not self.together then return self:answer(image) end
  local answer = map.wait_batch(self.together, image)
  return table.unpack(answer, 1, answer.n)
end

local function by_name(self, given)
  local feeds, used = {}, 0
  for k, value in ipairs(self.inputs) do
    local v = given[value.name]
    if v == nil then v = (self.feeds or {})[k] else used = used + 1 end
    if v == nil then error(("run: input %s (%s %s): no value"):format(value.name, value.dtype, preprocess.shape_text(value.shape)), 3) end
    feeds[k] = v
  end
  local keys = {}
  for key in next, given do keys[#keys + 1] = tostring(key) end
  if #keys ~= used then
    local names = {}
    for k, value in ipairs(self.inputs) do names[k] = value.name end
    table.sort(keys)
    error(("run: values for %s; the model has %s"):format(table.concat(keys, ", "), table.concat(names, ", ")), 3)
  end
  return feeds
end

--- The output tensors, in the model's order, for an image (made ready as declared), a tensor (for the one input), or a table
-- { name = image or tensor }. nil, message, code when the model fails; raises when the tensors do not fit the model.
function Onnx:run(given)
  local feeds
  if type(given) == "table" then
    feeds = by_name(self, given)
  elseif type(given) == "userdata" then
    feeds = { table.unpack(self.feeds or {}, 1, #self.inputs) }
    feeds[self.picture or 1] = given
  else
    error("run: an image, a tensor or a table of them expected, got " .. type(given), 2)
  end
  for k = 1, #self.inputs do
    local v = feeds[k]
    if type(v) == "userdata" and v.width then
      if k ~= self.picture then error(("run: input %s takes no picture"):format(self.inputs[k].name), 2) end
      feeds[k] = { prep = self.prep, images = { v } }
    end
  end
  local out, message, code = self.session:run(feeds, { finite = self.finite })
  if not out then
    if code == "usage" then error("run: " .. message, 2) end
    return nil, message, code
  end
  return table.unpack(out, 1, #self.outputs)
end

return M
