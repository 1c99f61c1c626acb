-- Local features and the built-in recogniser on drawn textures. SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local map = require("brink").map
local builtin = require "brink.model.builtin"
local image, plan, features = core.image, core.plan, core.features

-- Clouds with edges, another for each key.
local function texture(key, w, h, channels)
  w, h = w or 320, h or 240
  local small = image.new(40, 30, channels or 3, "u8", 128, false):run(plan.new { { op = "gaussian_noise", std = 0.35, key = key } })
  return small:resize(w, h)
end

local function agree(a, b) return select(2, features.match(a, b)) end

t.test("pictures without structure have no features and agree with nothing", function()
  local rich = features.extract(texture(1))
  for _, im in ipairs { image.new(1, 1, 3), image.new(300, 200, 3, "u8", 90), image.new(1, 5000, 1), image.new(5000, 2, 3), image.new(64, 64, 4, "f32", 0.5) } do
    local f = features.extract(im)
    t.eq(#f, 0)
    t.eq({ features.match(f, rich) }, { 0, 0 })
    t.eq({ features.match(rich, f) }, { 0.0, 0 })
    t.eq({ features.match(f, f) }, { 0, 0 })
  end
end)

t.test("a picture agrees with itself, the same each time", function()
  local im = texture(2)
  local a, b = features.extract(im), features.extract(im)
  t.ok(#a > 100, #a .. " features")
  local score, n = features.match(a, b)
  t.ok(score > 0.95 and score <= 1)
  t.eq(n, agree(a, a))
  for k = 1, #a do t.eq({ a:at(k) }, { b:at(k) }) end
end)

t.test("grey, alpha and f32 see the same corners as u8", function()
  local im = texture(3, 320, 240, 3)
  local f = features.extract(im)
  for _, other in ipairs { im:convert { type = "f32" }, im:convert { alpha = true, channels = 4 }, im:convert { channels = 1 } } do
    local g = features.extract(other)
    t.ok(agree(f, g) > 0.9 * #f, agree(f, g) .. " of " .. #f)
  end
end)

t.test("unrelated pictures agree on next to nothing", function()
  local list = {}
  for k = 1, 8 do list[k] = features.extract(texture(100 + k)) end
  for i = 1, 8 do
    for j = 1, 8 do
      if i ~= j then t.ok(agree(list[i], list[j]) <= 8, agree(list[i], list[j]) .. " agree") end
    end
  end
end)

t.test("turned, resized, dark and noisy pictures are still known", function()
  local im = texture(4, 400, 300)
  local f = features.extract(im)
  for _, step in ipairs {
    { op = "rotate", degrees = 33 }, { op = "rotate", degrees = 170 }, { op = "gain_offset", gain = 0.4, offset = 0 },
    { op = "gaussian_noise", std = 0.1, key = 1 }, { op = "downscale", factor = 2.5 }, { op = "erase", x = 0, y = 0, w = 200, h = 150 },
  } do
    local n = agree(f, features.extract(im:run(plan.new { step })))
    t.ok(n > 25, step.op .. ": " .. n)
  end
  t.ok(agree(f, features.extract(im:resize(173, 130))) > 25)
  t.ok(agree(f, features.extract(im:crop(80, 60, 240, 180))) > 25)
end)

t.test("comparing takes features or a picture, a list, and nothing else", function()
  local im = texture(5)
  local f = features.extract(im)
  t.eq({ features.compare(im, { f, f }) }, { { agree(f, f), agree(f, f) }, #f })
  t.eq(features.compare(f, {}), {})
  t.raises(function() features.compare(f, { f, im }) end, "entry 2 is not a brink.Features")
  t.raises(function() features.compare(3, { f }) end)
  t.raises(function() features.extract(f) end)
  t.raises(function() f:at(#f + 1) end, "no such feature")
  im:close()
  t.raises(function() features.extract(im) end, "closed")
end)

-- Samples that count how often they are read.
local function samples(n, reads)
  local list = {}
  for k = 1, n do
    list[k] = { id = ("%032x"):format(k), load = function()
      reads[k] = (reads[k] or 0) + 1
      return texture(1000 + k)
    end }
  end
  return list
end

t.test("clean pictures are recognised with full confidence", function()
  local data = samples(6, {})
  local b = builtin.new { data = data }
  for _, s in ipairs(data) do
    local label, confidence = b:predict(s:load(), s)
    t.eq(label, s.id)
    t.eq(confidence, 1.0)
    t.eq(builtin.error(b:label(s), label, confidence), 0.0)
  end
end)

t.test("confidence falls with damage, and another picture is named as what it is or not at all", function()
  local data = samples(6, {})
  local b = builtin.new { data = data }
  local s, last = data[2], 0
  local im = s:load()
  for _, sigma in ipairs { 2, 5, 9 } do
    local label, confidence = b:predict(im:run(plan.new { { op = "gaussian", sigma = sigma } }), s)
    local e = builtin.error(s.id, label, confidence)
    t.ok(e > last, ("sigma %g: error %g after %g"):format(sigma, e, last))
    last = e
  end
  local label, confidence = b:predict(data[5]:load(), s)
  t.eq(label, data[5].id)
  t.ok(confidence > 0.9 and builtin.error(s.id, label, confidence) == 1)
  t.eq({ b:predict(texture(77), s) }, { builtin.UNRECOGNISED, 0.0 })
  t.eq({ b:predict(image.new(9, 9, 3), s) }, { builtin.UNRECOGNISED, 0.0 })
end)

t.test("each picture is compared with a fixed number of others: reading grows with the number of samples", function()
  local reads = {}
  local data = samples(30, reads)
  local b = builtin.new { data = data, others = 3 }
  local im = data[1]:load()
  for _ = 1, 5 do b:predict(im, data[1]) end
  local total = 0
  for k = 1, 30 do total = total + (reads[k] or 0) end
  t.ok(total <= 1 + 1 + 4, total .. " pictures read for one sample")
end)

t.test("answers depend on neither order nor cache nor threads", function()
  local data = samples(9, {})
  local function answers(b, order)
    local out = {}
    for _, k in ipairs(order) do
      local im = data[k]:load():run(plan.new { { op = "gaussian", sigma = 6 } })
      local label, confidence = b:predict(im, data[k])
      out[k] = label .. (" %.17g"):format(confidence)
    end
    return out
  end
  local forth, back = {}, {}
  for k = 1, 9 do forth[k], back[k] = k, 10 - k end
  local want = answers(builtin.new { data = data, others = 4 }, forth)
  t.eq(answers(builtin.new { data = data, others = 4 }, back), want)
  local tight = builtin.new { data = data, others = 4, cache = 1 }
  t.eq(answers(tight, forth), want)
  t.eq(answers(tight, back), want)
  local b = builtin.new { data = data, others = 4 }
  local got = map(forth, function(k)
    local label, confidence = b:predict(data[k]:load():run(plan.new { { op = "gaussian", sigma = 6 } }), data[k])
    return label .. (" %.17g"):format(confidence)
  end, { inflight = 4 })
  t.eq(got, want)
end)

t.test("flat, unreadable and doubled samples", function()
  local data = samples(4, {})
  data[5] = { id = "flat", load = function() return image.new(50, 50, 3) end }
  data[6] = { id = "gone", load = function() return nil, "gone.png: missing", "io" end }
  data[7] = { id = "copy", load = data[1].load }
  local b = builtin.new { data = data }
  t.eq({ b:predict(image.new(50, 50, 3), data[5]) }, { builtin.UNRECOGNISED, 0.0 })
  t.eq({ b:predict(texture(1), data[6]) }, { nil, "gone.png: missing", "io" })
  t.eq({ b:predict(data[1]:load(), data[1]) }, { data[1].id, 1.0 })
  t.eq({ b:predict(data[7]:load(), data[7]) }, { "copy", 1.0 })
  local alone = builtin.new { data = { data[1] } }
  t.eq({ alone:predict(data[1]:load(), data[1]) }, { data[1].id, 1.0 })
end)

t.test("misuse is told at once", function()
  t.raises(function() builtin.new() end, "a table expected")
  t.raises(function() builtin.new {} end, "data")
  t.raises(function() builtin.new { data = {}, others = 0 } end, "others")
  t.raises(function() builtin.new { data = {}, seed = 1.5 } end, "seed")
  local b = builtin.new { data = {}, seed = 7, others = 3 }
  t.raises(function() b:predict(image.new(2, 2, 3)) end, "a sample with an id")
  t.ok(b.identity:find "3 others" and b.identity:find "seed 7")
end)

t.done()
