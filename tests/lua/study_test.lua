-- The study file. SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local study, async = core.study, core.async
local map = require "brink.map"

local brink = os.getenv("BRINK")
local count = 0
local function fresh()
  count = count + 1
  return ("%s/%d.db"):format(t.tmp(), count)
end

local identity = { data = "d1", model = "m1", rows = "r1", seed = "1", version = "3" }
local function but(changes)
  local copy = {}
  for k, v in pairs(identity) do copy[k] = v end
  for k, v in pairs(changes) do copy[k] = v or nil end
  return copy
end

local function open(path, id) return assert(study.open(path, id or identity)) end

local function slurp(path)
  local f = assert(io.open(path, "rb"))
  local s = f:read("a")
  f:close()
  return s
end
local function spit(path, s)
  local f = assert(io.open(path, "wb"))
  f:write(s)
  f:close()
end
local function exists(path)
  local f = io.open(path, "rb")
  if f then f:close() end
  return f ~= nil
end

--- Run Lua text in a process of its own; returns what it printed and its exit status. `before` is shell text.
local function child(script, before, ...)
  count = count + 1
  local file = ("%s/child%d.lua"):format(t.tmp(), count)
  spit(file, script)
  local p = assert(io.popen(("%s %s %s %s 2>&1; echo \"status $?\""):format(before or "", brink, file, table.concat({ ... }, " "))))
  local out = p:read("a")
  p:close()
  local text, status = out:match("^(.*)status (%d+)\n$")
  return text, tonumber(status)
end

local function dump(s, row, side)
  local out = {}
  for r in s:results(row, side) do
    out[#out + 1] = ("%d/%d %s %s %s %s %s"):format(r.tick, r.sample, r.error, r.label, r.params, r.hash, r.failure)
  end
  return table.concat(out, "\n")
end

t.test("what is put can be read, also after reopening", function()
  local path = fresh()
  local s = open(path)
  local all = { row = "Brighten", side = "+", i = 0.1234567, sample = 3, error = 0.1 + 0.2, label = '"x\\u0000"', params = '{"a":1}', hash = "ab", failure = "f\0g" }
  t.eq(s:put(all), true)
  t.eq(s:put { row = "Brighten", i = 0, sample = 1, failure = "model: no answer" }, true)
  local function check(store)
    t.eq(store:get("Brighten", "+", 0.1234567, 3), { row = "Brighten", side = "+", i = 0.123457, tick = 123457, sample = 3, error = 0.1 + 0.2,
      label = '"x\\u0000"', params = '{"a":1}', hash = "ab", failure = "f\0g" })
    t.eq(store:get("Brighten", "", 0, 1), { row = "Brighten", side = "", i = 0.0, tick = 0, sample = 1, failure = "model: no answer" })
    t.eq(select("#", store:get("Brighten", "", 0, 2)), 1, "absent is nil without a message")
    t.eq({ store:count(), store:count("Brighten"), store:count("Brighten", "+"), store:count("Brighten", "+", 0.5), store:count(nil, nil, 0) }, { 2, 2, 1, 0, 1 })
  end
  check(s)
  t.ok(s:dirty())
  t.eq(s:flush(), true)
  t.ok(not s:dirty())
  t.eq(s:close(), true)
  t.ok(not exists(path .. "-lock") and not exists(path .. "-journal"), "one file is left")
  s = open(path)
  check(s)
  s:close()
  local r = assert(study.read(path))
  check(r)
  t.fails("opened for reading", r:put(all))
  r:close()
end)

t.test("negative, tiny and large intensities; a result replaces the one before", function()
  local s = open(fresh())
  for _, i in ipairs { -1, -0.0000004, 1, 0.3 } do t.ok(s:put { row = "r", i = i, sample = 1, error = i }) end
  t.eq(dump(s, "r", ""):gsub("nil", "-"), "-1000000/1 -1.0 - - - -\n0/1 -4e-07 - - - -\n300000/1 0.3 - - - -\n1000000/1 1.0 - - - -")
  t.ok(s:put { row = "r", i = 0.3, sample = 1, error = 1 })
  t.eq(s:count(), 4)
  t.eq(s:get("r", "", 0.3, 1).error, 1.0)
  s:close()
end)

t.test("results come in (tick, sample) order, rows sorted", function()
  local path = fresh()
  local s = open(path)
  for k = 1, 500 do
    t.ok(s:put { row = k % 2 == 0 and "B" or "A", side = k % 3 == 0 and "-" or "+", i = (k * 7919 % 101) / 100, sample = k, error = 0.5 })
  end
  t.eq(s:rows(), { { row = "A", side = "+" }, { row = "A", side = "-" }, { row = "B", side = "+" }, { row = "B", side = "-" } })
  local n, tick, sample = 0, -1, -1
  for r in s:results("A", "+") do
    n = n + 1
    t.ok(r.tick > tick or r.tick == tick and r.sample > sample)
    tick, sample = r.tick, r.sample
  end
  t.eq(n, s:count("A", "+"))
  for r in s:results("A", "+") do -- broken off, and nested
    for q in s:results("A", "+") do t.eq(q.tick, r.tick) break end
    break
  end
  t.eq(s:close(), true)
end)

t.test("samples and meta", function()
  local path = fresh()
  local s = open(path)
  t.ok(s:put_sample { n = 2, id = "b", path = "b.jpg", failure = "b.jpg: truncated at byte 4" })
  t.ok(s:put_sample { n = 1, id = "a", path = "a.jpg", label = "3" })
  t.ok(s:meta("order", "1,2"))
  s:close()
  s = open(path)
  local list = {}
  for x in s:samples() do list[#list + 1] = x end
  t.eq(list, { { n = 1, id = "a", path = "a.jpg", label = "3" }, { n = 2, id = "b", path = "b.jpg", failure = "b.jpg: truncated at byte 4" } })
  t.eq(s:count_samples(), 2)
  t.eq(s:meta("order"), "1,2")
  t.eq(s:meta("nothing"), nil)
  t.eq(s:meta("identity.model"), "m1")
  t.raises(function() s:meta("identity.model", "m2") end, "belongs to the store")
  s:close()
end)

t.test("misuse raises", function()
  local s = open(fresh())
  t.raises(function() s:put { row = "r", i = 0, sample = 1 } end, "an error or a failure")
  t.raises(function() s:put { row = "r", i = 0, sample = 1.5, error = 0 } end, "sample: expected an integer")
  t.raises(function() s:put { row = "r", i = 0 / 0, sample = 1, error = 0 } end, "i: expected a finite number")
  t.raises(function() s:put { i = 0, sample = 1, error = 0 } end, "row: expected a string, got nil")
  t.raises(function() s:put { row = "r", i = 0, sample = 1, error = 0, label = {} } end, "label: expected a string, got table")
  t.raises(function() study.open("") end, "a path expected")
  t.raises(function() study.open("x", { seed = 1 }) end, "names and values are strings")
  local cursor_next, cursor = s:results("r", "")
  s:close()
  t.raises(function() s:count() end, "the study is closed")
  t.raises(function() cursor_next(cursor) end, "closed")
end)

t.test("a study of something else is refused, and the sentence says what differs", function()
  local path = fresh()
  open(path):close()
  local function refuse(id, ...)
    local s, why, code = study.open(path, id)
    t.eq(s, nil)
    t.eq(code, "mismatch")
    for _, text in ipairs { ... } do t.fails(text, s, why) end
  end
  refuse(but { data = "d2" }, path .. " belongs to other data: stored d1, given d2")
  refuse(but { data = "d2", version = "4" }, "other data: stored d1, given d2, and to another result version: stored 3, given 4")
  refuse(but { seed = false }, "another seed: stored 1, given nothing")
  refuse(but { recipe = "q" }, "another recipe: stored nothing, given q")
  open(path):close()
  path = fresh()
  local long = ("abcdefghij"):rep(40)
  open(path, { options = long .. "X" .. long }):close()
  refuse({ options = long .. "Y" .. long }, "...", "ijX", "ijY")
end)

t.test("a second writer is told at once who has it; readers may look in", function()
  local path = fresh()
  local s = open(path)
  s:put { row = "r", i = 0, sample = 1, error = 0 }
  local again, why, code = study.open(path, identity)
  t.fails(path .. ": this process still holds it; study:close() lets go", again, why)
  t.eq(code, "locked")
  local out = child([[local s, why, code = require("brink.core").study.open(arg[1], {}) print(s, why, code)]], nil, path)
  t.ok(out:find("in use by process %d+ on .+locked\n$"), out)
  local r = assert(study.read(path))
  t.eq(r:count(), 0)
  t.ok(s:flush())
  t.eq(r:count(), 1)
  r:close()
  s:close()
  open(path):close()
end)

t.test("a reader in the middle does not fail the writer", function()
  local path = fresh()
  local s = open(path)
  for k = 1, 10 do s:put { row = "r", i = 0, sample = k, error = 0 } end
  s:flush()
  local r = assert(study.read(path))
  local it, cursor, _, closing = r:results("r", "")
  t.eq(it(cursor).sample, 1)
  for k = 11, 400 do t.eq(s:put { row = "r", i = 0, sample = k, error = 0 }, true) end
  t.eq(it(cursor).sample, 2)
  getmetatable(closing).__close(closing)
  t.eq(s:flush(), true)
  t.eq(r:count(), 400)
  r:close()
  s:close()
end)

t.test("a result is committed within about a second although nothing follows it", function()
  local s = open(fresh())
  map.map({ 1 }, function()
    s:put { row = "r", i = 0, sample = 1, error = 0 }
    for _ = 1, 2000 do
      if not s:dirty() then return end
      async.sleep(0.01)
    end
    error("never committed")
  end)
  s:close()
end)

t.test("kill -9 loses nothing that was committed and leaves nothing in the way", function()
  local path = fresh()
  local script = [[
    local core = require "brink.core"
    local s = assert(core.study.open(arg[1], { seed = "1" }))
    io.stdout:setvbuf("no")
    local k, round = s:count(), tonumber(arg[2])
    local from = k
    print("from", k)
    while true do
      k = k + 1
      assert(s:put { row = "r", side = "+", i = k % 10 / 10, sample = k, error = k / 1e6, params = ("p"):rep(k % 500) })
      if k % 41 == 0 then assert(s:flush()) print("kept", k) end
      if k == from + 41 * round then os.execute("kill -9 $PPID &") end -- comes while the loop goes on
    end]]
  local last = 0
  for round = 1, 10 do
    local out = child(script, nil, path, round)
    local from = tonumber(out:match("from%s+(%d+)"))
    t.ok(from >= last, ("round %d starts at %d, but %d were committed"):format(round, from, last))
    for kept in out:gmatch("kept%s+(%d+)\n") do last = tonumber(kept) end
    t.ok(last >= from)
  end
  t.ok(last > 0)
  local s = open(path, { seed = "1" })
  local n = s:count()
  t.ok(n >= last)
  for k = 1, n do
    local r = s:get("r", "+", k % 10 / 10, k)
    t.ok(r and r.error == k / 1e6 and #r.params == k % 500, "result " .. k)
  end
  s:close()
end)

t.test("no space: an error, and the file stays valid", function()
  local path = fresh()
  open(path):close()
  local out, status = child([[
    local core = require "brink.core"
    local s, why, code = core.study.open(arg[1], { data = "d1", model = "m1", rows = "r1", seed = "1", version = "3" })
    if not s then print("open", why, code) os.exit(0) end
    local kept = 0
    for k = 1, 2000 do
      local ok, why, code = s:put { row = "r", i = 0, sample = k, error = 0, params = ("p"):rep(1000) }
      if ok and k % 20 == 0 then ok, why, code = s:flush() if ok then kept = k end end
      if not ok then print("stopped", code, why, s:close()) print("kept", kept) return end
    end]], "ulimit -f 400;", path)
  t.eq(status, 0, out)
  t.ok(out:find("^stopped%s+io%s+" .. path:gsub("%p", "%%%0") .. ": "), out)
  local kept = tonumber(out:match("kept%s+(%d+)"))
  t.ok(kept > 0)
  local s = open(path)
  t.ok(s:count() >= kept)
  for k = 1, kept do t.ok(s:get("r", "", 0, k)) end
  for k = 1, 300 do t.ok(s:put { row = "again", i = 0, sample = k, error = 0, params = ("p"):rep(1000) }) end
  t.eq(s:close(), true)
end)

t.test("no space at the end of a scope is an error, unless there is one", function()
  local function scope(last)
    local path = fresh()
    open(path):close()
    return (child([[
      local core = require "brink.core"
      print(pcall(function()
        local s <close> = assert(core.study.open(arg[1], { data = "d1", model = "m1", rows = "r1", seed = "1", version = "3" }))
        for k = 1, 20 do s:put { row = "r", i = 0, sample = k, error = 0, params = ("p"):rep(30000) } end
        ]] .. last .. [[

      end))]], "ulimit -f 400;", path))
  end
  t.ok(scope(""):find "^false%s.*results since the last commit not stored", scope "")
  t.ok(scope "error('first', 0)":find "^false%sfirst", scope "error('first', 0)")
end)

t.test("what is not a study is refused with the reason", function()
  local path = fresh()
  local function refuse(text, code)
    for _, f in ipairs { study.open, study.read } do
      local s, why, word = f(path, identity)
      t.fails(text, s, why)
      t.eq(word, code)
    end
  end
  spit(path, ("not a database "):rep(100))
  refuse(path .. ": not a study: not an SQLite database", "refused")
  t.eq(slurp(path), ("not a database "):rep(100), "and left alone")
  os.remove(path)
  t.fails("no such file", study.read(path))
  t.ok(not exists(path))
  path = t.tmp()
  refuse("a folder", "refused")
  path = t.tmp() .. "/none/x.db"
  t.eq(select(3, study.open(path, identity)), "io")
  path = t.tmp() .. "/pipe"
  os.execute("mkfifo " .. path)
  refuse("not a regular file", "refused")
  path = fresh()
  open(path):close()
  local good = slurp(path)
  spit(path, good:sub(1, 68) .. "abcd" .. good:sub(73)) -- application id
  refuse("another program", "refused")
  spit(path, good:sub(1, 60) .. "\0\0\0\2" .. good:sub(65)) -- user version
  refuse("written by a newer brink: format 2, this one knows up to 1", "refused")
  spit(path, good:sub(1, 5000))
  refuse(path .. ": ", "damaged")
  spit(path, "")
  t.fails("empty", study.read(path))
  open(path):close() -- an empty file is a new one: killed while it was made
end)

t.test("odd names are files", function()
  local out, status = child([[
    local study = require("brink.core").study
    for _, name in ipairs { ":memory:", "file:x?mode=memory", "a b%20.db" } do
      assert(assert(study.open(name, {})):close())
      assert(io.open(name, "rb")):close()
    end]], "cd " .. t.tmp() .. ";" .. (brink:sub(1, 1) == "/" and "" or ("ln -sfn %s/build . 2>/dev/null;"):format("$OLDPWD")))
  t.eq(out, "")
  t.eq(status, 0)
end)

t.test("flipped bytes are errors or make no difference", function()
  local path = fresh()
  local s = open(path)
  for k = 1, 60 do
    s:put { row = k % 2 == 0 and "A" or "B", side = "+", i = k / 100, sample = k, error = k / 60, label = '"cat"', params = '{"sigma":1.5}', hash = ("%032x"):format(k) }
    s:put_sample { n = k, id = ("%032x"):format(k), path = k .. ".jpg" }
  end
  s:close()
  local good = slurp(path)
  local function state(store)
    local list = {}
    for x in store:samples() do list[#list + 1] = x.n .. x.id .. x.path end
    return dump(store, "A", "+") .. dump(store, "B", "+") .. table.concat(list)
  end
  s = assert(study.read(path))
  local want = state(s)
  s:close()
  local noticed, harmless = 0, 0
  local at = 1
  while at <= #good do
    for _, mask in ipairs { 1, 0x80, 0xff } do
      spit(path, good:sub(1, at - 1) .. string.char(good:byte(at) ~ mask) .. good:sub(at + 1))
      local store, why, code = study.read(path)
      if not store then
        noticed = noticed + 1
        t.ok(why:find(path, 1, true) and (code == "damaged" or code == "refused" or code == "io"), ("byte %d: %s %s"):format(at, code, why))
      else
        harmless = harmless + 1
        local ok, got = pcall(state, store)
        if ok then t.eq(got, want, "byte " .. at) end
        store:close()
      end
    end
    at = at + (at < 128 and 1 or 29)
  end
  t.ok(noticed > 500, noticed .. " noticed, " .. harmless .. " without effect")
end)

t.done()
