--- A model behind a server: brink.model{ server = "http://127.0.0.1:8000", model = "resnet", input = "imagenet", output = "classify" }.
--
-- Open Inference Protocol v2 over HTTP: KServe, Triton, MLServer, TorchServe, OpenVINO Model Server. Tensors go in the
-- binary form where GET /v2 says that the server knows it (20 to 30 times faster), else as JSON.
--
--   server     the address; https and a path before /v2 are fine
--   model, version   which model; version default the server's choice
--   input      how a picture becomes the input: see brink.model.preprocess. Where the server does not describe its model,
--              the declaration needs name, size, channels, layout and dtype
--   output     what the outputs mean: see brink.model.output. An output of texts is the label by itself
--   feeds      { name = tensor }: inputs that are no picture
--   batch      pictures in a request (1)
--   parallel   requests at a time (twice the threads)
--   timeout    seconds for one prediction with all its tries (30)
--   headers    { "Authorization: Bearer ..." }
--   ca         file of certificates (PEM) to trust for https instead of the system's
--   binary     true, false; default what the server says
--   limit      bytes of a reply (64 MiB)
--   tries      how often at most a request is sent (3)
--   identity   text that stands for the model in a study; default name, version and what the server says about the model
--
-- Another try is made, after a pause, when the server could not be reached, cut the exchange off, or said 429, 500, 502, 503
-- or 504: asking for a prediction changes nothing on the server. After eight predictions in a row that did not
-- reach the model the server counts as gone: predictions fail at once, until a look at its health, at most every two
-- seconds, finds it ready. Such failures are not kept in a study; the next run asks again.
-- SPDX-License-Identifier: MIT
local answers = require "brink.model.answer"
local core = require "brink.core"
local identity = require "brink.identity"
local map = require "brink.map"
local output = require "brink.model.output"
local preprocess = require "brink.model.preprocess"

local M = {}

local OPTIONS = {
  server = "string", model = "string", version = "any", input = "any", output = "any", feeds = "table", batch = "count", parallel = "count",
  timeout = "seconds", headers = "table", binary = "boolean", limit = "count", tries = "count", identity = "string", ca = "string",
}

local Server = { __name = "brink.Model" }
Server.__index = Server

local DATATYPES = {
  FP16 = "f16", FP32 = "f32", FP64 = "f64", UINT8 = "u8", UINT16 = "u16", UINT32 = "u32", UINT64 = "u64", INT8 = "i8", INT16 = "i16",
  INT32 = "i32", INT64 = "i64", BOOL = "bool",
}
local NAMES, BYTES = {}, { f16 = 2, f32 = 4, f64 = 8, u8 = 1, u16 = 2, u32 = 4, u64 = 8, i8 = 1, i16 = 2, i32 = 4, i64 = 8, bool = 1 }
for theirs, ours in pairs(DATATYPES) do NAMES[ours] = theirs end
DATATYPES.BF16 = "f32" -- of outputs; the engine has no such tensors

local AGAIN = { [429] = true, [500] = true, [502] = true, [503] = true, [504] = true }
local GONE_AFTER, LOOK_EVERY = 8, 2 -- predictions in a row; seconds
local PAUSES = { 0.1, 0.4, 1.6 } -- seconds before the second, third, later tries

-- One exchange with tries. Returns status, body, headers; or nil, message, code, how.

local function pause(try, headers)
  local asked = headers and tonumber(headers["retry-after"])
  if asked and asked >= 0 then return asked end
  return PAUSES[math.min(try, #PAUSES)]
end

local function ask(self, path, body, headers, timeout, tries)
  local clock = core.term.clock
  local ends = clock() + timeout
  local lines = table.move(self.headers, 1, #self.headers, 1, {})
  for _, line in ipairs(headers or {}) do lines[#lines + 1] = line end
  for try = 1, tries do
    local left = math.max(ends - clock(), 0.001)
    local status, text, got, how = self.http:ask { url = self.url .. path, body = body, headers = lines, timeout = left, limit = self.limit }
    local again = status and AGAIN[status] or how == "connect" or how == "lost"
    local wait = again and pause(try, status and got)
    if not again or try == tries or clock() + wait >= ends then
      if how == "late" then text = ("no whole reply within %.6g s"):format(timeout) end
      if not status and got ~= "cancelled" then text = "server: " .. text end
      return status, text, got, how
    end
    if not core.async.sleep(wait) then return nil, "interrupted", "cancelled", "other" end
  end
end

local function printable(text, most) return (text:sub(1, most):gsub("[%c\127-\255]", " ")) end

--- The reason in a reply that is none.
local function refusal(status, body, headers)
  local said = core.json.decode(body)
  local text = type(said) == "table" and (type(said.error) == "string" and said.error or type(said.detail) == "string" and said.detail)
  if status >= 300 and status < 400 then text = "a redirection, which is not followed, to " .. printable(headers.location or "nowhere", 200) end
  return ("server: status %d: %s"):format(status, text or body ~= "" and printable(body, 200) or "no text")
end

-- Metadata

local function get(self, path)
  local status, body, headers, how = ask(self, path, nil, nil, self.timeout, self.tries)
  if not status then return nil, body, headers, how end
  if status ~= 200 then return nil, refusal(status, body, headers), "model", status end
  local value = core.json.decode(body)
  if type(value) ~= "table" then return nil, ("server: %s: no JSON object: %s"):format(path, printable(body, 80)), "model" end
  return value
end

local function dims(shape)
  local out = {}
  for k, d in ipairs(type(shape) == "table" and shape or {}) do out[k] = math.type(d) == "integer" and d or -1 end
  return out
end

local function values_of(list)
  local out = {}
  for k, v in ipairs(type(list) == "table" and list or {}) do
    out[k] = { name = tostring(v.name), dtype = DATATYPES[v.datatype] or "other", datatype = v.datatype, shape = dims(v.shape), producer = "" }
  end
  return out
end

local function has_binary(server)
  for _, name in ipairs(type(server) == "table" and type(server.extensions) == "table" and server.extensions or {}) do
    if name == "binary_tensor_data" then return true end
  end
  return false
end

-- Requests

-- An input as JSON, and the bytes that go behind the head.
local function input_of(name, tensor, binary)
  local one = { name = name, datatype = NAMES[tensor.dtype], shape = core.json.array(tensor.shape) }
  if binary then
    local bytes = tensor:bytes()
    one.parameters = { binary_data_size = #bytes }
    return core.json.encode(one), bytes
  end
  return ('%s,"data":%s}'):format(core.json.encode(one):sub(1, -2), tensor:json()), ""
end

--- Body and headers for named tensors, in order.
local function request(self, tensors)
  local inputs, parts = {}, {}
  for k, t in ipairs(tensors) do inputs[k], parts[k] = input_of(t.name, t.tensor, self.binary) end
  local head = {}
  if #self.outputs > 0 then
    head.outputs = core.json.array {}
    for k, o in ipairs(self.outputs) do head.outputs[k] = { name = o.name, parameters = self.binary and { binary_data = true } or nil } end
  elseif self.binary then
    head.parameters = { binary_data_output = true }
  end
  local rest = core.json.encode(head):sub(2)
  local text = ('{"inputs":[%s]%s%s'):format(table.concat(inputs, ","), rest == "}" and "" or ",", rest)
  if not self.binary then return text, { "Content-Type: application/json" } end
  return text .. table.concat(parts), { "Content-Type: application/octet-stream", "Inference-Header-Content-Length: " .. #text }
end

-- Replies

local function flatten(value, out)
  if type(value) ~= "table" then
    out[#out + 1] = value
  else
    for _, v in ipairs(value) do flatten(v, out) end
  end
  return out
end

local function count_of(shape)
  local n = 1
  if type(shape) ~= "table" then return nil end
  for _, d in ipairs(shape) do
    if math.type(d) ~= "integer" or d < 0 or d > 1 << 32 then return nil end
    n = n * d
    if n > 1 << 32 then return nil end
  end
  return n
end

--- Texts of a BYTES output in the binary form.
local function texts(bytes, n)
  local out, at = {}, 1
  for k = 1, n do
    if at + 3 > #bytes then return nil end
    local size = string.unpack("<I4", bytes, at)
    if at + 3 + size > #bytes then return nil end
    out[k] = bytes:sub(at + 4, at + 3 + size)
    at = at + 4 + size
  end
  return at == #bytes + 1 and out or nil
end

local function odd(name, ...) return nil, ("output %s: "):format(name) .. string.format(...) end

--- Numbers of a BF16 output as f32: the same bits with zeros behind.
local function from_bf16(bytes, shape) return core.tensor.from_bytes((bytes:gsub("..", "\0\0%0")), shape, "f32") end

local function from_binary(name, datatype, shape, n, bytes)
  if datatype == "BYTES" then
    local list = texts(bytes, n)
    if not list then return odd(name, "%d bytes are not %d texts", #bytes, n) end
    return { texts = list, shape = shape }
  end
  local dtype = DATATYPES[datatype]
  local size = n * (datatype == "BF16" and 2 or BYTES[dtype])
  if #bytes ~= size then return odd(name, "%d bytes, %s of %s are %d", #bytes, preprocess.shape_text(shape), datatype, size) end
  if datatype == "BF16" then return from_bf16(bytes, shape) end
  return core.tensor.from_bytes(bytes, shape, dtype)
end

local function from_json(name, datatype, shape, n, data)
  local list = flatten(data, {})
  if #list ~= n then return odd(name, "%d values, %s are %d", #list, preprocess.shape_text(shape), n) end
  if datatype == "BYTES" then
    for k, v in ipairs(list) do list[k] = tostring(v) end
    return { texts = list, shape = shape }
  end
  for k, v in ipairs(list) do
    if type(v) == "boolean" then list[k] = v and 1 or 0
    elseif type(v) ~= "number" then return odd(name, "value %d is %s, a number expected", k, v == core.json.null and "null" or type(v)) end
  end
  return core.tensor.new(shape, DATATYPES[datatype], list)
end

--- Is every number finite? Else the reason.
local function finite(name, tensor)
  if tensor.texts or not tensor.dtype:find "^f" then return true end
  local n, first = tensor:not_finite()
  if n == 0 then return true end
  return nil, ("output %s: value %d is %s"):format(name, first, tostring(tensor[first]))
end

--- Name -> tensor (or { texts, shape }) and the names in order; or nil, message.
local function read_reply(body, headers)
  if headers["content-encoding"] and headers["content-encoding"] ~= "identity" then
    return nil, "the reply is compressed (" .. printable(headers["content-encoding"], 20) .. "), which was not asked for"
  end
  local split = headers["inference-header-content-length"]
  local n = split and math.tointeger(tonumber(split))
  if split and (not n or n < 2 or n > #body) then return nil, ("header Inference-Header-Content-Length: %s of %d bytes"):format(printable(split, 20), #body) end
  local head, message = core.json.decode(n and body:sub(1, n) or body)
  if type(head) ~= "table" then return nil, "the reply is no JSON object: " .. tostring(message or printable(body, 80)) end
  if head.error ~= nil then return nil, tostring(head.error) end
  if type(head.outputs) ~= "table" or #head.outputs == 0 then return nil, "the reply has no outputs" end
  local out, names, at = {}, {}, (n or 0) + 1
  for k, o in ipairs(head.outputs) do
    local name = type(o) == "table" and type(o.name) == "string" and o.name or "number " .. k
    local count = type(o) == "table" and count_of(o.shape)
    if not count then return odd(name, "no shape") end
    if o.datatype ~= "BYTES" and not DATATYPES[o.datatype] then return odd(name, "datatype %s", tostring(o.datatype)) end
    local size = type(o.parameters) == "table" and o.parameters.binary_data_size
    local value
    if math.type(size) == "integer" and size >= 0 then
      if not n or at + size - 1 > #body then return odd(name, "%d bytes, the reply holds %d more", size, n and #body - at + 1 or 0) end
      value, message = from_binary(name, o.datatype, o.shape, count, body:sub(at, at + size - 1))
      at = at + size
    elseif type(o.data) == "table" then
      value, message = from_json(name, o.datatype, o.shape, count, o.data)
    else
      return odd(name, "no data")
    end
    if not value then return nil, message end
    local ok
    ok, message = finite(name, value)
    if not ok then return nil, message end
    out[name], names[k] = value, name
  end
  if n and at ~= #body + 1 then return nil, ("%d bytes after the last output"):format(#body - at + 1) end
  return out, names
end

-- Is the server there?

local function reached(self, yes)
  if yes then self.missed = 0
  else self.missed = self.missed + 1 end
end

local function is_gone(self)
  if self.missed < GONE_AFTER then return false end
  local now = core.term.clock()
  if self.looked and now - self.looked < LOOK_EVERY then return true end
  self.looked = now
  local status = ask(self, "/v2/health/ready", nil, nil, math.min(LOOK_EVERY, self.timeout), 1)
  if status ~= 200 then return true end
  self.missed = GONE_AFTER - 1 -- one more chance
  return false
end

--- Outputs by name and names; or nil, message, code, whether the model refused (so that no other try helps).
local function infer(self, tensors)
  if is_gone(self) then return nil, ("server: gone: %d predictions in a row did not reach the model; the last: %s"):format(self.missed, self.last), answers.UNAVAILABLE end
  local body, lines = request(self, tensors)
  local status, text, headers, how = ask(self, self.path .. "/infer", body, lines, self.timeout, self.tries)
  if not status then
    local message, code = text, headers
    if code ~= "cancelled" then
      reached(self, false)
      self.last = message
    end
    return nil, message, code == "model" and how == "connect" and answers.UNAVAILABLE or code
  end
  if status ~= 200 then
    local message = refusal(status, text, headers)
    local away = AGAIN[status] and status ~= 500
    reached(self, not away)
    self.last = message
    return nil, message, away and answers.UNAVAILABLE or "model"
  end
  reached(self, true)
  local out, names = read_reply(text, headers)
  if not out then return nil, "server: " .. names, "model" end
  return out, names
end

--- The outputs in the order that the decoder knows; or nil, message.
local function ordered(self, out, names)
  if not self.decode then self:learn(out, names) end
  local list = {}
  for k, o in ipairs(self.outputs) do
    list[k] = out[o.name]
    if not list[k] then return nil, ("server: no output %s in the reply, it has %s"):format(o.name, table.concat(names, ", ")) end
  end
  return list
end

--- Texts are labels by themselves, or what the user's function makes of them.
local function text_label(self, value)
  local label = #value.texts == 1 and value.texts[1] or value.texts
  return answers.of(label, nil, type(self.declared) == "function" and self.declared or nil)
end

local function decode(self, list, prep_map, image)
  for _, value in ipairs(list) do
    if type(value) == "table" and value.texts then return answers.unpack(text_label(self, value)) end
  end
  return self.decode(list, prep_map, image)
end

--- What the outputs are, where the server did not say: from the first reply.
function Server:learn(out, names)
  local outputs = {}
  for k, name in ipairs(names) do
    local v = out[name]
    outputs[k] = { name = name, dtype = v.texts and "other" or v.dtype, shape = v.shape, producer = "" }
  end
  self.outputs = outputs
  self.decode = output.new(self.declared, outputs, {})
end

local function tensors_for(self, picture)
  local list = { { name = self.input.name, tensor = picture } }
  for _, f in ipairs(self.feeds) do list[#list + 1] = f end
  return list
end

--- One picture: label, confidence; or nil, message, code.
function Server:answer(image)
  local tensor, prep_map, code = self.prep:apply(image)
  if not tensor then return nil, prep_map, code end
  local out, names
  out, names, code = infer(self, tensors_for(self, tensor))
  if not out then return nil, names, code end
  local list, message = ordered(self, out, names)
  if not list then return nil, message, "model" end
  return decode(self, list, prep_map, image)
end

--- Parts of the outputs for the k-th picture of n, or nil.
local function part(list, k, n)
  local out = {}
  for i, t in ipairs(list) do
    if t.shape[1] ~= n then return nil end
    if t.texts then
      local size = #t.texts // n
      out[i] = { texts = table.move(t.texts, (k - 1) * size + 1, k * size, 1, {}), shape = { 1 } }
    else
      out[i] = t:rows(k, 1)
    end
  end
  return out
end

--- Pictures in one request, or nil when that fails.
function Server:answer_together(images)
  local tensor, maps = preprocess.stack(self.prep, images)
  if not tensor then return nil end
  local out, names = infer(self, tensors_for(self, tensor))
  local list = out and ordered(self, out, names)
  if not list then return nil end
  local found = {}
  for k, image in ipairs(images) do
    local own = part(list, k, #images)
    if not own then return nil end
    found[k] = table.pack(decode(self, own, maps[k], image))
  end
  return found
end

--- What the model says to a picture: label, confidence (as `output` declares); or nil, message, code.
function Server:predict(image)
  if self.batch == 1 then return self:answer(image) end
  local answer = map.wait_batch(self.together, image)
  return table.unpack(answer, 1, answer.n)
end

--- End the connections. A model that is dropped ends them as well.
function Server:close() self.http:close() end
Server.__close = Server.close

local function escaped(text) return (text:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end)) end

-- Input and output from the declarations and what the server says.
local function prepare(self, x, described)
  local inputs = values_of(described.inputs)
  self.outputs = values_of(described.outputs)
  local given = x.input
  local name = type(given) == "table" and given.name or nil
  local at, message, code
  if #inputs == 0 then
    if not name then return nil, "the server does not describe the model's inputs: input needs name, size, channels, layout and dtype", "mismatch" end
    inputs, at = { { name = name, dtype = given.dtype or "f32", shape = { -1, -1, -1, -1 } } }, 1
  else
    at, message, code = preprocess.choose(inputs, name)
    if not at then return nil, message, code end
  end
  local prep, full
  prep, full, code = preprocess.new(given == nil and "raw" or given, inputs[at])
  if not prep then return nil, full, code end
  self.prep, self.input = prep, { name = inputs[at].name, declared = full }
  self.feeds = {}
  for k, value in ipairs(inputs) do
    if k ~= at then
      local t = x.feeds and x.feeds[value.name]
      if not t then return nil, ("input %s (%s %s): needs a value in feeds"):format(value.name, tostring(value.datatype), preprocess.shape_text(value.shape)), "mismatch" end
      self.feeds[#self.feeds + 1] = { name = value.name, tensor = t }
    end
  end
  local any_texts = #self.outputs == 0
  for _, o in ipairs(self.outputs) do any_texts = any_texts or o.datatype == "BYTES" end
  if not any_texts then self.decode = output.new(self.declared, self.outputs, {}) end
  return true
end

local function identity_of(self, x, described)
  local feeds = {}
  for k, f in ipairs(self.feeds) do feeds[k] = f.name .. core.file.hash_text(f.tensor:bytes()) end
  return ("server %s %s %s"):format(x.model, tostring(x.version or ""), identity.of { core.json.encode(described), self.input.declared or false,
    x.output or false, feeds, self.batch })
end

--- Open a model behind a server (see the head of this file). Asks the server for its and the model's description. Returns the
-- model, or nil, message, code: no such server or model, or a declaration that the model contradicts. Raises on misuse.
function M.open(x)
  answers.options("server", x, OPTIONS)
  if not x.model then error("server model: model: its name expected", 0) end
  if not x.server:find "^https?://[^/]" then error(("server model: server: an address like http://127.0.0.1:8000 expected, got %q"):format(x.server), 0) end
  if x.ca and core.file.info(x.ca).type ~= "file" then return nil, x.ca .. ": no such file of certificates", "io" end
  local http, message, code = core.http.open(x.parallel or 2 * core.async.threads(), x.ca)
  if not http then return nil, message, code end
  local self = setmetatable({
    http = http, url = x.server:gsub("/+$", ""), headers = x.headers or {}, timeout = x.timeout or 30, limit = x.limit or 64 << 20, tries = x.tries or 3,
    batch = x.batch or 1, declared = x.output, missed = 0, last = "",
    path = "/v2/models/" .. escaped(x.model) .. (x.version and "/versions/" .. escaped(tostring(x.version)) or ""),
  }, Server)
  local server, how
  server, message, code, how = get(self, "/v2")
  if not server and type(how) ~= "number" then return nil, ("%s: %s"):format(self.url, message), code end -- a status: it is a server, that tells nothing of itself
  self.binary = x.binary
  if self.binary == nil then self.binary = has_binary(server) end
  local described
  described, message, code = get(self, self.path)
  if not described then return nil, ("model %s: %s"):format(x.model, message), code end
  local ok
  ok, message, code = prepare(self, x, described)
  if not ok then return nil, ("model %s: %s"):format(x.model, message), code end
  self.together = function(images)
    local found = self:answer_together(images)
    if found then return found end
    return (map.map(images, function(image) return table.pack(self:answer(image)) end))
  end
  self.identity = x.identity or identity_of(self, x, described)
  return self
end

return M
