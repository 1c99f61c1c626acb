-- What a person is told when something is not as they meant it. SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local program = require "program"
local progress = require "brink.progress"
local sheet = require "brink.sheet"
local shown = require "brink.shown"

local has, run = t.has, program.run

local function folder(name)
  local path = t.tmp() .. "/" .. name
  assert(core.file.mkdirs(path))
  return path
end

local function pictures(name, count)
  local dir = folder(name)
  for k = 1, count do assert(core.image.new(24, 20, 3, "u8", 20 * k):save(("%s/%d.png"):format(dir, k))) end
  return dir
end

local function script(name, text)
  local path = t.tmp() .. "/" .. name
  assert(core.file.write(path, text))
  return path
end

t.test("a number agrees with its noun", function()
  t.eq({ shown.count(1, "side"), shown.count(0, "side"), shown.count(2, "class", "classes") }, { "1 side", "0 sides", "2 classes" })
  local data, store = pictures("one", 1), t.tmp() .. "/one.db"
  local code, out, err = run("search", data, "--augment", "Brighten", "--step", "0.5", "--store", store, "--labels", "none")
  t.eq(code, 0, err)
  has(err, "1 image, 1 augmentation, 1 side: at most ")
  has(out, "1 image, ")
  code, out, err = run("synth", data, "-o", t.tmp() .. "/one-out", "-n", "1")
  t.eq(code, 0, err)
  has(out, "1 picture of 1 source\n")
  has(err, "1 picture in ")
end)

t.test("a recipe named by --recipe is told from one run by itself", function()
  local path = script("both.lua", [[
if arg and arg[0]:match "both%.lua$" then print "by itself" end
return { predict = function() return "x" end, labels = false }]])
  local _, out = run(path)
  t.eq(out, "by itself\n")
  _, out = run("eval", pictures("two", 2), "--recipe", path)
  t.ok(not out:find "by itself", out)
end)

t.test("a recipe's misspelt row names the recipe", function()
  local path = script("misspelt.lua", "return { augmentations = { 'Brighten', 'Hu' } }")
  local code, _, err = run("search", pictures("two", 2), "--recipe", path)
  t.eq({ code, err }, { 2, ("brink: %s: no augmentation Hu; did you mean Hue?\n"):format(path) })
end)

t.test("a recipe that breaks strings fails as a recipe does", function()
  for k, text in ipairs { 'getmetatable("").__index = nil error "done"', 'string.format, string.match, string.find = nil error "done"',
    'debug.setmetatable("", nil) error "done"', 'getmetatable("").__index = error error "done"' } do
    local code, _, err = run(script("strings" .. k .. ".lua", text))
    t.eq(code, 1, err)
    has(err, "done")
  end
end)

t.test("a working copy that is not there is said", function()
  local code, out, err = program.shell("BRINK_LUA=/nonexistent " .. program.line("--version"))
  t.eq({ code, out }, { 3, "" })
  has(err, "BRINK_LUA: /nonexistent: ")
end)

t.test("a synthesis does not write into its own data", function()
  local data = pictures("own", 2)
  for _, output in ipairs { data, data .. "/", data .. "/new/deep", data .. "/../own/new" } do
    local code, _, err = run("synth", data, "-o", output, "-n", "1")
    t.eq(code, 2, output)
    has(err, "lies in the data")
  end
  t.eq(core.file.list(data), { "1.png", "2.png" })
  t.eq((run("synth", data, "-o", data .. "2", "-n", "1", "-q")), 0)
end)

t.test("an effect that is none is named, not taken for a file", function()
  local data = pictures("two", 2)
  local code, _, err = run("show", "hue", data .. "/1.png", "-o", t.tmp() .. "/s.png")
  t.eq({ code, err }, { 2, "brink: no augmentation hue; did you mean Hue?\n" })
  code, _, err = run("apply", "Hu", data .. "/1.png", t.tmp() .. "/s.png")
  t.eq({ code, err }, { 2, "brink: no augmentation Hu; did you mean Hue?\n" })
  code, _, err = run("show", "Hue", "nothere.png")
  t.eq(code, 3, err)
end)

t.test("--out and --output are the same option", function()
  local data = pictures("two", 2)
  t.eq((run("synth", data, "--out", t.tmp() .. "/out1", "-n", "1", "-q")), 0)
  t.eq(core.file.info(t.tmp() .. "/out1/manifest.jsonl").type, "file")
  t.eq((run("eval", data, "--labels", "folder", "--output", t.tmp() .. "/out2.json", "-q")), 0)
  t.eq(core.file.info(t.tmp() .. "/out2.json").type, "file")
end)

t.test("an output whose name says no format is refused before the work", function()
  local data = pictures("two", 2)
  for _, words in ipairs { { "apply", "Hue=0.3" }, { "show", "Hue=0.3" } } do
    local output = t.tmp() .. "/x.webp"
    local list = { words[1], words[2], data .. "/1.png" }
    if words[1] == "show" then list[#list + 1] = "-o" end
    list[#list + 1] = output
    local code, _, err = run(table.unpack(list))
    t.eq(code, 2, err)
    has(err, "x.webp: ")
    t.ok(not err:find "traceback", err)
  end
end)

t.test("a progress line never wraps, and loses the least important first", function()
  local state = { what = "predictions", count = 120, total = 1000, at_most = true }
  t.eq(progress.line(state, 10, 100), "[====" .. (" "):rep(26) .. "] 120 of at most 1000 predictions, 12/s, at most 1:13 left")
  t.eq(progress.line(state, 10, 60), "120 of at most 1000 predictions, 12/s, at most 1:13 left")
  t.eq(progress.line(state, 10, 40), "120 of at most 1000 predictions, 12/s")
  for width = 1, 120 do t.ok(#progress.line(state, 10, width) < width, width) end
  t.eq(progress.line({ what = "pictures", count = 3, total = 0 }, 0, 80), "3 pictures, 0/s", "without end")
  t.eq(progress.line({ what = "pictures", count = 5, total = 4 }, 1, 31), "5 of 4 pictures, 5/s, 0 s left", "more than was thought")
end)

t.test("a file that cannot be opened is named once", function()
  local data = pictures("gone", 2)
  os.execute(("ln -sf nowhere %s/gone.png"):format(data))
  local _, out = run("eval", data, "--labels", "folder", "-q")
  has(out, ("1 failure:\n  %s/gone.png: cannot open it"):format(data))
end)

t.test("a model file of another kind is told what to do", function()
  local code, _, err = run("eval", pictures("two", 2), "--model", "net.pt")
  t.eq(code, 2)
  has(err, "net.pt: no model by its name")
  has(err, "ONNX")
end)

t.test("captions of small tiles are broken, not cut", function()
  local image = core.image.new(40, 30, 3, "u8", 90)
  local function height(caption) return sheet.make({ { image = image, caption = caption } }, { tile = 40 }).height end
  local line = height "short" - height ""
  t.eq(height "displacement 0.05 of short side" - height "short", 2 * line)
  t.eq(height(("x"):rep(16)) - height "short", 0, "the name of a row is never broken")
  t.eq(height(("x"):rep(41)) - height "short", 2 * line, "a long word is")
  t.eq(height { "a", "b" } - height "short", line)
end)

t.done()
