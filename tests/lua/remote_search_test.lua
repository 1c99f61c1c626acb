-- A search with models in other processes and behind servers: the same study, whatever happens on the way. With
-- BRINK_TEST_V2 = address of a server whose model "bright" gives scores 1 - m / 255, m / 255 for pictures of mean m (UINT8 NHWC, 4 x 4),
-- that server takes part. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local core = brink.core
local json = core.json

-- A row whose only effect is a level.
brink.augmentation {
  name = "RemoteLevel", family = "own", params = { level = { off = 0, full = 150, lo = 0, hi = 255 } },
  plan = function(p)
    local values = {}
    for v = 1, 256 do values[v] = math.min(255, math.floor(v - 1 + p.level)) end
    return { { op = "lut", values = values } }
  end,
}

local function greys(n)
  local list = {}
  for k = 1, n do list[k] = { image = brink.image.new(4, 4, 3, "u8", 20 + 7 * k), label = "dark", name = "grey" .. k, id = ("%032x"):format(k) } end
  return list
end

local function bright(image) return image:stats().mean[1] > 127.5 and "bright" or "dark" end

--- The study as text without what names the model, and the study.
local function search(model, opts)
  opts = opts or {}
  opts.progress, opts.step, opts.strategy = false, 0.1, "grid"
  local aug = brink.augmenter { predict = model, augmentations = { "RemoteLevel" } }
  local study = assert(aug:search(opts.data or greys(8), (function()
    local o = {}
    for k, v in pairs(opts) do if k ~= "data" then o[k] = v end end
    return o
  end)()))
  local text = study:json():gsub('"model": "[^"]*"', '"model": ""')
  return text, study
end

local python
local function worker(body, opts)
  if python == nil then
    local p = io.popen("python3 -c 'import sys; print(sys.executable)' 2>/dev/null")
    python = p:read("l") or false
    p:close()
  end
  if not python then t.skip("no python3") end
  local path = ("%s/w%d.py"):format(t.tmp(), core.rng(body):integer(1, 1 << 30))
  core.file.write(path, "import os, sys\nfrom brink_worker import serve\ndef mean(image):\n    data = image.tobytes()\n    return sum(data) / len(data)\n" .. body)
  local x = { process = { python, path }, workers = 2, timeout = 10 }
  for k, v in pairs(opts or {}) do x[k] = v end
  return assert(brink.model(x))
end

local GOOD = "serve(lambda image: 'bright' if mean(image) > 127.5 else 'dark')\n"

t.test("the same study through a function, a worker, a batching worker", function()
  local want = search(bright)
  local one <close> = worker(GOOD)
  t.eq(search(one), want)
  local many <close> = worker("serve(lambda images: ['bright' if mean(i) > 127.5 else 'dark' for i in images], batch=5)\n")
  t.eq(many.batch, 5)
  t.eq(search(many), want)
end)

t.test("the same study through a server", function()
  local address = os.getenv "BRINK_TEST_V2"
  if not address then t.skip("no BRINK_TEST_V2") end
  local want = search(bright)
  for _, batch in ipairs { 1, 4 } do
    local net <close> = assert(brink.model { server = address, model = "bright", input = { layout = "NHWC" }, batch = batch,
      output = { "classify", labels = { "dark", "bright" } } })
    t.eq(search(net), want)
  end
end)

t.test("accidents on the way change nothing: a worker that crashes now and then", function()
  local want = search(bright)
  local dir = t.tmp() .. "/accidents"
  core.file.mkdirs(dir)
  local net <close> = worker(([[
def predict(image):
    m = mean(image)
    if int(m) %% 5 == 0:
        try:
            os.close(os.open("%s/%%d" %% m, os.O_CREAT | os.O_EXCL))
            os._exit(3)
        except FileExistsError: pass
    return "bright" if m > 127.5 else "dark"
serve(predict)
]]):format(dir))
  t.eq(search(net), want)
  t.ok(net:stats().failed > 0, "no accident happened")
end)

t.test("failures of the model are recorded with their reason, and the rest is as it was", function()
  local net <close> = worker([[
def predict(image):
    m = mean(image)
    if 90 < m < 95: os._exit(3)
    if 100 < m < 103: raise ValueError("in the middle")
    return "bright" if m > 127.5 else "dark"
serve(predict)
]])
  local store = t.tmp() .. "/failures.db"
  local first, study = search(net, { store = store })
  local failures = study.analysis.failures
  local crashed, raised = 0, 0
  for _, f in ipairs(failures) do
    if f.reason:find("exit code 3", 1, true) then crashed = crashed + 1 end
    if f.reason:find("ValueError: in the middle", 1, true) then raised = raised + 1 end
  end
  t.ok(crashed > 0 and raised > 0 and crashed + raised == #failures, json.encode(failures))
  study:close()
  local calm <close> = worker("def predict(image): raise RuntimeError('not asked again')\nserve(predict)\n", { identity = net.identity })
  local again, other = search(calm, { store = store })
  t.eq(again, first)
  other:close()
end)

t.test("above max_failures the run stops; what is done is kept", function()
  local store = t.tmp() .. "/most.db"
  local calls = 0
  local identity = "counting"
  local function model(fails)
    return { identity = identity, predict = function(_, image)
      calls = calls + 1
      if fails and image:stats().mean[1] > 100 then return nil, "no more" end
      return bright(image)
    end }
  end
  local ok, err = pcall(search, model(true), { store = store, max_failures = 3 })
  t.ok(not ok and tostring(err):find("at most 3 allowed", 1, true), tostring(err))
  t.ok(tostring(err):find("no more", 1, true))
  local before = calls
  calls = 0
  pcall(search, model(true), { store = store, max_failures = 3 })
  t.ok(calls < before, "the second run asked again for all: " .. calls)
end)

t.test("a model that was not there is asked again by the next run, with the same result", function()
  local store = t.tmp() .. "/away.db"
  local want = search(bright)
  local calls = 0
  local function model(away)
    return { identity = "far", predict = function(_, image)
      calls = calls + 1
      if away and calls > 20 then return nil, "gone", "unavailable" end
      return bright(image)
    end }
  end
  local text, study = search(model(true), { store = store })
  t.ok(#study.analysis.failures > 0)
  t.ok(text ~= want)
  study:close()
  local full, other = search(model(false), { store = store })
  t.eq(full, want)
  other:close()
end)

t.done()
