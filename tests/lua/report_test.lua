-- From a search to its page: the pictures are the pixels that were tested. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local core = require "brink.core"

-- Twelve flat pictures with a dot; the model fails above a known brightness.
local function samples(dir)
  core.file.mkdirs(dir)
  for k = 1, 12 do
    local im = core.image.new(24, 16 + k, 3, "u8", 40 + k):draw { { "disc", x = 12, y = 8, radius = 4, colour = { 200, 30, k } } }
    assert(im:save(("%s/%02d <b>&'\".png"):format(dir, k)))
  end
  return brink.dataset(dir)
end

local function predict(image) return image:stats().luma_mean < 140 and "dark" or "bright" end

local function searched(name)
  local data = samples(t.tmp() .. "/data")
  local aug = brink.augmenter { predict = predict, labels = false, augmentations = { "Brighten", "Rotate", "PixelDropout" }, seed = 5 }
  return aug:search(data, { store = t.tmp() .. "/" .. name .. ".db", progress = false }), data
end

t.test("first failure and last success are shown with exactly the tested pixels", function()
  local study = searched("a")
  local path = t.ok(study:report(t.tmp() .. "/a"))
  local text = core.file.read(path)
  local seen = {}
  for bytes in text:gmatch("data:image/png;base64,([%w+/=]+)") do
    seen[core.image.decode(core.base64.decode(bytes)):hash()] = true
  end
  local n = 0
  for _, c in ipairs(study.analysis.curves) do
    for _, which in ipairs { "first_failure", "last_success" } do
      if c[which] then
        n = n + 1
        t.ok(seen[c[which].hash], ("%s %s: the stored hash is shown"):format(c.name, which))
        t.ok(text:find(c[which].hash:sub(1, 12), 1, true), "and printed")
      end
    end
  end
  t.ok(n >= 3, "pictures seen: " .. n)
  t.ok(not text:find("no picture", 1, true), "every picture could be made again")
end)

t.test("the same study gives the same bytes, opened again too", function()
  local study = searched("b")
  local one = core.file.read(t.ok(study:report(t.tmp() .. "/b1")))
  study:close()
  local again = t.ok(brink.study.open(t.tmp() .. "/b.db"))
  t.eq(core.file.read(t.ok(again:report(t.tmp() .. "/b2"))) == one, true)
end)

t.test("a file that changed since is named and not shown", function()
  local study = searched("c")
  study:close()
  for _, name in ipairs(core.file.list(t.tmp() .. "/data")) do
    assert(core.image.new(8, 8, 3):save(t.tmp() .. "/data/" .. name))
  end
  local again = t.ok(brink.study.open(t.tmp() .. "/c.db"))
  local text = core.file.read(t.ok(again:report(t.tmp() .. "/c")))
  t.ok(text:find("the file has changed since it was tested", 1, true))
  t.ok(not text:find("data:image/png", 1, true))
end)

t.test("a folder that cannot be written is an error, not a crash", function()
  local study = searched("d")
  t.fails("cannot make", study:report("/dev/null/x"))
  t.raises(function() study:report(nil) end, "folder expected")
end)

t.done()
