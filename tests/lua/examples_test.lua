-- The examples and recipes run as they stand, on data drawn for the test; the drawings are what their labels say and the
-- same from the same key.
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
package.path = "examples/?.lua;recipes/?.lua;" .. package.path
local draw = require "draw"
local program = require "program"
local core = brink.core

local out = t.tmp() .. "/examples"

--- Run the program: its text (both streams) and whether it ended well.
local function run(...)
  local p = assert(io.popen(program.line(...) .. " 2>&1 </dev/null"))
  local text = p:read "a"
  return text, p:close()
end

local function runs(...)
  local text, ok = run(...)
  if not ok then error(table.concat({ ... }, " ") .. ":\n" .. text, 2) end
  return text
end

local function share_right(predict, set, count)
  local right = 0
  local answers = brink.map((function()
    local list = {}
    for n = 1, count do list[n] = n end
    return list
  end)(), function(n)
    local image, label = set.make(n, 3)
    return predict(image) == label
  end)
  for _, ok in ipairs(answers) do right = right + (ok and 1 or 0) end
  return right / count
end

t.test("a drawing depends on set, seed and number alone", function()
  for _, set in ipairs(draw.sets) do
    local image, label = set.make(4, 1)
    t.eq((set.make(4, 1)):hash(), image:hash())
    t.eq(label, set.label(4))
    t.ok((set.make(4, 2)):hash() ~= image:hash(), "another seed, another picture")
    t.ok((set.make(4 + #draw.shapes * 2, 1)):hash() ~= image:hash(), "another number, another picture")
  end
end)

t.test("a shape fills its box", function()
  for n = 1, 10 do
    local image, _, box = draw.shape(n, 7)
    t.ok(box[1] > -1 and box[2] > -1 and box[1] + box[3] < image.width + 1 and box[2] + box[4] < image.height + 1, "inside the frame")
    local inside = image:crop(math.floor(box[1]), math.floor(box[2]), math.ceil(box[3]), math.ceil(box[4])):stats()
    local corner = image:crop(0, 0, 12, 12):stats()
    t.ok(math.abs(inside.luma_mean - corner.luma_mean) > 15, "stands out: " .. n)
  end
end)

t.test("sets are written once and read back by label", function()
  local first = draw.write("rocker", out, 1, 4)
  local kept = core.file.hash(first .. "/on/001.png")
  local again = draw.write("rocker", out, 2, 6)
  t.eq(again, first)
  t.eq(core.file.hash(first .. "/on/001.png"), kept, "what is there stays")
  local data = brink.dataset(first, { labels = "folder" })
  t.eq({ #data, data.classes }, { 6, { "off", "on" } })
  os.execute("rm -rf " .. program.quoted(out))
end)

t.test("scenes are a COCO set whose boxes hold their shapes", function()
  local root = draw.write_scenes(out, 1, 4)
  t.eq(draw.write_scenes(out, 1, 4), root)
  local data = brink.dataset(root)
  t.eq({ #data, #data.classes, #data.failures }, { 4, #draw.shapes, 0 })
  for n = 1, 4 do
    local image, drawn = draw.scene(n, 1)
    local read = data[n].label
    t.eq({ #read.shapes, read.width, read.height }, { #drawn.shapes, image.width, image.height })
    t.ok(data[n]:image():equal(image))
    for k, object in ipairs(read.shapes) do
      t.eq(object.class, drawn.shapes[k].class)
      for c = 1, 4 do t.near(object.box[c], drawn.shapes[k].box[c], 1e-6) end
    end
  end
end)

t.test("the models in Lua know most of what is drawn", function()
  t.ok(share_right(require("outline").predict, draw.sets[2], 100) >= 0.9, "outline")
  t.ok(share_right(require("switch").predict, draw.sets[1], 100) >= 0.85, "switch")
end)

local names = {}
for _, name in ipairs(core.file.list "examples") do
  if name:match "^%d+_.*%.lua$" then names[#names + 1] = name end
end
table.sort(names)

--- What an example says when it works, and the files it leaves.
local expected = {
  ["01_look.lua"] = { says = { "mean brightness", "the point 0" }, makes = { "look.png" } },
  ["02_search.lua"] = { says = { "GaussianBlur", "Brightness -: first losses" }, makes = { "recogniser.db", "recogniser.json", "recogniser/index.html" } },
  ["03_predict.lua"] = { says = { "average error", "Rotate -" }, makes = {} },
  ["04_diff_error.lua"] = { says = { "CenterCrop", "diff_error gave nan, a number in 0..1 expected" }, makes = {} },
  ["05_augmentation.lua"] = { says = { "Blinds" }, makes = { "blinds.png" } },
  ["06_strategy.lua"] = { says = { "(grid", "(own" }, makes = {} },
  ["07_stream.lua"] = { says = {}, makes = { "stream.png" } },
  ["08_boxes.lua"] = { says = { "100 % left, box" }, makes = { "boxes.png" } },
  ["09_compare.lua"] = { says = { "McNemar p = ", "FAIL any.break < baseline", "ok   clean > 0.2" }, makes = { "old.db", "new.db" } },
  ["10_label_format.lua"] = { says = { "hand at" }, makes = { "dials_new/manifest.jsonl" } },
}

t.test("examples: there are some", function() t.ok(#names >= 7) end)
local said = {}
for _, name in ipairs(names) do
  t.test("examples/" .. name, function()
    local text = runs("examples/" .. name, out)
    said[name] = text
    local want = expected[name] or { says = {}, makes = {} }
    for _, words in ipairs(want.says) do t.ok(text:find(words, 1, true), ("%q in:\n%s"):format(words, text)) end
    for _, file in ipairs(want.makes) do t.eq(core.file.info(out .. "/" .. file).type, "file", file) end
  end)
end

t.test("examples find what they stand on from any folder", function()
  local code, _, err = program.shell(([[here=$PWD; b=$(realpath %s); mkdir -p %s && cd %s && "$b" "$here/examples/06_strategy.lua" .]]):format(
    program.quoted(program.path), program.quoted(out .. "/elsewhere"), program.quoted(out .. "/elsewhere")))
  t.eq(code, 0, err)
end)

t.test("05_augmentation: the row takes less than 20 lines", function()
  local text = core.file.read "examples/05_augmentation.lua"
  local row = text:match "\nbrink.augmentation (%b{})"
  t.ok(select(2, row:gsub("\n", "\n")) + 1 < 20)
end)

t.test("06_strategy: bisection asks a quarter of the grid and ends within a step of it", function()
  local text = said["06_strategy.lua"]
  local asked, breaks = {}, {}
  for count in text:gmatch "baseline error [%d.]+, (%d+) predictions" do asked[#asked + 1] = tonumber(count) end
  for value in text:gmatch "CenterCrop%s+%S+ %b()%s+([%d.]+)" do breaks[#breaks + 1] = tonumber(value) end
  t.ok(#asked == 2 and asked[2] * 4 <= asked[1], table.concat(asked, " and "))
  t.near(breaks[2], breaks[1], 0.05)
end)

t.test("recipes/fog.lua: takes part in list and show", function()
  t.ok(runs("list", "Fog", "--recipe", "recipes/fog.lua"):find("edges soften", 1, true))
  local picture = draw.write("rocker", out) .. "/on/001.png"
  runs("show", "Fog", picture, "--recipe", "recipes/fog.lua", "-o", out .. "/fog.png")
  t.eq(core.file.info(out .. "/fog.png").type, "file")
end)

t.test("recipes run by themselves: fog and harder show what they make, others say what they want", function()
  local picture = draw.write("rocker", out) .. "/on/001.png"
  t.eq(runs("recipes/fog.lua", picture, out .. "/alone.png"), out .. "/alone.png\n")
  t.eq(core.file.info(out .. "/alone.png").type, "file")
  local said_by = runs("recipes/harder.lua", out)
  t.has(said_by, "mean predicted error 1.000")
  t.has(said_by, out .. "/pictures/preview.html\n")
  for _, name in ipairs { "fog", "outline", "switch", "loop", "imagenet_classifier", "face_detector" } do
    t.ok(select(2, run("recipes/" .. name .. ".lua")) == nil, name)
  end
end)

t.test("recipes/switch.lua, outline.lua: answers from the shell", function()
  local picture = draw.write("rocker", out) .. "/on/001.png"
  t.eq(runs("recipes/switch.lua", picture), picture .. "\ton\n")
  picture = draw.write("shapes", out) .. "/star/004.png"
  t.eq(runs("recipes/outline.lua", picture), picture .. "\tstar\n")
end)

t.test("recipes/harder.lua: the model fails on every picture", function()
  runs("synth", draw.write("shapes", out), "--recipe", "recipes/harder.lua", "--count", "3", "-o", out .. "/harder")
  local data = brink.dataset(out .. "/harder")
  t.ok(#data >= 1)
  local predict = require("outline").predict
  for s in data:samples() do t.ok(predict(s:image()) ~= s.label, s.name) end
end)

t.test("recipes/loop.lua: the whole job, and again without doing it again", function()
  local photos = t.tmp() .. "/photos"
  for n = 1, 6 do
    core.file.mkdirs(photos)
    t.ok((draw.shape(n, 5)):resize(96, 96):save(("%s/%d.jpg"):format(photos, n)))
  end
  local first = runs("recipes/loop.lua", photos, out .. "/loop")
  t.ok(first:find("average error", 1, true))
  for _, file in ipairs { "analysis.db", "analysis.json", "report/index.html", "generated/manifest.jsonl", "generated/preview.html" } do
    t.eq(core.file.info(out .. "/loop/" .. file).type, "file", file)
  end
  local before = core.file.hash(out .. "/loop/generated/manifest.jsonl")
  runs("recipes/loop.lua", photos, out .. "/loop")
  t.eq(core.file.hash(out .. "/loop/generated/manifest.jsonl"), before)
  t.ok(select(2, run "recipes/loop.lua") == nil, "without photos it says what it wants")
end)

t.test("recipes/fog.lua: apply", function()
  local picture = draw.write("rocker", out) .. "/on/001.png"
  runs("apply", "Fog=0.5", picture, out .. "/foggy.png", "--recipe", "recipes/fog.lua")
  local clear, foggy = brink.image.load(picture):stats(), brink.image.load(out .. "/foggy.png"):stats()
  t.ok(foggy.luma_dev < 0.6 * clear.luma_dev)
end)

t.done()
