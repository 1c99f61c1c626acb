-- Replay: every synthetic picture again from its manifest line, to the byte.
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local augment = require "brink.augment"
local manifest = require "brink.synth.manifest"
local picture = require "picture"
local core = brink.core
local replay = brink.replay

local function make(given)
  local dir = given.dir or os.tmpname():gsub("^.*/", t.tmp() .. "/")
  if not given.dir then
    os.remove(dir)
    assert(core.file.mkdirs(dir .. "/in"))
    for k = 1, 3 do assert(picture.draw(60, 44, { key = k, channels = k == 3 and 4 or 3 }):save(("%s/in/%d.png"):format(dir, k))) end
  end
  local aug = brink.augmenter { predict = function() return "x" end, augmentations = given.rows }
  local out = dir .. "/out" .. (given.format or "")
  assert(aug:synthesize(dir .. "/in", { output = out, count = given.count, min_augmentations = given.least, max_augmentations = given.most,
    format = given.format, quality = given.quality, contrast = false, realism = -1, progress = false, preview = false }))
  return out, dir
end

local function all(out, opts)
  local n = 0
  for record in manifest.lines(out .. "/manifest.jsonl") do
    local image, bytes = replay.picture(record, opts)
    t.ok(image, bytes)
    t.eq(image:hash(), record.pixels)
    t.ok(bytes == core.file.read(out .. "/" .. record.name), record.name .. " is not the same")
    n = n + 1
  end
  return n
end

t.test("every row and every combination comes back to the byte", function()
  local out = make { count = 60, least = 1, most = 8 }
  t.eq(all(out), 60)
  for _, row in ipairs(augment.list()) do
    local one = make { count = 3, least = 1, most = 1, rows = { row.name } }
    t.eq(all(one), 3, row.name)
  end
end)

t.test("jpeg too, and pictures without any effect", function()
  t.eq(all((make { count = 6, format = "jpeg", quality = 71 })), 6)
  t.eq(all((make { count = 3, least = 0, most = 0 })), 3)
end)

t.test("a source that changed or is gone is named; it may have moved", function()
  local out, dir = make { count = 3 }
  local record = assert(replay.find(out, 1))
  assert(core.file.rename(dir .. "/in", dir .. "/moved"))
  local r, message, code = replay.picture(record)
  t.fails("the source is not there", r, message)
  t.eq(code, "io")
  t.eq(all(out, { data = dir .. "/moved" }), 3)
  assert(picture.draw(60, 44, { key = 77 }):save(dir .. "/moved/" .. record.source.name))
  r, message, code = replay.picture(record, { data = dir .. "/moved" })
  t.fails("the source has changed", r, message)
  t.ok(message:find(record.sample, 1, true))
  t.eq(code, "mismatch")
end)

t.test("a line that does not fit is refused", function()
  local out = make { count = 2 }
  local function altered(change)
    local record = assert(replay.find(out, 1))
    change(record)
    return replay.picture(record)
  end
  t.fails("result version", altered(function(r) r.version = r.version + 1 end))
  t.fails("the line says", altered(function(r) r.pixels = ("0"):rep(32) end))
  t.fails("encoder", altered(function(r) r.file = ("0"):rep(32) end))
  t.fails("not a manifest line", altered(function(r) r.plan = nil end))
  t.fails("plan", altered(function(r) r.plan = { { op = "no such" } } end))
end)

t.test("lines are found by name, by its last part, and by number", function()
  local out = make { count = 3 }
  local second = assert(replay.find(out .. "/manifest.jsonl", 2))
  t.eq(replay.find(out, second.name).n, 2)
  t.fails("did you mean " .. second.name, replay.find(out, "x" .. second.name))
  t.fails("line 9: there are 3", replay.find(out, 9))
  t.fails("no manifest", replay.find(out .. "/.brink", 1))
  t.raises(function() replay.find(out, 1.5) end, "the number of a line")
end)

t.test("a sample that was no file is handed in", function()
  local image, out = picture.draw(40, 40), t.tmp() .. "/memory"
  local aug = brink.augmenter { predict = function() return "x" end }
  assert(aug:synthesize({ { image = image } }, { output = out, count = 2, progress = false }))
  local record = assert(replay.find(out, 2))
  local made, bytes = replay.picture(record, { sample = { image = image } })
  t.ok(made, bytes)
  t.fails("made from", replay.picture(record, { sample = { image = picture.draw(8, 8) } }))
end)

t.done()
