-- Models behind a server that speaks the Open Inference Protocol, well and badly. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local core = brink.core

local servers = {}

--- Address and process number of a server double, started when first asked for.
local function server(mode)
  mode = mode or "binary"
  if not servers[mode] then
    local p = io.popen(("exec python3 tests/lib/server.py %s 2>/dev/null"):format(mode))
    local port, pid = (p:read("l") or ""):match "^(%d+) (%d+)$"
    servers[mode] = { port = port, pid = pid, pipe = p }
  end
  if not servers[mode].port then t.skip("no python3") end
  return "http://127.0.0.1:" .. servers[mode].port, servers[mode].pid
end

local function stop(mode)
  local s = servers[mode]
  if s and s.pid then os.execute("kill " .. s.pid .. " 2>/dev/null") end
  if s then s.pipe:close() end
  servers[mode] = nil
end

local function model(name, opts, mode)
  local x = { server = server(mode), model = name, input = { layout = "NHWC" }, timeout = 10 }
  for k, v in pairs(opts or {}) do x[k] = v end
  return assert(brink.model(x))
end

local function picture(v) return brink.image.new(2, 2, 3, "u8", v) end

local function ask(net, list)
  return brink.map(list, function(v)
    local label, message, code = net:predict(picture(v))
    if label == nil then return { message, code } end
    return label
  end, { gang = net.batch })
end

t.test("binary and JSON forms give the same labels", function()
  for _, mode in ipairs { "binary", "json" } do
    local net <close> = model("scores", nil, mode)
    t.eq(net.binary, mode == "binary")
    t.eq(ask(net, { 0, 1, 2, 3, 4, 5, 6 }), { 0, 1, 2, 3, 0, 1, 2 })
    local texts <close> = model("texts", nil, mode)
    t.eq(ask(texts, { 7, 8, 9 }), { "v7", "v8", "v9" })
    local float <close> = model("float", { input = { layout = "NCHW", scale = 1 } }, mode)
    t.eq(ask(float, { 5, 6 }), { 1, 2 })
  end
end)

t.test("the form can be chosen", function()
  for _, binary in ipairs { true, false } do
    local net <close> = model("scores", { binary = binary })
    t.eq(ask(net, { 2, 99 }), { 2, 3 })
  end
end)

t.test("batches answer as single pictures do", function()
  for _, name in ipairs { "scores", "texts" } do
    local one <close> = model(name)
    local many <close> = model(name, { batch = 4 })
    local list = {}
    for k = 1, 23 do list[k] = k end
    t.eq(ask(many, list), ask(one, list))
  end
  local net <close> = model("400", { batch = 4 })
  local out = ask(net, { 1, 2, 99, 3, 0 })
  t.eq({ out[1], out[2], out[4], out[5] }, { 1, 2, 3, 0 })
  t.ok(out[3][1]:find("unexpected shape", 1, true))
end)

t.test("connections are kept", function()
  local net <close> = model("scores", { parallel = 2 })
  local function counts()
    local http <close> = core.http.open()
    local _, body = http:ask { url = server() .. "/counts" }
    return core.json.decode(body)
  end
  local before = counts()
  ask(net, { 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3 })
  local after = counts()
  t.eq(after.infer - before.infer, 16)
  t.ok(after.connections - before.connections <= 3, after.connections - before.connections .. " connections")
end)

t.test("what a function makes of the outputs", function()
  local net <close> = model("scores", { output = function(out) return out.scores:argmax() end })
  t.eq(type(net:predict(picture(2))), "number")
  local texts <close> = model("texts", { output = function(text) return text .. "!" end })
  t.eq(texts:predict(picture(2)), "v2!")
end)

t.test("a server that does not describe its model", function()
  local input = { name = "x", size = 2, channels = "RGB", layout = "NHWC", dtype = "u8" }
  local net <close> = model("undescribed", { input = input, output = "classify" })
  t.eq(ask(net, { 1, 2, 3 }), { 1, 2, 3 })
  local none, message = brink.model { server = server(), model = "undescribed" }
  t.fails("does not describe", none, message)
end)

t.test("outputs of every datatype, in both forms", function()
  for _, mode in ipairs { "binary", "json" } do
    for _, name in ipairs { "BF16", "FP16", "INT8", "BOOL", "nested" } do
      for _, batch in ipairs { 1, 3 } do
        local net <close> = model(name, { output = "classify", batch = batch }, mode)
        t.eq(ask(net, { 1, 2, 3, 6 }), { 1, 2, 3, 2 }, name .. " " .. mode)
      end
    end
  end
end)

t.test("replies in chunks, with extensions and a trailer", function()
  local net <close> = model("chunked", {}, "json")
  t.eq(ask(net, { 1, 2, 3 }), { 1, 2, 3 })
end)

t.test("connections that the server closes after each reply, unannounced", function()
  local net <close> = model("closes", { tries = 1 })
  for _ = 1, 3 do t.eq(ask(net, { 1, 2, 3, 1, 2, 3 }), { 1, 2, 3, 1, 2, 3 }) end
end)

t.test("a long token reaches the server whole", function()
  local net <close> = model("token", { headers = { "Authorization: " .. ("x"):rep(5000) } })
  t.eq(ask(net, { 1 }), { 1 })
  local less <close> = model("token", { headers = { "Authorization: Bearer y" } })
  t.fails("who are you?", less:predict(picture(1)))
end)

t.test("a server on IPv6", function()
  local address = server "ipv6"
  t.eq(ask(model("plain", { server = (address:gsub("127.0.0.1", "[::1]")) }), { 1, 2 }), { 1, 2 })
  stop "ipv6"
end)

t.test("https with certificates of one's own, and not without", function()
  local cert, key = t.tmp() .. "/cert.pem", t.tmp() .. "/key.pem"
  local made = os.execute(("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s 2>/dev/null"):format(key, cert))
  if not made then t.skip "no openssl" end
  local mode = ("tls %s %s"):format(cert, key)
  local address = server(mode):gsub("^http:", "https:")
  t.eq(ask(model("plain", { server = address, ca = cert }), { 1, 2 }), { 1, 2 })
  local none, why = brink.model { server = address, model = "plain", input = { layout = "NHWC" }, timeout = 5 }
  t.fails("certificate", none, why)
  none, why = brink.model { server = address, model = "plain", ca = "/nowhere/ca.pem" }
  t.fails("/nowhere/ca.pem: no such file of certificates", none, why)
  stop(mode)
end)

-- Each of these spoils the picture with 99 and nothing else.
local bad = {
  { "500", "dog not found", "model" }, { "400", "unexpected shape", "model" }, { "503", "loading", "unavailable" },
  { "retry much later", "come back tomorrow", "unavailable" }, { "slow", "within 0.5 s", "model", 0.5 }, { "hang", "within 0.5 s", "model", 0.5 },
  { "half close", "", "model" }, { "reset", "", "model" }, { "nothing", "", "model" }, { "short length", "no JSON object", "model" },
  { "bad chunk", "", "model" }, { "not HTTP", "", "model" }, { "endless", "more than", "model" }, { "redirect", "redirection", "model" },
  { "gzip", "compressed", "model" }, { "bad JSON", "no JSON object", "model" }, { "no outputs", "no outputs", "model" },
  { "no object", "no outputs", "model" }, { "other output", "no output scores", "model" }, { "NaN", "value 2 is", "model" },
  { "NaN text", "no JSON object", "model" }, { "null", "value 2 is null", "model" }, { "wrong count", "2 values", "model" },
  { "wrong size", "12 bytes", "model" }, { "wrong datatype", "datatype FP8", "model" }, { "huge shape", "no shape", "model" },
  { "wrong split", "7000", "model" }, { "more bytes", "bytes after", "model" },
}

for _, case in ipairs(bad) do
  t.test("a reply that goes wrong costs only its picture: " .. case[1], function()
    local net <close> = model(case[1], { timeout = case[4], limit = 1 << 20, tries = 2 })
    local out = ask(net, { 99, 1, 2, 99, 3, 99 })
    t.eq({ out[2], out[3], out[5] }, { 1, 2, 3 })
    for _, k in ipairs { 1, 4, 6 } do
      t.ok(type(out[k]) == "table" and out[k][1]:find(case[2], 1, true), "reason: " .. tostring(type(out[k]) == "table" and out[k][1]))
      t.eq(out[k][2], case[3])
    end
  end)
end

t.test("another try makes good what passes: 503, 429, a reset, random 500s", function()
  for _, name in ipairs { "503 twice", "429 once", "reset once" } do
    local net <close> = model(name)
    t.eq(ask(net, { 1, 99, 2 }), { 1, 3, 2 }, name)
  end
  local list = {}
  for k = 1, 100 do list[k] = k end
  local net <close> = model("random 500")
  local good <close> = model("scores")
  t.eq(ask(net, list), ask(good, list))
end)

t.test("a server that is not there, a model that is not there", function()
  local none, message, code = brink.model { server = "http://127.0.0.1:9", model = "m", timeout = 2, tries = 1 }
  t.fails("127.0.0.1:9", none, message)
  t.eq(code, "model")
  t.fails("no such model", brink.model { server = server(), model = "missing" })
  t.fails("nonesuch.invalid", brink.model { server = "http://nonesuch.invalid", model = "m", timeout = 5, tries = 1 })
end)

t.test("declarations that the model contradicts are named", function()
  t.fails("input y", brink.model { server = server(), model = "scores", input = { name = "y" } })
  local net, message = brink.model { server = server(), model = "scores", input = { dtype = "f32", layout = "NHWC" } }
  t.fails("f32", net, message)
  t.raises(function() brink.model { server = "127.0.0.1:8000", model = "m" } end, "an address like")
  t.raises(function() brink.model { server = server() } end, "its name expected")
  t.raises(function() brink.model { server = server(), model = "m", parralel = 3 } end, "parallel")
end)

t.test("a server that dies: failures that are quick and not kept, and a reason", function()
  local net <close> = model("dies", { tries = 2, parallel = 1 }, "dying")
  t.eq(ask(net, { 1, 2 }), { 1, 2 })
  ask(net, { 99 })
  local list = {}
  for k = 1, 60 do list[k] = 1 end
  local out = ask(net, list)
  for k = 1, 60 do t.eq(out[k][2], "unavailable") end
  t.ok(out[60][1]:find("gone: ", 1, true), out[60][1])
  stop "dying"
end)

t.test("closed models and dropped ones leave no descriptor", function()
  collectgarbage()
  local before = #core.file.list "/proc/self/fd"
  for _ = 1, 20 do
    local net = model("scores")
    ask(net, { 1, 2 })
  end
  collectgarbage()
  collectgarbage()
  for _ = 1, 500 do -- the loop closes what was given back
    core.async.sleep(0.01)
    if #core.file.list "/proc/self/fd" <= before + 2 then break end
  end
  t.ok(#core.file.list "/proc/self/fd" <= before + 2)
  local net = model("scores")
  net:close()
  net:close()
  t.raises(function() net:predict(picture(1)) end, "closed")
end)

t.test("an interruption ends a waiting request", function()
  local path = t.tmp() .. "/wait.lua"
  core.file.write(path, ([[
local brink = require "brink"
local net = assert(brink.model { server = %q, model = "hang", input = { layout = "NHWC" }, timeout = 60 })
print((io.open("/proc/self/stat"):read("n")))
io.stdout:flush()
net:predict(brink.image.new(2, 2, 3, "u8", 99))
print "answered"
]]):format(server()))
  local p = io.popen(("%s %s 2>&1; echo status $?"):format(os.getenv "BRINK", path))
  local pid = p:read("l")
  core.async.sleep(0.2)
  os.execute("kill -TERM " .. pid)
  local rest = p:read("a")
  p:close()
  t.ok(rest:find("status 143", 1, true), rest)
end)

t.done(function()
  for mode in pairs(servers) do stop(mode) end
end)
