-- A model in ONNX Runtime: its own run next to the same through brink.model, at one thread and at all of them; and a
-- predict function in Lua that runs the net twice. brink tests/bench/onnx.lua [model.onnx [photo]]
-- Rounds take turns, so that a noisy machine is noisy for all; the best of each counts. SPDX-License-Identifier: MIT
local brink = require "brink"
local core = brink.core

local data = os.getenv "BRINK_TEST_DATA" or "../shared/data"
local path = arg[1] or data .. "/models/squeezenet_fp32.onnx"
local photo = arg[2] or data .. "/images/n02129604_tiger.jpg"
local ROUNDS, RUNS = 9, 24

local image, message = brink.image.load(photo)
if not image then print("skipped: " .. message) os.exit(true) end
local net
net, message = brink.model { onnx = path, input = { fit = "crop", size = 224, side = 256, channels = "BGR", mean = { 104, 117, 123 } } }
if not net then print("skipped: " .. message) os.exit(true) end

local ready = net.prep:apply(image)
local threads = core.async.threads()
local items = {}
for k = 1, RUNS do items[k] = k end

local function alone() return net.session:run({ ready }) end
local function through() return net:predict(image) end
local function twice()
  local a, b = net:run(image), net:run(image)
  return a:argmax() == b:argmax() and a[a:argmax()] or 0
end
local function one_by_one(fn) return function() for _ = 1, RUNS do fn() end end end
local function at_once(fn) return function() brink.map(items, fn) end end

local cases = {
  { "run, 1 thread", one_by_one(alone) }, { "brink.model, 1 thread", one_by_one(through) },
  { ("run, %d threads"):format(threads), at_once(alone) }, { ("brink.model, %d threads"):format(threads), at_once(through) },
  { "predict in Lua with two runs, 1 thread", one_by_one(twice) }, { ("the same, %d threads"):format(threads), at_once(twice) },
}
for round = 1, ROUNDS do
  for _, case in ipairs(cases) do
    collectgarbage()
    local start, cpu = core.term.clock(), core.term.rusage().cpu
    case[2]()
    local seconds, used = core.term.clock() - start, core.term.rusage().cpu - cpu
    if round > 1 and (not case.best or seconds < case.best) then case.best, case.busy = seconds, used / seconds end
  end
end

print(("%s, ONNX Runtime %s, best of %d rounds of %d"):format(path:match "[^/]*$", net.runtime.version, ROUNDS - 1, RUNS))
local function row(case, text) print(("%-42s %7.2f ms   %4.2f cores busy   %s"):format(case[1], case.best / RUNS * 1e3, case.busy, text)) end
row(cases[1], "")
row(cases[2], ("x %.3f of the runtime's own"):format(cases[2].best / cases[1].best))
row(cases[3], ("%.2f times as many as with 1 thread"):format(cases[1].best / cases[3].best))
row(cases[4], ("x %.3f of the runtime's own"):format(cases[4].best / cases[3].best))
row(cases[5], "")
row(cases[6], ("%.2f times as many as with 1 thread"):format(cases[5].best / cases[6].best))
