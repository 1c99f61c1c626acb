-- Foundations: numbers, randomness, JSON, files. SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local json, file, rng, m = core.json, core.file, core.rng, core.math

t.test("the same four parts of a key give the same stream, others another", function()
  t.eq(rng(1, "a", 2, 3):key(), rng(1, "a", 2, 3):key())
  t.ok(rng(1, "a", 2, 3):key() ~= rng(1, "a", 3, 2):key())
  t.ok(rng(1, "a", 2, 3):key() ~= rng(2, "a", 2, 3):key())
end)

t.test("uniform and normal have their moments", function()
  local r, n = rng(7), 20000
  local s, s2, z, z2 = 0, 0, 0, 0
  for _ = 1, n do
    local u, g = r:uniform(2, 4), r:normal(1, 3)
    t.ok(u >= 2 and u < 4)
    s, s2, z, z2 = s + u, s2 + u * u, z + g, z2 + g * g
  end
  t.near(s / n, 3, 0.02)
  t.near(s2 / n - (s / n) ^ 2, 1 / 3, 0.01) -- deviation of the estimate about .002
  t.near(z / n, 1, 0.1)
  t.near(m.sqrt(z2 / n - (z / n) ^ 2), 3, 0.06)
end)

t.test("choice follows weights and never takes weight 0", function()
  local r, seen = rng(3), { a = 0, b = 0, c = 0 }
  for _ = 1, 9000 do
    local v, i = r:choice({ "a", "b", "c" }, { 1, 0, 2 })
    t.eq(v, ({ "a", "b", "c" })[i])
    seen[v] = seen[v] + 1
  end
  t.eq(seen.b, 0)
  t.near(seen.a / 9000, 1 / 3, 0.02)
  t.raises(function() r:choice({}) end, "empty")
  t.raises(function() r:choice({ 1, 2 }, { 0, 0 }) end, "0")
  t.raises(function() r:choice({ 1, 2 }, { 1, -1 }) end, ">= 0")
end)

t.test("integer covers its whole interval, also the widest", function()
  local r, seen = rng(5), {}
  for _ = 1, 200 do seen[r:integer(-1, 2)] = true end
  t.eq(seen, { [-1] = true, [0] = true, [1] = true, [2] = true })
  t.eq(math.type(r:integer(math.mininteger, math.maxinteger)), "integer")
  t.raises(function() r:integer(2, 1) end, "empty")
end)

t.test("shuffle permutes a copy; fork depends on the tag, not on what was drawn", function()
  local list = { 1, 2, 3, 4, 5, 6, 7, 8 }
  local a = rng(1):shuffle(list)
  t.eq(list, { 1, 2, 3, 4, 5, 6, 7, 8 })
  table.sort(a)
  t.eq(a, list)
  local r = rng(9)
  local before = r:fork("x"):key()
  r:uniform()
  t.eq(r:fork("x"):key(), before)
  t.ok(r:fork("y"):key() ~= before)
end)

t.test("json keeps integers, empty arrays, order of keys and shortest floats", function()
  local text = '{"a":[],"b":{},"id":9007199254740993,"x":0.1,"y":1.0,"z":[1,2.5,null,true,"é\\n\\u0000"]}'
  local v = assert(json.decode(text))
  t.eq(math.type(v.id), "integer")
  t.eq(v.id, 9007199254740993)
  t.eq(json.encode(v), text)
  t.eq(json.encode({ 1, { b = 2, a = {} } }, { indent = 1 }), '[\n 1,\n {\n  "a": {},\n  "b": 2\n }\n]')
  t.eq(json.encode(json.array({})), "[]")
  t.eq(json.encode("\xff<"), '"\xEF\xBF\xBD<"')
end)

t.test("json refuses what is not JSON, with line and column", function()
  for _, bad in ipairs { "", "[1,]", '{"a":1,}', "01", "1.", ".5", "+1", "nan", "[1", '"a', '"\\x"', "{a:1}", "[1] 2", '"\1"', "-", "1e", '"\xff"', "tru" } do
    local v, msg, code = json.decode(bad, "f.json")
    t.fails("f.json:1:", v, msg)
    t.eq(code, "refused", bad)
  end
  t.fails("f.json:2:4", json.decode("[1,\n 2 3]", "f.json"))
  t.fails("512", json.decode(("["):rep(100000)))
  t.raises(function() json.encode(0 / 0) end, "NaN")
  t.raises(function() json.encode({ 1, x = 2 }) end, "named entries")
  local loop = {}
  loop.x = loop
  t.raises(function() json.encode(loop) end, "deeper")
end)

t.test("json agrees with the test suite vectors", function()
  local dir = t.data .. "/corpora/json"
  if file.info(dir).type ~= "dir" then t.skip("no test data: " .. dir) end
  local n = 0
  for _, name in ipairs(file.list(dir)) do
    local text = file.read(dir .. "/" .. name)
    local kind = name:match("^([yn])_")
    if kind then
      n = n + 1
      t.eq(json.decode(text, name) ~= nil, kind == "y", name)
    end
  end
  t.ok(n > 100, "vectors seen: " .. n)
end)

t.test("base64 goes both ways at every length and refuses the rest", function()
  local b = core.base64
  t.eq(b.encode("foobar"), "Zm9vYmFy") -- RFC 4648, section 10
  t.eq(b.encode("fooba"), "Zm9vYmE=")
  t.eq(b.encode("f"), "Zg==")
  for n = 0, 70 do
    local s = ("\0\xffx"):rep(n):sub(1, n)
    t.eq(b.decode(b.encode(s)), s)
  end
  for _, bad in ipairs { "Z", "Zg=", "Zg===", "Z=g=", "Zg==Zg==", "Z*==" } do t.fails("base64", b.decode(bad)) end
end)

t.test("files are written whole, listed in byte order, read back", function()
  local dir = t.tmp() .. "/a/b"
  t.ok(file.mkdirs(dir))
  t.ok(file.mkdirs(dir))
  for _, name in ipairs { "b", "a", "B", "-x", "é\n" } do t.ok(file.write(dir .. "/" .. name, "text of " .. name)) end
  t.eq(file.list(dir), { "-x", "B", "a", "b", "é\n" })
  t.eq(file.read(dir .. "/é\n"), "text of é\n")
  t.eq(file.info(dir).type, "dir")
  t.eq(file.info(dir .. "/none").type, "missing")
  t.fails("cannot open it", file.read(dir .. "/none"))
  t.fails("a folder", file.read(dir))
  t.fails("limit", file.read(dir .. "/a", 3))
  t.fails("cannot make", file.write(dir .. "/none/x", ""))
  local a <close> = file.appender(dir .. "/log")
  t.ok(a:write("one\n") and a:write("two\n") and a:sync())
  t.eq(file.read(dir .. "/log"), "one\ntwo\n")
end)

t.test("a second lock names the owner, closing frees it", function()
  local path = t.tmp() .. "/lock"
  local a = file.lock(path)
  local b, msg, code = file.lock(path)
  t.fails("process", b, msg)
  t.eq(code, "locked")
  a:close()
  t.ok(file.lock(path)):close()
end)

t.test("elementary functions are within a few ulp of the library's", function()
  for i = -50, 50 do
    local x = i * 0.137
    t.near(m.exp(x), math.exp(x), math.exp(x) * 4e-16)
    t.near(m.sin(x), math.sin(x), 3e-16)
    t.near(m.cos(x), math.cos(x), 3e-16)
    t.near(m.atan(x), math.atan(x), 1e-15)
    if x > 0 then
      t.near(m.log(x), math.log(x), 4e-16)
      t.near(m.pow(x, 1.7), x ^ 1.7, x ^ 1.7 * 4e-16)
    end
  end
  t.eq(m.pow(2, 10), 1024.0)
  t.eq(m.exp(-1000), 0.0)
  t.eq(m.log(0), -math.huge)
end)

t.test("files and folders are synced, a file is cut", function()
  local path = t.tmp() .. "/cut"
  t.ok(file.write(path, "one\ntwo\n"))
  t.ok(file.sync { path, t.tmp() })
  t.ok(file.sync {})
  t.fails("none", file.sync { path, path .. "none" })
  t.raises(function() file.sync { "a\0b" } end, "zero bytes")
  t.raises(function() file.sync { true } end, "path 1")
  t.raises(function() file.sync "x" end, "table")
  t.ok(file.truncate(path, 4))
  t.eq(file.read(path), "one\n")
  t.ok(file.truncate(path, 0))
  t.eq(file.read(path), "")
  t.fails("none", file.truncate(path .. "none", 0))
  t.raises(function() file.truncate(path, -1) end, "0 or more")
end)

t.test("a pipe or device is written to and stays what it is", function()
  local dir = t.tmp()
  os.execute(("cd %s && mkfifo pipe && cat pipe >got &"):format(dir))
  for _ = 1, 500 do
    if core.file.info(dir .. "/got").type == "file" then break end
    core.async.sleep(0.02)
  end
  t.ok(core.file.write(dir .. "/pipe", "through"))
  t.eq(core.file.info(dir .. "/pipe").type, "other")
  t.ok(core.file.write("/dev/null", "gone"))
  t.eq(core.file.info("/dev/null").type, "other")
  t.fails("/dev/full", core.file.write("/dev/full", "too much"))
end)

t.done()
