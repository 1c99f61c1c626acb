--- A model in a program that stays: brink.model{ process = {"python3", "predict.py"} }.
--
-- The program speaks the protocol of engine/model/PROTOCOL.md on its standard input and output; for Python there is
-- brink_worker.py (its folder is on PYTHONPATH by itself), for any other language the protocol is one page.
-- Up to `workers` of it run at a time, each with one request. A worker that crashes, hangs, or says what is no answer is
-- replaced; its request is asked once more, of a fresh worker, and then recorded as a failure of that picture, with
-- the last words of the worker. A batch that fails is asked picture by picture, so that the others have their answer.
-- SPDX-License-Identifier: MIT
local answers = require "brink.model.answer"
local core = require "brink.core"
local identity = require "brink.identity"
local map = require "brink.map"
local worker = require "brink.worker"

local M = {}

local OPTIONS = {
  process = "any", batch = "count", workers = "count", timeout = "seconds", start_timeout = "seconds", restarts = "count",
  env = "table", cwd = "string", output = "function", identity = "string",
}

local Process = { __name = "brink.Model" }
Process.__index = Process

--- One request: a list of answers, or nil, message, code, whether the pool is down.
local function once(self, images, again)
  local text, body, code, down = self.pool:ask(images, again)
  if not text then return nil, body, code, down end
  local header = core.json.decode(text)
  if type(header) ~= "table" then return nil, "the answer is not a JSON object", "model" end
  if header.error ~= nil then return nil, tostring(header.error), "answer" end
  local result, sures, errors = header.result, header.confidence, header.errors
  if type(result) ~= "table" or #result ~= #images then
    return nil, ("%s answers to %d pictures"):format(type(result) == "table" and #result or "no list of", #images), "answer"
  end
  local out = {}
  for k = 1, #images do
    local why = type(errors) == "table" and errors[k]
    if why and why ~= core.json.null then out[k] = answers.failure(tostring(why))
    else out[k] = answers.of(result[k], type(sures) == "table" and sures[k] or nil, self.output) end
  end
  return out
end

--- Answers to pictures of one shape, whatever happens.
local function ask(self, images)
  local out, why, code, down = once(self, images, false)
  if out then return out end
  local lost = down or code == "cancelled"
  if #images > 1 and not lost then
    out = {}
    for k, image in ipairs(images) do out[k] = ask(self, { image })[1] end
    return out
  end
  if code == "model" and not lost then -- the worker was lost, not the picture refused
    out, why, code, down = once(self, images, true)
    if out then return out end
  end
  local word = down and answers.UNAVAILABLE or code ~= "answer" and code or "model"
  out = {}
  for k = 1, #images do out[k] = answers.failure(why, word) end
  return out
end

local function shape(image) return ("%d %d %d %s"):format(image.width, image.height, image.channels, image.type) end

--- Answers to any pictures, in their order: those of one shape together, at most `batch` at a time.
local function batch(self, images)
  local groups, order, out = {}, {}, {}
  for k, image in ipairs(images) do
    local key = shape(image)
    local group = groups[key]
    if not group or #group == self.batch then
      group = {}
      groups[key] = group
      order[#order + 1] = group
    end
    group[#group + 1] = k
  end
  for _, group in ipairs(order) do
    local list = {}
    for j, k in ipairs(group) do list[j] = images[k] end
    for j, answer in ipairs(ask(self, list)) do out[group[j]] = answer end
  end
  return out
end

--- label [, confidence]; or nil, message, code.
function Process:predict(image)
  if self.batch > 1 then return answers.unpack(map.wait_batch(self.batcher, image)) end
  return answers.unpack(ask(self, { image })[1])
end

--- { alive, busy, started, failed }: processes now, those with a request, ever started, and gone wrong.
function Process:stats() return self.pool:stats() end

--- End the workers. A model that is dropped ends them as well.
function Process:close() self.pool:close() end
Process.__close = Process.close

local function environment(x)
  local env = answers.env(x.env, "process model")
  local path = worker.path()
  if path then
    local old = x.env and x.env.PYTHONPATH or os.getenv "PYTHONPATH"
    for k = #env, 1, -1 do if env[k]:find("^PYTHONPATH=") then table.remove(env, k) end end
    env[#env + 1] = "PYTHONPATH=" .. path:match "^(.*)/" .. (old and old ~= "" and ":" .. old or "")
  end
  env[#env + 1] = "BRINK_WORKER=1"
  return env
end

--- Open a process model: starts one worker and waits for its hello.
-- x: process = argv (a list, or a text split at blanks); workers (default: threads); batch (default: what the worker
-- offers); timeout (30 s per request), start_timeout (60 s); restarts (5 failed starts in a row end it); env (table
-- of additions); cwd; output = function(label) -> label, applied to what the worker answers; identity (text that stands for the
-- model in a study; default: the arguments, the content of those that are files, and what the worker says of itself).
-- Returns the model, or nil, message, code when no worker can be started. Raises on misuse.
function M.open(x)
  answers.options("process", x, OPTIONS)
  local argv = answers.argv("process model: process", x.process)
  local pool, message, code = core.process.open {
    argv = argv, env = environment(x), cwd = x.cwd, workers = x.workers or core.async.threads(),
    timeout = x.timeout or 30, start_timeout = x.start_timeout or 60, restarts = x.restarts or 5,
  }
  if not pool then return nil, message, code end
  local text
  text, message, code = pool:hello()
  if not text then
    pool:close()
    return nil, message, code
  end
  local hello = core.json.decode(text)
  local most = math.type(hello.batch) == "integer" and hello.batch >= 1 and hello.batch or 1
  local self = setmetatable({ pool = pool, hello = hello, output = x.output, batch = math.min(x.batch or most, most) }, Process)
  self.batcher = function(images) return batch(self, images) end
  self.identity = x.identity or ("process %s: %s %s%s"):format(answers.argv_identity(argv, x.cwd), tostring(hello.name or ""),
    tostring(hello.version or ""), x.output and " " .. identity.of(x.output) or "")
  return self
end

return M
