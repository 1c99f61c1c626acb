-- The scheduler. SPDX-License-Identifier: MIT
local t = require "check"
local async = require("brink.core").async
local map = require "brink.map"

-- A reproducible scramble of 1..n into short waits, so that completion order has nothing to do with item order.
local function wait(k) async.sleep((k * 7919 % 13) / 4000) end

local function numbers(n)
  local list = {}
  for k = 1, n do list[k] = k end
  return list
end

t.test("a thousand tasks with scrambled waits keep the order of the items", function()
  local finished = {}
  local out, n = map.map(numbers(1000), function(item, index)
    t.eq(item, index)
    wait(item)
    finished[#finished + 1] = item
    return item * 2
  end, { inflight = 50 })
  t.eq(n, 1000)
  for k = 1, 1000 do t.eq(out[k], 2 * k) end
  local sorted = true
  for k = 2, 1000 do sorted = sorted and finished[k - 1] < finished[k] end
  t.ok(not sorted, "the waits must have changed the order of completion")
end)

t.test("no items, iterators, nil results", function()
  local out, n = map.map({}, error)
  t.eq(out, {})
  t.eq(n, 0)
  local k = 0
  out, n = map.map(function()
    k = k + 1
    if k <= 5 then return k end
  end, function(item) if item % 2 == 0 then return item end end)
  t.eq(n, 5)
  t.eq({ out[1], out[2], out[3], out[4], out[5] }, { nil, 2, nil, 4, nil })
end)

t.test("at most inflight tasks are under way", function()
  local now, most = 0, 0
  map.map(numbers(60), function(k)
    now = now + 1
    most = math.max(most, now)
    wait(k)
    now = now - 1
  end, { inflight = 7 })
  t.eq(most, 7)
  t.eq(now, 0)
end)

t.test("plain code: jobs block and return", function()
  t.eq(async.sleep(0.001), true)
  local co = coroutine.wrap(function() coroutine.yield(async.sleep(0)) end)
  t.eq(co(), true)
end)

t.test("the error of the lowest index is raised, whatever ends first", function()
  local ended = 0
  local ok, err = pcall(map.map, numbers(40), function(k)
    async.sleep((40 - k) / 1000)
    ended = ended + 1
    if k >= 5 and k <= 12 then error("bad " .. k) end
  end, { inflight = 12 })
  t.ok(not ok)
  t.ok(err:find("^item 5: "), err)
  t.ok(err:find("bad 5\n", 1, true), err)
  t.ok(err:find("stack traceback:", 1, true) and err:find("map_test.lua", 1, true), "keeps its traceback")
  t.ok(ended >= 12 and ended < 40, "awaits those under way and takes no more: " .. ended)
end)

t.test("error values that are not text stay themselves", function()
  local mine = { code = 7 }
  local ok, err = pcall(map.map, { 1 }, function() error(mine) end)
  t.ok(not ok and err == mine)
end)

t.test("pcall inside a task works across a job", function()
  local out = map.map(numbers(8), function(k)
    local ok, err = pcall(function()
      wait(k)
      error({ k })
    end)
    return not ok and err[1]
  end)
  t.eq(out, numbers(8))
end)

t.test("an error in the iterator waits and is raised", function()
  local ended = 0
  local k = 0
  t.raises(function()
    map.map(function()
      k = k + 1
      if k == 4 then error("no more list") end
      return k
    end, function(item)
      wait(item)
      ended = ended + 1
    end)
  end, "no more list")
  t.eq(ended, 3)
end)

t.test("each delivers in order, and before an error exactly what a loop would have", function()
  local seen = {}
  t.eq(map.each(numbers(30), function(k) wait(k) return k end, { each = function(v, k) seen[#seen + 1] = v + k end }), 30)
  t.eq(#seen, 30)
  for k = 1, 30 do t.eq(seen[k], 2 * k) end
  seen = {}
  t.raises(function()
    map.each(numbers(30), function(k)
      wait(k)
      if k == 17 then error("stop") end
      return k
    end, { each = function(v) seen[#seen + 1] = v end })
  end, "item 17: ")
  t.eq(seen, numbers(16))
  t.raises(function() map.each(numbers(5), wait, { each = function(_, k) if k == 3 then error("full") end end }) end, "item 3: ")
end)

t.test("each holds back when an early item is slow", function()
  local taken, ahead = 0, 0
  map.each(function()
    taken = taken + 1
    if taken <= 500 then return taken end
  end, function(k)
    if k == 1 then
      for _ = 1, 50 do async.sleep(0.001) end
      ahead = taken
    else
      async.sleep(0)
    end
  end, { inflight = 4 })
  t.ok(ahead <= 64, "took " .. ahead .. " items while the first was under way")
end)

t.test("maps nest", function()
  local out = map.map(numbers(6), function(a)
    local inner = map.map(numbers(10), function(b)
      wait(a * b)
      return map.map(numbers(3), function(c) wait(a + b + c) return c end)[3] * b
    end, { inflight = 3 })
    local sum = 0
    for _, v in ipairs(inner) do sum = sum + v end
    return sum * a
  end)
  t.eq(out, { 165, 330, 495, 660, 825, 990 })
end)

t.test("an inner map does not block the outer", function()
  local running, most = 0, 0
  map.map(numbers(4), function()
    map.map({ 1 }, function()
      running = running + 1
      most = math.max(most, running)
      async.sleep(0.02)
      running = running - 1
    end)
  end, { inflight = 4 })
  t.eq(most, 4)
end)

t.test("an error in an inner map names both items once", function()
  local ok, err = pcall(map.map, numbers(3), function(a)
    return map.map(numbers(3), function(b)
      wait(a)
      if a == 2 and b == 3 then error("deep") end
    end)
  end)
  t.ok(not ok and err:find("^item 2: item 3: "), err)
  t.eq(select(2, err:gsub("stack traceback:", "")), 1)
end)

t.test("a map in a user's coroutine inside a task", function()
  local out = map.map(numbers(5), function(a)
    local gen = coroutine.wrap(function()
      for k = 1, 3 do coroutine.yield(map.map({ k }, function(v) wait(v) return v * a end)[1]) end
    end)
    return gen() + gen() + gen()
  end)
  t.eq(out, { 6, 12, 18, 24, 30 })
end)

t.test("jobs where a coroutine cannot yield are done on the spot", function()
  local out = map.map({ 3 }, function(n)
    return (("x"):rep(n):gsub("x", function() async.sleep(0) return "y" end))
  end)
  t.eq(out, { "yyy" })
end)

t.test("to-be-closed variables of a failing task are closed", function()
  local closed = {}
  local function guard(name) return setmetatable({}, { __close = function() closed[#closed + 1] = name end }) end
  pcall(map.map, { 1 }, function()
    local _a <close> = guard("outer")
    local _b <close> = guard("inner")
    async.sleep(0)
    error("x")
  end)
  t.eq(closed, { "inner", "outer" })
end)

t.test("a stray yield is an error, not a hang", function()
  t.raises(function() map.map({ 1 }, function() coroutine.yield(1) end) end, "coroutine.yield in a task")
  t.raises(function() map.map({ 1 }, function() coroutine.yield() end) end, "coroutine.yield in a task")
end)

t.test("arguments are checked at the caller", function()
  t.raises(function() map.map(1, print) end, "map_test.lua")
  t.raises(function() map.map({}, nil) end, "fn: expected a function, got nil")
  t.raises(function() map.map({}, print, { inflight = 0 }) end, "inflight: expected an integer from 1, got 0")
  t.raises(function() map.each({}, print, { each = 1 }) end, "each: expected a function")
end)

-- What each batch held, with waits that depend on `salt` only.
local function batches(salt, gang)
  local log = {}
  local function batcher(list)
    async.sleep((salt * 31 + #log) % 3 / 2000)
    log[#log + 1] = table.concat(list, " ")
    local out = {}
    for k, v in ipairs(list) do out[k] = v * 10 end
    return out
  end
  local out = map.map(numbers(23), function(k)
    async.sleep((k * 7919 * salt % 11) / 3000)
    local sum = map.wait_batch(batcher, k)
    if k % 3 == 0 then
      async.sleep((k * salt % 7) / 3000)
      sum = sum + map.wait_batch(batcher, k)
    end
    return sum
  end, { gang = gang, inflight = 9 })
  table.sort(log) -- gangs run in any order; what they hold is fixed
  return table.concat(log, "\n"), out
end

t.test("gangs batch the same items whatever the timing", function()
  local want, out = batches(1, 4)
  for k = 1, 23 do t.eq(out[k], k % 3 == 0 and k * 20 or k * 10) end
  for _, batch in ipairs { "1 2 3 4", "3", "5 6 7 8", "6", "21 22 23", "21" } do
    t.ok(("\n" .. want .. "\n"):find("\n" .. batch .. "\n", 1, true), batch .. " missing in\n" .. want)
  end
  for salt = 2, 8 do t.eq((batches(salt, 4)), want) end
end)

t.test("gang of one, and batches outside any gang, hold one item", function()
  local want = batches(1, 1)
  t.ok(not want:find(" "), want)
  t.eq(map.wait_batch(function(list) return { list[1] + #list } end, 5), 6)
end)

t.test("an error in a batch reaches every member", function()
  local calls = 0
  local function broken()
    calls = calls + 1
    error("no net", 0)
  end
  local caught = map.map(numbers(4), function(k)
    local ok, err = pcall(map.wait_batch, broken, k)
    return not ok and err:match("^[^\n]*")
  end, { gang = 4 })
  t.eq(caught, { "no net", "no net", "no net", "no net" })
  t.eq(calls, 1)
  local function short() return { 1 } end
  t.raises(function()
    map.map(numbers(2), function(k) return map.wait_batch(short, k) end, { gang = 2 })
  end, "expected a list of as many results, got 1")
end)

t.test("the collector may run at any time", function()
  for _, mode in ipairs { "generational", "incremental" } do
    collectgarbage(mode)
    collectgarbage("setpause", 0)
    collectgarbage("setstepmul", 1000)
    local out = map.map(numbers(200), function(k)
      wait(k)
      collectgarbage("step")
      local inner = map.map({ k }, function(v) wait(v) if v % 20 == 0 then collectgarbage() end return { v } end)
      return inner[1][1]
    end, { inflight = 20 })
    t.eq(out, numbers(200))
  end
  collectgarbage("incremental")
  collectgarbage("setpause", 200)
  collectgarbage("setstepmul", 100)
end)

-- The thread sanitizer holds signals back until the next library call.
local endless = os.getenv("BRINK"):find("tsan", 1, true) and "while true do io.stdout:flush() end" or "while true do end"

--- Run Lua text in a process of its own; `kill(SIGNAL)` in it sends itself a signal a moment later.
local function child(script, command)
  local file = t.tmp() .. "/child.lua"
  local f = assert(io.open(file, "w"))
  f:write([[
    local core, map = require "brink.core", require("brink").map
    local function kill(signal) return io.popen("sleep 0.1; kill -" .. signal .. " $PPID") end
    io.stdout:setvbuf("no")
    local function spin() ]], endless, " end\n", script)
  f:close()
  local p = assert(io.popen(("{ %s %s; } 2>&1; echo \"status $?\""):format(command or os.getenv("BRINK"), file)))
  local out = p:read("a")
  p:close()
  local text, status = out:match("^(.*)status (%d+)\n$")
  return text, tonumber(status)
end

t.test("a signal cancels the waiting, closes the tasks and becomes the exit code", function()
  for signal, code in pairs { INT = 130, TERM = 143 } do
    local out, status = child(([[
      local _ <close> = setmetatable({}, { __close = function() print("outer closed", core.async.interrupted()) end })
      local keep
      map({ 1, 2, 3 }, function(k)
        local _ <close> = setmetatable({}, { __close = function() print("closed", k) end })
        if k == 3 then keep = kill "%s" end -- all wait by then
        map({ 1 }, function() core.async.sleep(1000) end)
      end)
      print "not reached"]]):format(signal))
    t.eq(status, code, out)
    t.ok(out:find("^closed\t3\nclosed\t2\nclosed\t1\nouter closed\ttrue\n"), out)
    t.ok(out:find("interrupted by SIG" .. signal, 1, true), out)
    t.ok(not out:find("not reached"), out)
  end
end)

t.test("a signal breaks a loop of plain Lua, in the main chunk, in a task, and is an error that can be handled", function()
  local out, status = child([[local keep = kill "INT" spin()]])
  t.eq(status, 130, out)
  out, status = child([[local keep = kill "INT" map({ 1 }, function() spin() end)]])
  t.eq(status, 130, out)
  out, status = child([[
    local signal
    local ok, err = pcall(map, { 1, 2 }, function()
      local keep = { pcall(function() signal = signal or kill "INT" spin() end) }
      core.async.sleep(1000)
    end)
    print(ok, err.code, err.signal, err.exit)
    core.async.clear()
    print(#map({ 1, 2 }, function(k) core.async.sleep(0) return k end))]])
  t.eq(out, "false\tcancelled\tSIGINT\t130\n2\n")
  t.eq(status, 0)
end)

t.test("a script that goes on after the interruption may tidy up, and is broken when it does not end", function()
  local out, status = child([[
    local keep
    pcall(function() keep = kill "INT" spin() end)
    for k = 1, 1000 do local s = ("tidy"):rep(k) end
    print "tidied"
    while true do pcall(spin) end]])
  t.eq({ out:match "^[^\n]*", status }, { "tidied", 130 })
end)

t.test("a second signal ends the process at once", function()
  local out, status = child([[
    local keep
    pcall(function() keep = kill "INT" spin() end)
    print "first"
    local more = kill "TERM"
    io.popen("exec sleep 20 2>&-"):read("a") -- waits in C, where no hook runs]])
  t.eq(out, "first\n")
  t.eq(status, 143)
end)

t.test("in a stock Lua a map takes the signals for its time only", function()
  if not os.execute("command -v lua5.4 >/dev/null") then t.skip "no lua5.4" end
  local so = os.getenv("BRINK_SO")
  if so:find("asan") or so:find("tsan") then t.skip "a sanitizer's module needs its own program" end
  local out = child([[
    local keep
    local ok, err = pcall(map, { 1 }, function() keep = kill "INT" core.async.sleep(1000) end)
    print(ok, tostring(err), core.async.interrupted())
    print(#map({ 1, 2 }, function(k) core.async.sleep(0) return k end))
    keep = kill "TERM"
    core.async.sleep(1000)]], ("LUA_CPATH='%s' lua5.4"):format(so:gsub("brink%.so$", "?.so")))
  t.ok(out:find("^false\tinterrupted by SIGINT\tfalse\n2\n"), out)
end)

t.test("the state may close while jobs are queued", function()
  local out, status = child([[
    local co = coroutine.create(function() core.async.sleep(60) end)
    core.async.task(co, true)
    coroutine.resume(co)
    print "leaving"]])
  t.eq(out, "leaving\n")
  t.eq(status, 0)
end)

t.done()
