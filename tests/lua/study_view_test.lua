-- Studies as people read them: curves, bounds, pictures, text; data sets and models they come from.
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local core = brink.core
local image = core.image

local count = 0
local function fresh(ext)
  count = count + 1
  return ("%s/v%d.%s"):format(t.tmp(), count, ext)
end

local function photos(n)
  local dir = fresh "d"
  assert(core.file.mkdirs(dir .. "/b/deep"))
  assert(core.file.mkdirs(dir .. "/a"))
  for k = 1, n do
    local im = image.new(24, 20, 3, "u8", 90 + k):run { { op = "gaussian_noise", std = 0.1, key = k } }
    assert(im:save(("%s/%s/%02d.png"):format(dir, k % 2 == 0 and "a" or "b/deep", k)))
  end
  return dir
end

local function predict(im, sample) return im:stats().mean[1] > 150 and "too bright" or sample.label end

local function made(path, dir)
  local data = assert(brink.dataset(dir, { labels = "folder" }))
  local aug = brink.augmenter { predict = predict, augmentations = { "Brighten", "GaussianBlur", "Hue" } }
  return assert(aug:search(data, { store = path, progress = false })), data
end

t.test("analysis.json has the original's shape", function()
  local path = fresh "db"
  local s = made(path, photos(10))
  local f = assert(io.open((path:gsub("db$", "json"))))
  local a = assert(core.json.decode(f:read("a")))
  f:close()
  t.eq(#a.steps, 20)
  t.near(a.steps[2], 0.1, 0)
  t.eq(a.set_size, 10)
  t.eq(#a.augs.Brighten, 20)
  t.ok(a.augs.Brighten[20] == 1 and a.augs.GaussianBlur[20] == 0)
  t.eq(a.summaries.GaussianBlur, { first = 1.0, last = 1.0 })
  t.ok(a.summaries.Brighten.first <= a.summaries.Brighten.last)
  t.eq(s:json(), core.json.encode(a, { indent = 2 }) .. "\n")
  t.ok(not s:json():find(t.tmp(), 1, true), "a path of this machine is in the analysis")
  s:close()
end)

t.test("a model that is wrong from the start is said to be", function()
  local data = assert(brink.dataset(photos(6), { labels = "folder" }))
  local function summary(answer)
    local aug = brink.augmenter { predict = answer, augmentations = { "Hue" } }
    return assert(aug:search(data, { step = 0.5, store = false, progress = false })):summary()
  end
  t.ok(summary(function() return "neither" end):find("a break cannot be seen", 1, true))
  t.ok(not summary(predict):find("a break cannot be seen", 1, true))
end)

t.test("a study reopened says the same", function()
  local path = fresh "db"
  local s, data = made(path, photos(10))
  local want, curve = s:summary(), s:curve("Brighten")
  s:close()
  local again = assert(brink.study.open(path, data))
  t.eq(again:summary(), want)
  t.eq(again:curve("Brighten"), curve)
  t.eq(again:names(), { "Brighten", "Hue", "GaussianBlur" })
  t.eq(#again:samples(), 10)
  t.eq(again:fragility()[1].name, "Brighten")
  t.ok(curve[#curve].params.amount, "no physical parameters")
  again:close()
end)

t.test("defect 10: the pictures shown are the ones that were tested", function()
  local path = fresh "db"
  local s, data = made(path, photos(10))
  s:close()
  s = assert(brink.study.open(path, data))
  local side = s:side "Brighten"
  for _, which in ipairs { "first_failure", "last_success" } do
    local entry = t.ok(side[which], which)
    local im, sample = s:picture(entry)
    t.ok(im, tostring(sample))
    t.eq(im:hash(), entry.hash)
    t.eq(entry.name, sample.relative)
    t.ok(entry.name:find("/", 1, true), "named with its folder")
    t.eq(entry.prediction == entry.label, which == "last_success")
    t.eq(predict(im, sample), entry.prediction)
  end
  local wrong = { row = "Brighten", side = "", i = 0.5, sample = side.first_failure.sample, id = side.first_failure.id, hash = ("0"):rep(32) }
  t.fails("not those that were tested", s:picture(wrong))
  s:close()
  local blind = assert(brink.study.open(path)) -- finds the files where they were
  t.eq(assert(blind:picture(side.first_failure)):hash(), side.first_failure.hash)
  blind:close()
end)

t.test("misspelt names get a hint, missing files a reason", function()
  local s = made(nil, photos(4))
  t.raises(function() s:curve "Brigten" end, "Brighten")
  t.raises(function() s:curve("Hue", "-") end, "no side")
  t.fails("", brink.study.open(t.tmp() .. "/none.db"))
  t.raises(function() brink.study.open(3) end, "path")
end)

t.test("an unfinished search says so", function()
  local path = fresh "db"
  local data = assert(brink.dataset(photos(4), { labels = "folder" }))
  local n = 0
  local aug = brink.augmenter { augmentations = { "Hue" }, predict = { identity = "x", predict = function()
    n = n + 1
    if n > 6 then error({ exit = 130 }) end
    return "a"
  end } }
  t.ok(not pcall(aug.search, aug, data, { store = path, progress = false }))
  t.fails("has not finished", brink.study.open(path))
end)

t.test("a folder: bytewise order, classes, hidden and other files passed over, bad files named by the search", function()
  local dir = photos(4)
  for name, text in pairs { ["a/bad.jpg"] = "no picture", ["a/empty.png"] = "", ["notes.txt"] = "x", [".hidden.png"] = "x" } do
    local f = assert(io.open(dir .. "/" .. name, "w"))
    f:write(text)
    f:close()
  end
  os.execute(("ln -s .. %s/a/loop"):format(dir))
  local data = assert(brink.dataset(dir, { labels = "folder" }))
  local names = {}
  for s in data:samples() do names[#names + 1] = s.relative end
  t.eq(names, { "a/02.png", "a/04.png", "a/bad.jpg", "a/empty.png", "b/deep/01.png", "b/deep/03.png" })
  t.eq(data.classes, { "a", "deep" })
  t.eq(data.ignored, 2)
  local s = brink.augmenter { predict = predict, augmentations = { "Hue" } }:search(data, { progress = false })
  t.eq(s.analysis.set_size, 4)
  local bad = {}
  for _, f in ipairs(s.failures) do bad[#bad + 1] = f.path end
  t.eq(bad, { "a/bad.jpg", "a/empty.png" })
end)

t.test("one answer for nearly all untouched pictures is said, where nothing says that it is right", function()
  local dir = photos(10)
  local function study(answer, labels)
    local aug = brink.augmenter { predict = answer, augmentations = { "Hue" }, labels = labels }
    return aug:search(assert(brink.dataset(dir, { labels = labels })), { progress = false, strategy = "grid", step = 0.5 })
  end
  local function one() return "cat" end
  local s = study(one, false)
  t.eq(s.analysis.commonest, { answer = "cat", n = 10 })
  t.has(s:summary(), "10 of 10 untouched pictures get the same answer, cat")
  t.ok(s:report(fresh "d"))
  t.eq(study(one, "folder"):one_answer(), nil)
  local function upto(n) return function(_, sample) return tonumber(sample.relative:match "(%d+)%.png$") <= n and "cat" or "fox" end end
  t.eq(study(upto(7), false):one_answer(), nil)
  t.has(study(upto(8), false):summary(), "8 of 10")
end)

t.test("the fingerprint follows content and labels, not the place", function()
  local dir = photos(4)
  local one = brink.dataset(dir, { labels = "folder" }).fingerprint
  local copy = fresh "d"
  t.ok(os.execute(("cp -r %s %s"):format(dir, copy)))
  t.eq(brink.dataset(copy, { labels = "folder" }).fingerprint, one)
  t.ok(brink.dataset(dir).fingerprint ~= one)
  t.fails("no such", brink.dataset(dir .. "/nothing"))
  t.raises(function() brink.dataset(7) end, "path")
  t.raises(function() brink.dataset { 7 } end, "entry 1")
end)

t.test("models: functions, tables, kinds of one's own", function()
  local one, two = 1, 2
  local a, b = brink.model(function() return one end), brink.model(function() return two end)
  t.ok(a.identity ~= b.identity)
  t.eq(a:predict(), 1)
  t.raises(function() brink.model(7) end, "predict")
  brink.model.register("test", function(x) return x == "test:model" end, function(x)
    return { identity = x, predict = function() return 3 end }
  end)
  t.eq(brink.model("test:model"):predict(), 3)
end)

t.test("defect 11: settings take names, check them, and keep one name whole", function()
  local aug = brink.augmenter {}
  aug:set_weight("Hue", 5):set_realism({ "Hue", "Brighten" }, 0.2):set_range("Hue", { multiplier = 0.1 })
  t.eq(aug.weights, { Hue = 5 })
  t.eq(aug.realism, { Hue = 0.2, Brighten = 0.2 })
  t.eq(aug.ranges.Hue, { multiplier = 0.1 })
  t.raises(function() aug:set_weight("Heu", 5) end, "Hue")
  t.raises(function() aug:set_realism("Hue", 2) end, "up to 1")
  t.raises(function() aug:set_range("Hue", { minimum = 1 }) end, "min")
  t.raises(function() brink.augmenter { predikt = 1 } end, "predict")
end)

t.test("diff: equal compares by content, confidence counts", function()
  t.eq(brink.diff.equal("a", "a"), 0.0)
  t.eq(brink.diff.equal({ x = { 1, 2 } }, { x = { 1, 2 } }), 0.0)
  t.eq(brink.diff.equal({ 1 }, { 2 }), 1.0)
  t.near(brink.diff.confidence("a", "a", nil, 0.7), 0.3, 1e-12)
  t.eq(brink.diff.confidence("a", "b", nil, 0.7), 1.0)
end)

t.done()
