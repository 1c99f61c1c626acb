-- Models in other processes: good ones, and all the ways to be bad. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local core = brink.core

local DOUBLE = "tests/lib/worker.py"
local interpreter

--- Path of python3 itself: what is on PATH may be a script that looks for it each time.
local function python()
  if interpreter == nil then
    local p = io.popen("python3 -c 'import sys; print(sys.executable)' 2>/dev/null")
    interpreter = p:read("l") or ""
    p:close()
  end
  if interpreter == "" then t.skip("no python3") end
  return interpreter
end

local function double(behaviour, opts, argument)
  local x = { process = { python(), "-S", "-E", DOUBLE, behaviour, argument }, workers = 1, batch = 1, timeout = 10 }
  for k, v in pairs(opts or {}) do x[k] = v end
  return brink.model(x)
end

local function picture(v, w, h) return brink.image.new(w or 4, h or 3, 3, "u8", v) end

local function pictures(list)
  local out = {}
  for k, v in ipairs(list) do out[k] = picture(v) end
  return out
end

--- What the model says to each: a label, or { reason }.
local function ask(model, list)
  return brink.map(pictures(list), function(image)
    local label, message = model:predict(image)
    if label == nil then return { message } end
    return label
  end, { gang = model.batch })
end

local function children()
  local f = assert(io.open("/proc/thread-self/children"))
  local list = {}
  for pid in f:read("a"):gmatch "%d+" do
    local s = io.open("/proc/" .. pid .. "/stat")
    if s then
      list[#list + 1] = { pid = pid, state = s:read("a"):match "^%d+ %(.*%) (%a)" }
      s:close()
    end
  end
  return list
end

local function descriptors() return #core.file.list "/proc/self/fd" end

t.test("a good worker answers in order, from one process or four", function()
  for _, n in ipairs { 1, 4 } do
    local model <close> = assert(double("good", { workers = n }))
    t.eq(ask(model, { 1, 2, 3, 4, 5, 6, 7, 8 }), { 1, 2, 3, 4, 5, 6, 7, 8 })
    t.ok(model:stats().started <= n)
    t.eq(model:stats().failed, 0)
  end
end)

t.test("plain code asks as well", function()
  local model <close> = assert(double "good")
  t.eq(model:predict(picture(5)), 5)
end)

t.test("a batch answers as single pictures do, mixed sizes too", function()
  local model <close> = assert(double("good", { batch = 3 }))
  t.eq(model.batch, 3)
  local list = {}
  for k = 1, 20 do list[k] = brink.image.new(k % 3 == 0 and 7 or 4, 3, 3, "u8", k) end
  local out = brink.map(list, function(image) return (model:predict(image)) end, { gang = model.batch })
  for k = 1, 20 do t.eq(out[k], k) end
end)

t.test("no batch is larger than the worker offers", function()
  local model <close> = assert(double("good", { batch = 100 }))
  t.eq(model.batch, 4)
end)

t.test("large frames go through shared memory, other frames through the pipe", function()
  local model <close> = assert(double "shared")
  for _, size in ipairs { 700, 8, 1201, 640 } do
    local image = brink.image.new(size, size, 3, "u8", size % 200)
    t.eq(model:predict(image), size % 200)
  end
  local pipe <close> = assert(double "good")
  t.eq(pipe:predict(brink.image.new(1500, 1000, 3, "u8", 33)), 33)
end)

-- Each of these spoils the pictures with 99 (first, middle, last) and nothing else. The text is part of the reason.
local bad = {
  { "crash", "signal 11" }, { "raise", "RuntimeError: no such thing as a dog" }, { "exit 0", "exit code 0" },
  { "garbage", "Epoch 1/10" }, { "half frame", "exit code 0" }, { "1 GB header", "1073741824" }, { "1 GB body", "1073741824" },
  { "endless body", "no answer within 1 s", 1 }, { "hang", "no answer within 1 s", 1 },
  { "ignore SIGTERM", "no answer within 1 s", 1 }, { "half frame and hang", "no answer within 1 s", 1 }, { "fork", "exit code 1" },
  { "wrong id", "not the one asked" }, { "no id", "without id" }, { "NaN", "frame header" },
  { "wrong count", "2 answers to 1 pictures" }, { "no list", "answers to 1 pictures" }, { "null", "no label" }, { "not JSON", "frame header" },
  { "closes stdout", "closed its standard output" }, { "error", "cannot see this" }, { "errors", "cannot see this one" },
}

for _, case in ipairs(bad) do
  t.test("a worker that goes wrong costs only its picture: " .. case[1], function()
    for workers, list in pairs { [1] = { 99, 1, 2 }, [4] = { 1, 2, 99, 3, 4, 5, 99 } } do
      local model <close> = assert(double(case[1], { workers = workers, timeout = case[3] }))
      local out = ask(model, list)
      for k, v in ipairs(list) do
        if v ~= 99 then t.eq(out[k], v)
        else t.ok(type(out[k]) == "table" and out[k][1]:find(case[2], 1, true), "reason " .. tostring(type(out[k]) == "table" and out[k][1])) end
      end
    end
  end)
end

t.test("in a batch as well", function()
  for _, case in ipairs { "crash", "error", "wrong count" } do
    local model <close> = assert(double(case, { batch = 4, workers = 2 }))
    local out = ask(model, { 1, 99, 2, 3, 4, 5, 6, 99 })
    for k, v in ipairs { 1, false, 2, 3, 4, 5, 6, false } do
      if v then t.eq(out[k], v) else t.eq(type(out[k]), "table") end
    end
  end
end)

t.test("a number too large for any float is a failure", function()
  local model <close> = assert(double "too large")
  local out = ask(model, { 1, 99, 2 })
  t.eq(out[1], 1)
  t.eq(type(out[2]), "table")
  t.eq(out[3], 2)
end)

t.test("one accident is made good by asking again", function()
  for k, case in ipairs { "crash once", "hang once" } do
    local model <close> = assert(double(case, { workers = 2, timeout = 3 }, t.tmp() .. "/once" .. k))
    t.eq(ask(model, { 1, 99, 2, 99, 3 }), { 1, "good", 2, "good", 3 })
  end
end)

t.test("what changes nothing: extra output, a flood on standard error", function()
  for _, case in ipairs { "extra output", "stderr flood" } do
    local model <close> = assert(double(case, { workers = 2 }))
    t.eq(ask(model, { 99, 1, 99, 99, 2 }), { "good", 1, "good", "good", 2 }, case)
  end
end)

t.test("an answer that came while Lua was busy is not late", function()
  local sign = t.tmp() .. "/answered"
  local model <close> = assert(double("tell", { timeout = 0.5 }, sign))
  local begun = core.term.clock()
  local out = brink.map({ 1, 2 }, function(k)
    if k == 1 then return (model:predict(picture(99))) end
    while core.file.info(sign).type == "missing" and core.term.clock() < begun + 20 or core.term.clock() < begun + 0.7 do end
    return 0
  end)
  t.eq(out, { "good", 0 })
  t.eq(model:stats().failed, 0)
end)

t.test("a slow start is waited for, up to start_timeout", function()
  local model <close> = assert(double("slow start", { timeout = 1 }))
  t.eq(ask(model, { 1, 2 }), { 1, 2 })
  local late, message, code = double("no hello", { start_timeout = 0.2, restarts = 2 })
  t.fails("not ready within 0.2 s", late, message)
  t.eq(code, "model")
end)

t.test("workers that cannot start are told at once, with their last words", function()
  t.fails("no weights here", double("dies at start", { restarts = 2 }))
  t.fails("no worker after 2 starts", double("dies at start", { restarts = 2 }))
  t.fails("protocol 2", double "new")
  t.fails("no hello", double "old")
  t.fails("loading model ...", double("prints first", { restarts = 2 }))
  t.fails("nonesuch: cannot start", brink.model { process = "nonesuch -x" })
  local model <close> = assert(double("two hellos", { restarts = 2 }))
  local label, message, code = model:predict(picture(1))
  t.fails("more than its hello", label, message)
  t.eq(code, "unavailable")
end)

t.test("misuse is named", function()
  t.raises(function() brink.model { process = {} } end, "the program's name expected")
  t.raises(function() brink.model { process = "a 'b" } end, "is not closed")
  t.raises(function() brink.model { process = "a", batches = 3 } end, "no option batches")
  t.raises(function() brink.model { process = "a", batch = 0 } end, "an integer from 1 expected")
  t.raises(function() brink.model { process = "a", timeout = -1 } end, "seconds")
  local model = assert(double "good")
  model:close()
  model:close()
  t.raises(function() model:predict(picture(1)) end, "closed")
end)

t.test("a hundred restarts leave no descriptor, no zombie, no worker", function()
  local model = assert(double("exit 0", { workers = 2 }))
  ask(model, { 1, 99, 2 })
  collectgarbage()
  local before = descriptors()
  local list = {}
  for k = 1, 100 do list[k] = k % 2 == 0 and 99 or k % 50 end
  local out = ask(model, list)
  for k = 1, 100 do t.eq(type(out[k]), k % 2 == 0 and "table" or "number") end
  t.ok(model:stats().failed >= 100, "failures " .. model:stats().failed)
  collectgarbage()
  t.ok(descriptors() <= before + 8, "descriptors") -- a worker more may be up: 4 each
  model:close()
  local zombies = 0
  for _, c in ipairs(children()) do if c.state == "Z" then zombies = zombies + 1 end end
  t.eq(zombies, 0)
  collectgarbage()
  ask(assert(double "good"), { 1 })
  collectgarbage()
  collectgarbage()
  t.ok(#children() <= 1, "the guard alone") -- the collector ends workers of dropped models
end)

--- Run a script in a brink of its own that prints a line and then does not end; kill it; return the line.
local function run_and_kill(script, signal)
  local path = t.tmp() .. "/killed.lua"
  core.file.write(path, 'local brink = require "brink"\nlocal pid = io.open("/proc/self/stat"):read("n")\n' .. script)
  local p = io.popen(("%s %s 2>/dev/null"):format(os.getenv "BRINK", path))
  local line = p:read("l")
  local pid = line:match "^%d+"
  os.execute(("kill -%s %s"):format(signal, pid))
  p:close()
  return line
end

--- Are all of these processes gone soon?
local function gone(pids)
  for _ = 1, 200 do
    local left = 0
    for _, pid in ipairs(pids) do
      local f = io.open("/proc/" .. pid .. "/stat")
      if f then
        if f:read("a"):match "^%d+ %(.*%) (%a)" ~= "Z" then left = left + 1 end
        f:close()
      end
    end
    if left == 0 then return true end
    core.async.sleep(0.05)
  end
  return false
end

t.test("kill -9 of brink leaves no worker, busy and deaf as it may be", function()
  local line = run_and_kill(([[
    brink.worker_path()
    local model = assert(brink.model { process = { %q, "-S", "-E", %q, "ignore SIGTERM" }, workers = 3, batch = 1 })
    local WANTED = 4 -- the workers and the guard
    brink.map({ 99, 99, 99, 1 }, function(v)
      if v == 1 then
        local list
        repeat
          brink.core.async.sleep(0.05)
          list = io.open("/proc/" .. pid .. "/task/" .. pid .. "/children"):read("a")
        until select(2, list:gsub("%%d+", "")) >= WANTED
        print(pid .. " " .. list)
        io.stdout:flush()
      else
        model:predict(brink.image.new(4, 4, 3, "u8", v))
      end
    end)]]):format(python(), DOUBLE), "KILL")
  local pids = {}
  for pid in line:gmatch "%d+" do pids[#pids + 1] = pid end
  t.ok(#pids >= 5, "brink, three workers and the guard: " .. line)
  t.ok(gone(pids), "left: " .. line)
end)

t.test("an interrupted run ends its workers, however deaf", function()
  local line = run_and_kill(([[
    local model = assert(brink.model { process = { %q, "-S", "-E", %q, "ignore SIGTERM" }, workers = 2, batch = 1 })
    local WANTED = 3
    brink.map({ 99, 99, 1 }, function(v)
      if v == 1 then
        local list
        repeat
          brink.core.async.sleep(0.05)
          list = io.open("/proc/" .. pid .. "/task/" .. pid .. "/children"):read("a")
        until select(2, list:gsub("%%d+", "")) >= WANTED
        print(pid .. " " .. list)
        io.stdout:flush()
        brink.core.async.sleep(60)
      else
        model:predict(brink.image.new(4, 4, 3, "u8", v))
      end
    end)]]):format(python(), DOUBLE), "TERM")
  local pids = {}
  for pid in line:gmatch "%d+" do pids[#pids + 1] = pid end
  t.ok(gone(pids), "left: " .. line)
end)

-- The helper for Python.

local function helper(body, opts, other)
  local path = ("%s/model%d.py"):format(t.tmp(), core.rng(body):integer(1, 1 << 30))
  core.file.write(path, "from brink_worker import serve\n" .. body)
  local x = { process = { other or python(), path }, workers = 1 }
  for k, v in pairs(opts or {}) do x[k] = v end
  return assert(brink.model(x))
end

t.test("brink_worker: pixels, confidence, prints that break nothing", function()
  local model <close> = helper [[
import os
print("loading")
def predict(image):
    print("seen", image.shape)
    os.system("echo from a child of mine")
    assert image.shape == (3, 5, 3)
    return "v%d" % image[2, 4, 1], 0.25
serve(predict, version="7")
]]
  local label, sure = model:predict(picture(11, 5, 3))
  t.eq(label, "v11")
  t.eq(sure, 0.25)
  t.ok(model.identity:find("7", 1, true))
end)

t.test("brink_worker: exceptions, NaN, strange answers are failures of their picture", function()
  local model <close> = helper [==[
def predict(image):
    v = image[0, 0, 0]
    if v == 1: raise ValueError("too dark")
    if v == 2: return float("nan")
    if v == 3: return {"boxes": [[1.0, float("inf")]]}
    if v == 4: return object()
    if v == 5: return None
    if v == 6: return "x", 2.0
    if v == 7: return {"boxes": [[1.0, 2]], "n": 3}
    if v == 8: return []
    return int(v)
serve(predict)
]==]
  local out = ask(model, { 1, 2, 3, 4, 5, 6, 7, 8, 9 })
  for k, text in ipairs { "ValueError: too dark (model", "not finite", "not finite", "answer of type object", "no label", "confidence: 2.0" } do
    t.ok(type(out[k]) == "table" and out[k][1]:find(text, 1, true), text .. " in " .. tostring(out[k][1]))
  end
  t.eq(out[7].boxes[1][2], 2)
  t.eq(#out[8], 0)
  t.eq(out[9], 9)
  t.eq(model:stats().failed, 0)
end)

t.test("brink_worker: batches, and a batch that raises is asked picture by picture", function()
  local model <close> = helper([[
def predict(images):
    firsts = [int(im[0, 0, 0]) for im in images]
    if 99 in firsts: raise ValueError("99")
    return firsts
serve(predict, batch=4)
]], { workers = 2 })
  t.eq(model.batch, 4)
  local out = ask(model, { 1, 2, 3, 4, 5, 99, 7, 8, 9 })
  for k, v in ipairs { 1, 2, 3, 4, 5, false, 7, 8, 9 } do
    if v then t.eq(out[k], v) else t.ok(out[k][1]:find("99", 1, true)) end
  end
end)

t.test("brink_worker with numpy: u8 and f32 arrays, numpy answers, shared memory", function()
  local p = io.popen("/usr/bin/python3 -c 'import numpy; print(1)' 2>/dev/null")
  local have = p:read("l") == "1"
  p:close()
  if not have then t.skip("no numpy") end
  local model <close> = helper([[
import numpy
def predict(image):
    image[0, 0, 0] += 1
    return {"type": str(image.dtype), "mean": image.mean(), "shape": numpy.array(image.shape)}
serve(predict)
]], nil, "/usr/bin/python3")
  local out = assert(model:predict(picture(10, 3, 2)))
  t.eq(out.type, "uint8")
  t.near(out.mean, 10 + 1 / 18, 1e-9)
  t.eq({ out.shape[1], out.shape[2], out.shape[3] }, { 2, 3, 3 })
  t.eq(assert(model:predict(brink.image.new(4, 4, 1, "f32", 0.5))).type, "float32")
  t.eq(assert(model:predict(brink.image.new(900, 800, 3, "u8", 3))).shape[1], 800)
  t.eq(assert(model:predict(brink.image.new(1900, 800, 3, "u8", 3))).shape[2], 1900)
end)

t.test("a worker in Lua, run by brink itself", function()
  local path = t.tmp() .. "/worker.lua"
  core.file.write(path, [[
local json = require("brink").core.json
local function write(header)
  io.write(string.pack("<s4", json.encode(header)))
  io.flush()
end
write { brink = 1, name = "lua" }
while true do
  local size = io.read(4)
  if not size then break end
  local header = json.decode(io.read((string.unpack("<I4", size))))
  local pixels = io.read(header.bytes)
  write { id = header.id, result = { pixels:byte(-1) } }
end
]])
  local model <close> = assert(brink.model { process = { os.getenv "BRINK", path }, workers = 2 })
  t.eq(ask(model, { 3, 4, 5, 6 }), { 3, 4, 5, 6 })
end)

-- Programs that take a file.

t.test("command: the label is what it prints, the file is the picture", function()
  local script = t.tmp() .. "/classify"
  core.file.write(script, '#!/bin/sh\ncp "$1" "$2"\nprintf "  a cat\\n\\n"\n')
  os.execute("chmod +x " .. script)
  for _, suffix in ipairs { ".png", false } do
    local copy = t.tmp() .. "/copy.png"
    local model = assert(brink.model { command = script .. " {file} " .. copy, suffix = suffix })
    local image = picture(77, 9, 5)
    t.eq(model:predict(image), "a cat")
    t.eq(assert(brink.image.load(copy)):hash(), image:hash())
  end
end)

t.test("command: JSON, shell, names with blanks", function()
  t.ok(brink.model({ command = "echo '[1, 2.5]' {file}", output = "text" }):predict(picture(1)):find "^%[1, 2.5%] /")
  t.eq(brink.model({ command = "sh -c 'echo [1, 2.5]' {file}" }):predict(picture(1))[2], 2.5)
  local label, sure = brink.model({ command = [[printf '{"label": "dog", "confidence": 0.5}' {file}]] }):predict(picture(1))
  t.eq(label, "dog")
  t.eq(sure, 0.5)
  t.eq(brink.model({ command = "test -s {file} && echo yes | tr y Y", shell = true }):predict(picture(1)), "Yes")
  t.eq(brink.model({ command = { "echo", "a  b", "{file}" }, output = function(text) return text:sub(1, 4) end }):predict(picture(1)), "a  b")
end)

t.test("command: failures have reasons", function()
  local function fails(text, x)
    x.timeout = x.timeout or 10
    t.fails(text, brink.model(x):predict(picture(1)))
  end
  fails("exit code 3", { command = "sh -c 'echo oh no >&2; exit 3' {file}" })
  fails("oh no", { command = "sh -c 'echo oh no >&2; exit 3' {file}" })
  fails("signal 9", { command = "sh -c 'kill -9 $$' {file}" })
  fails("not done within 0.2 s", { command = "sh -c 'sleep 600 & wait' {file}", timeout = 0.2 })
  fails("cannot start", { command = "./nonesuch {file}" })
  fails("nothing on standard output", { command = "true {file}" })
  fails("standard output: ", { command = "echo '{a}' {file}", output = "json" })
  fails("bytes on standard output", { command = "sh -c 'cat /dev/zero' {file}" })
  t.raises(function() brink.model { command = "classify" } end, "{file} expected")
  t.raises(function() brink.model { command = { "a", "{file}" }, shell = true } end, "a text expected")
end)

t.test("command: nothing is left behind, also after kill -9", function()
  local line = run_and_kill([[
    local model = brink.model { command = "sh -c 'echo $PPID $$ $0 >&3; sleep 600' {file}" }
    local out = brink.map({ 1, 2 }, function(k)
      if k == 1 then return model:predict(brink.image.new(4, 4, 3, "u8", 1)) end
      local list, names
      repeat
        brink.core.async.sleep(0.05)
        list, names = io.open("/proc/" .. pid .. "/task/" .. pid .. "/children"):read("a"), {}
        for word in list:gmatch "%d+" do
          local f = io.open("/proc/" .. word .. "/cmdline")
          names[#names + 1] = f and f:read("a"):match "/[%w/]*brink%-[%w]+/image.png"
        end
      until #names > 0
      print(pid .. " " .. list .. " " .. table.concat(names, " "))
      io.stdout:flush()
      brink.core.async.sleep(60)
    end)]], "KILL")
  local file = line:match "(/%S*image.png)"
  t.ok(file, "no file name in " .. line)
  local pids = {}
  for pid in line:gsub("/.*", ""):gmatch "%d+" do pids[#pids + 1] = pid end
  t.ok(gone(pids), "left: " .. line)
  for _ = 1, 100 do
    if core.file.info(file:match "^(.*)/").type == "missing" then return end
    core.async.sleep(0.05)
  end
  t.ok(false, file .. " is still there")
end)

t.done()
