--- One-file test runner: TAP on stdout.
--
--   local t = require "check"
--   t.test("a blurred edge is softer", function() t.eq(1 + 1, 2) end)
--   t.done()
--
-- A test may call t.skip(reason). Files run in a process of their own.
-- SPDX-License-Identifier: MIT
local M = { data = os.getenv("BRINK_TEST_DATA") or "../shared/data" }

local tests, skip_mark = {}, {}

function M.test(name, fn) tests[#tests + 1] = { name = name, fn = fn } end

--- Leave the running test as skipped.
function M.skip(reason) error(setmetatable({ reason = reason }, skip_mark), 0) end

--- Path of a file in the shared test data; skips where the folder is absent.
function M.shared(rel)
  local path = M.data .. "/" .. rel
  local f = io.open(path, "r")
  if not f then M.skip("no test data: " .. path) end
  f:close()
  return path
end

local function show(v)
  if type(v) == "string" then return ("%q"):format(v) end
  if type(v) ~= "table" then return tostring(v) end
  local keys, out = {}, {}
  for k in pairs(v) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, k in ipairs(keys) do out[#out + 1] = tostring(k) .. "=" .. show(v[k]) end
  return "{" .. table.concat(out, ", ") .. "}"
end

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for k, v in pairs(a) do if not same(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

local function fail(message, level) error(message, (level or 1) + 2) end

function M.ok(v, message) if not v then fail(message or "expected a true value, got " .. show(v)) end return v end
function M.eq(got, want, message)
  if not same(got, want) then fail((message and message .. ": " or "") .. "got " .. show(got) .. ", expected " .. show(want)) end
end
function M.near(got, want, tolerance, message)
  if type(got) ~= "number" or not (math.abs(got - want) <= tolerance) then
    fail(("%sgot %s, expected %s within %s"):format(message and message .. ": " or "", show(got), show(want), show(tolerance)))
  end
end
--- text contains part, as it is.
function M.has(text, part) if not text:find(part, 1, true) then fail(("%q lacks %q"):format(text, part)) end end
--- fn raises, and the message contains (plain) text.
function M.raises(fn, text)
  local ok, err = pcall(fn)
  if ok then fail("no error; expected one with " .. show(text)) end
  if text and not tostring(err):find(text, 1, true) then fail("error " .. show(tostring(err)) .. " lacks " .. show(text)) end
end
--- value is nil and the message contains (plain) text: t.fails(text, image.load "missing").
function M.fails(text, value, message)
  if value ~= nil then fail("expected nil, got " .. show(value)) end
  if not tostring(message):find(text, 1, true) then fail("message " .. show(message) .. " lacks " .. show(text)) end
end

--- A fresh folder for this test file, removed by done().
local tmp
function M.tmp()
  if not tmp then
    local p = assert(io.popen("mktemp -d"))
    tmp = p:read("l")
    p:close()
  end
  return tmp
end

--- Run everything, print TAP, exit. after: what is done when all tests have run, a double to stop.
function M.done(after)
  local failed = 0
  print("1.." .. #tests)
  for i, case in ipairs(tests) do
    local ok, err = xpcall(case.fn, function(e)
      if getmetatable(e) == skip_mark then return e end
      return debug.traceback(tostring(e), 2)
    end)
    if ok then
      print(("ok %d - %s"):format(i, case.name))
    elseif getmetatable(err) == skip_mark then
      print(("ok %d - %s # SKIP %s"):format(i, case.name, err.reason))
    else
      failed = failed + 1
      print(("not ok %d - %s\n# %s"):format(i, case.name, (tostring(err):gsub("\n", "\n# "))))
    end
    collectgarbage()
  end
  if after then after() end
  if tmp then os.execute("rm -rf '" .. tmp .. "'") end
  io.stdout:flush()
  os.exit(failed == 0, true)
end

return M
