-- ONNX Runtime in processes of its own, and time limits for a run. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local net = require "onnx_net"
local core = brink.core

local BRINK = os.getenv "BRINK" or "build/brink"

local saved = net.saved

local SHAPE = { 1, 3, 4, 4 }
local function picture(v) return brink.image.new(4, 4, 3, "u8", v) end
local function rest(list) return { "regress", scale = 1, offset = list or 0 } end

local function opened(path, more)
  local x = { onnx = path, input = "raw", output = rest() }
  for key, v in pairs(more or {}) do x[key] = v end
  return t.ok(brink.model(x))
end

local function children()
  local f = assert(io.open "/proc/thread-self/children")
  local list = {}
  for pid in f:read("a"):gmatch "%d+" do
    local line = io.open("/proc/" .. pid .. "/cmdline")
    if line then
      if line:read("a"):find("isolated_worker", 1, true) then list[#list + 1] = pid end
      line:close()
    end
  end
  f:close()
  return list
end

local function signal(name, pids) for _, pid in ipairs(pids) do os.execute(("kill -s %s %s 2>/dev/null"):format(name, pid)) end end

t.test("an isolated model says what the model in this process says", function()
  net.runtime()
  local path = saved(net.means(SHAPE, { softmax = true }))
  local here, there <close> = opened(path, { output = "classify" }), opened(path, { output = "classify", isolate = true })
  for _, v in ipairs { 0, 77, 255 } do
    local im = picture(v)
    im = im + brink.image.new(4, 4, 3, "u8", 3)
    t.eq({ there:predict(im) }, { here:predict(im) })
    t.eq(there:run(im):bytes(), here:run(im):bytes())
  end
  t.eq(there.identity, here.identity)
  t.eq(there.inputs, here.inputs)
  t.eq(there.providers, here.providers)
  local x = core.tensor.new(SHAPE, "f32", 0.5)
  t.eq(there:run({ picture = x }):bytes(), here:run({ picture = x }):bytes())
  t.raises(function() there:run(core.tensor.new({ 1, 2, 4, 4 }, "f32", 0)) end, "got 1x2x4x4, the model expects 1x3x4x4")
end)

t.test("a batch goes to an isolated model as one, also where its first dimension is fixed", function()
  net.runtime()
  local path = saved(net.means(SHAPE, { softmax = true }))
  local here, there <close> = opened(path, { output = "classify" }), opened(path, { output = "classify", isolate = true, batch = 4, workers = 1 })
  local list = {}
  for k = 1, 9 do list[k] = picture(k * 20) end
  local function all(model) return (brink.map(list, function(im) return { model:predict(im) } end, { gang = model.batch })) end
  t.eq(all(there), all(here))
  t.eq(#children(), 1, "the workers of the session that was tried first are gone")
end)

t.test("large tensors go through shared memory", function()
  net.runtime()
  local shape = { 1, 3, 512, 512 }
  local path = saved(net.means(shape))
  local here, there <close> = opened(path), opened(path, { isolate = true, workers = 1 })
  local im = brink.image.new(640, 480, 3, "u8", 90)
  t.eq({ there:predict(im) }, { here:predict(im) })
  t.eq({ there:predict(im) }, { here:predict(im) })
end)

t.test("a run over its time is a failure, and the next is none", function()
  net.runtime()
  local slow = opened(saved(net.slow(SHAPE, 1e9)), { timeout = 1.5 })
  t.eq({ slow:predict(picture(0)) }, { { 0.0, 0.0, 0.0 } })
  local label, why, code = slow:predict(picture(200))
  t.eq({ label, code }, { nil, "model" })
  t.ok(tostring(why):find("no answer within 1.5 s"), why)
  t.eq({ slow:predict(picture(0)) }, { { 0.0, 0.0, 0.0 } })
  -- several at once, each with its own clock
  local out = brink.map({ 0, 200, 0, 201, 0 }, function(v) return (select(2, slow:predict(picture(v)))) or "fine" end)
  for k, v in ipairs(out) do
    if k % 2 == 0 then t.ok(v:find "no answer within", v) else t.eq(v, "fine") end
  end
end)

t.test("an isolated run over its time costs its process, nothing else", function()
  net.runtime()
  local slow <close> = opened(saved(net.slow(SHAPE, 1e9)), { isolate = true, workers = 2, timeout = 1.5 })
  local out = brink.map({ 0, 200, 0, 0 }, function(v)
    local label, why = slow:predict(picture(v))
    return label and "fine" or why
  end)
  t.eq({ out[1], out[3], out[4] }, { "fine", "fine", "fine" })
  t.ok(tostring(out[2]):find("isolated ONNX Runtime: no answer within 1.5 s"), out[2])
end)

t.test("a runtime that crashes is a failure of the pictures it had, and another process", function()
  net.runtime()
  local slow <close> = opened(saved(net.slow(SHAPE, 1e9)), { isolate = true, workers = 1, timeout = 60 })
  local calm = true
  local out = brink.map({ "predict", "kill" }, function(what)
    if what == "predict" then
      local _, why = slow:predict(picture(200))
      calm = false
      return why
    end
    while calm do
      core.async.sleep(0.05)
      if slow.session:stats().busy > 0 then signal("KILL", children()) end -- SEGV a sanitizer answers itself
    end
  end, { inflight = 2 })
  t.ok(tostring(out[1]):find("isolated ONNX Runtime: worker ended .* killed by signal 9"), out[1])
  t.eq({ slow:predict(picture(0)) }, { { 0.0, 0.0, 0.0 } })
  signal("KILL", children()) -- while it has nothing to do
  t.eq({ slow:predict(picture(0)) }, { { 0.0, 0.0, 0.0 } })
end)

t.test("what cannot be opened is said as by the model in this process", function()
  net.runtime()
  local path = saved(net.model { inputs = { { "x", "f32", SHAPE } }, outputs = { { "y", "f32", SHAPE } }, nodes = { { "NoSuchOperator", { "x" }, { "y" } } } })
  local function refusal(isolate) return select(2, brink.model { onnx = path, input = "raw", output = rest(), isolate = isolate }) end
  t.eq(refusal(true), refusal(false))
  t.ok(tostring(refusal(true)):find("NoSuchOperator"), refusal(true))
  local model, why, code = brink.model { onnx = saved(net.means(SHAPE)), isolate = true, runtime = "/nowhere/libonnxruntime.so" }
  t.eq({ model, code }, { nil, "io" })
  t.ok(tostring(why):find("/nowhere/libonnxruntime.so"), why)
  t.raises(function() brink.model { onnx = path, isolate = "yes" } end, "isolate: true or false expected")
  t.raises(function() brink.model { onnx = path, timeout = -1 } end, "timeout: -1, seconds")
  t.raises(function() brink.model { onnx = path, workers = 2 } end, "workers: only with isolate")
end)

t.test("a model file that changes under a running study is refused, not mixed in", function()
  net.runtime()
  local path = saved(net.means(SHAPE))
  local model <close> = opened(path, { isolate = true, workers = 1 })
  t.ok(model:predict(picture(1)))
  t.ok(core.file.write(path, net.means(SHAPE, { softmax = true })))
  signal("KILL", children())
  local label, why = model:predict(picture(1))
  t.eq(label, nil)
  t.ok(tostring(why):find("changed while it was in use"), why)
end)

t.test("the library in a stock interpreter isolates as well", function()
  net.runtime()
  local built = BRINK:match "^(.*)/[^/]*$" or "."
  if not os.execute "lua5.4 -v >/dev/null 2>&1" or core.file.info(built .. "/brink.so").type ~= "file" then t.skip "no lua5.4, or no brink.so" end
  local script = t.tmp() .. "/stock.lua"
  t.ok(core.file.write(script, ([[
    package.cpath = %q .. "/?.so;" .. package.cpath
    local brink = require "brink"
    local net <close> = assert(brink.model { onnx = %q, input = "raw", output = "regress", isolate = true, workers = 1 })
    print(table.unpack(net:predict(brink.image.new(4, 4, 3, "u8", 9))))
  ]]):format(built, saved(net.means(SHAPE)))))
  local p = io.popen("lua5.4 " .. script .. " 2>&1")
  local said = p:read "a"
  p:close()
  if said:find("ASan runtime", 1, true) or said:find("libtsan", 1, true) then t.skip "a sanitizer's module needs its own program" end
  t.eq(said, "9.0\t9.0\t9.0\n")
end)

t.test("files with flipped bytes never end this process", function()
  net.runtime()
  local whole = net.means(SHAPE, { softmax = true })
  local rng = core.rng(1, "mutate", "onnx", 1)
  for _ = 1, 12 do
    local bytes = { whole:byte(1, -1) }
    for _ = 1, 3 do bytes[rng:integer(1, #bytes)] = rng:integer(0, 255) end
    local ok, model, why = pcall(brink.model, { onnx = saved(string.char(table.unpack(bytes))), input = "raw", output = "classify", isolate = true, workers = 1 })
    if ok and model then
      model:predict(picture(9))
      model:close()
    else
      t.eq(type(ok and why or model), "string")
    end
  end
end)

t.test("nothing stays behind", function()
  t.eq(children(), {})
end)

t.done()
