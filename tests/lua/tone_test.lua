-- What the tone and colour primitives do, against formulas worked out here.
-- SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local prim = require "brink.prim"

local image = core.image

-- One pixel of the given values, through steps.
local function one(values, ...)
  local im = image.new(1, 1, #values, "u8")
  -- a picture of one colour: per-channel tables
  local list = {}
  for k = 1, 3 do for v = 1, 256 do list[(k - 1) * 256 + v] = values[k] or values[1] end end
  im = assert(im:run { #values >= 3 and prim.lut(list) or prim.lut { table.unpack(list, 1, 256) } })
  return { assert(im:run { ... }):pixel(0, 0) }
end

local function picture(w, h, c, type)
  local im = image.new(w, h, c, type or "u8", type == "f32" and 0.5 or 128)
  return (assert(im:run { { op = "uniform_noise", amplitude = 0.5, key = core.rng(1, "tone", w, h):key() } }))
end

local function clamp(v) return math.max(0, math.min(255, v)) end
local function round(v) return math.floor(clamp(v) + 0.5) end

t.test("neutral parameters give the image itself, to the bit", function()
  local identity = { 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0 }
  for _, kind in ipairs { { 1, "u8" }, { 3, "u8" }, { 4, "u8" }, { 3, "f32" } } do
    local im = picture(33, 7, kind[1], kind[2])
    for _, step in ipairs {
      prim.gain_offset(), prim.shift_rgb(), prim.contrast(1), prim.gamma(1), prim.solarize(1.01), prim.posterize(8),
      prim.quantize(256), prim.hue(0), prim.hue(360), prim.hue(-360), prim.saturation(1), prim.saturation(1, "luma"),
      prim.value(1), prim.hsv(), prim.grayscale(0), prim.matrix(identity), prim.channel_shuffle "rgb", prim.temperature(6500),
    } do
      t.ok(im:run({ step }):equal(im), step.op)
    end
  end
end)

t.test("gain and offset of every byte", function()
  for _, case in ipairs { { 1.3, 0 }, { 1, 0.2 }, { 1, -0.3 }, { 0.7, 0.1 }, { -1, 1 }, { 5, -2 }, { 1, 0.0021 } } do
    for v = 0, 255 do
      local got = one({ v, v, v }, prim.gain_offset(case[1], case[2]))[1]
      -- half a step is at stake where the product falls between two bytes
      t.near(got, clamp(v * case[1] + case[2] * 255), 0.5001, ("%d * %g + %g"):format(v, case[1], case[2]))
    end
  end
end)

t.test("red shifts touch red only", function()
  t.eq(one({ 100, 150, 200 }, prim.shift_rgb { r = -0.2 }), { 49, 150, 200 })
  t.eq(one({ 100, 150, 200 }, prim.shift_rgb { b = 0.5 }), { 100, 150, 255 })
  t.eq(one({ 100, 150, 200 }, prim.shift_rgb { g = -1 }), { 100, 0, 200 })
  t.eq(one({ 100 }, prim.shift_rgb { r = 0.2 }), { 115 }) -- 51 * .299
end)

t.test("channel gains, and their luma on grey", function()
  t.eq(one({ 100, 100, 100 }, prim.gain_offset { channel_gain = { 0.5, 1, 2 } }), { 50, 100, 200 })
  t.eq(one({ 100 }, prim.gain_offset { channel_gain = { 0, 1, 1 } }), { 70 })
end)

t.test("contrast keeps the mean of an unclipped picture", function()
  local im = assert(picture(64, 64, 3):run { prim.gain_offset(0.4, 0.3), prim.shift_rgb { r = 0.05 } })
  local function mean(i) local m = i:stats().mean return (m[1] + m[2] + m[3]) / 3 end
  for _, gain in ipairs { 0, 0.5, 1.4 } do
    t.near(mean(im:run { prim.contrast(gain) }), mean(im), 0.5)
  end
  t.near(im:run({ prim.contrast(0) }):stats().dev[1], 0, 0)
  local flat = im:run { prim.contrast(0, "channel_mean") }
  for k = 1, 3 do t.near(flat:stats().mean[k], im:stats().mean[k], 0.5) end
  t.eq({ im:run({ prim.contrast(0, "centre", 0.25) }):pixel(0, 0) }, { 64, 64, 64 })
  t.near(im:run({ prim.contrast(0, "luma_mean") }):pixel(0, 0), im:stats().luma_mean, 1)
end)

t.test("curves at known points", function()
  t.eq(one({ 64, 128, 255 }, prim.gamma(2)), { 16, 64, 255 })
  t.eq(one({ 64, 127, 128 }, prim.solarize(128 / 255)), { 64, 127, 127 })
  t.eq(one({ 255, 100, 0 }, prim.solarize(0)), { 0, 155, 255 })
  t.eq(one({ 255, 100, 31 }, prim.posterize(3)), { 224, 96, 0 })
  t.eq(one({ 255, 100, 127 }, prim.quantize(2)), { 255, 0, 0 })
  t.eq(one({ 255, 100, 0 }, prim.invert()), { 0, 155, 255 })
  t.eq(one({ 0, 255, 0 }, prim.sigmoid(9)), { 0, 255, 0 })
  local s = one({ 64, 128, 192 }, prim.sigmoid(9))
  t.ok(s[1] < 40 and math.abs(s[2] - 128) <= 2 and s[3] > 215)
end)

t.test("a table with one entry per byte, and one per channel", function()
  local flip, all = {}, {}
  for v = 0, 255 do flip[v + 1] = 255 - v end
  for i = 1, 256 do all[i], all[256 + i], all[512 + i] = i - 1, 7, 255 - (i - 1) end
  t.eq(one({ 3, 4, 5 }, prim.lut(flip)), { 252, 251, 250 })
  t.eq(one({ 3, 4, 5 }, prim.lut(all)), { 3, 7, 250 })
  local im = picture(9, 9, 3, "f32")
  local back = im:run({ prim.lut(flip), prim.lut(flip) })
  t.near(back:distance(im), 0, 1e-4)
end)

t.test("autocontrast and equalize fill the range", function()
  local im = assert(picture(64, 64, 3):run { prim.gain_offset(0.3, 0.2) })
  for _, step in ipairs { prim.autocontrast(), prim.equalize(), prim.autocontrast(0, true), prim.equalize(true), prim.autocontrast(5) } do
    local s = im:run({ step }):stats()
    for k = 1, 3 do
      t.ok(s.min[k] <= 3, step.op)
      t.ok(s.max[k] >= 252, step.op)
    end
  end
  local flat = image.new(5, 5, 3, "u8", 77)
  t.ok(flat:run({ prim.autocontrast() }):equal(flat))
  t.ok(flat:run({ prim.equalize() }):equal(flat))
end)

t.test("hue turns in HSV: primaries, and greys stay", function()
  t.eq(one({ 255, 0, 0 }, prim.hue(120)), { 0, 255, 0 })
  t.eq(one({ 255, 0, 0 }, prim.hue(-120)), { 0, 0, 255 })
  t.eq(one({ 255, 0, 0 }, prim.hue(60)), { 255, 255, 0 })
  t.eq(one({ 0, 0, 255 }, prim.hue(180)), { 255, 255, 0 })
  t.eq(one({ 200, 100, 50 }, prim.hue(180)), { 50, 150, 200 })
  t.eq(one({ 77, 77, 77 }, prim.hue(90)), { 77, 77, 77 })
  t.eq(one({ 0, 0, 0 }, prim.hue(90)), { 0, 0, 0 })
  local im = picture(65, 9, 3)
  local there = im:run { prim.hue(77.7) }
  t.ok(there:distance(im) > 10)
  -- two roundings; a turn changes the middle channel by at most a byte each way
  t.near(there:run({ prim.hue(-77.7) }):distance(im), 0, 0.5)
  local grey = picture(9, 9, 1)
  t.ok(grey:run({ prim.hue(90), prim.saturation(3) }):equal(grey))
end)

t.test("saturation keeps hue and value, or luma", function()
  t.eq(one({ 200, 150, 100 }, prim.saturation(2)), { 200, 100, 0 })
  t.eq(one({ 200, 150, 100 }, prim.saturation(64)), { 200, 100, 0 })
  t.eq(one({ 200, 150, 100 }, prim.saturation(0)), { 200, 200, 200 })
  t.eq(one({ 77, 77, 77 }, prim.saturation(9)), { 77, 77, 77 })
  local luma = round(0.299 * 200 + 0.587 * 150 + 0.114 * 100)
  t.eq(one({ 200, 150, 100 }, prim.saturation(0, "luma")), { luma, luma, luma })
  t.eq(one({ 200, 150, 100 }, prim.grayscale()), { luma, luma, luma })
  t.eq(one({ 200, 150, 100 }, prim.hsv { saturation_offset = 1 }), { 200, 100, 0 })
  t.eq(one({ 77, 77, 77 }, prim.hsv { saturation_offset = 1 }), { 77, 77, 77 })
end)

t.test("value scales without turning the hue, even at the limit", function()
  t.eq(one({ 200, 100, 50 }, prim.value(0.5)), { 100, 50, 25 })
  t.eq(one({ 200, 100, 50 }, prim.value(9)), { 255, 128, 64 })
  t.eq(one({ 0, 0, 0 }, prim.value(1, 0.2)), { 51, 51, 51 })
  t.eq(one({ 100 }, prim.value(2)), { 200 })
end)

t.test("matrix, shuffle, temperature", function()
  t.eq(one({ 10, 20, 30 }, prim.matrix { 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0.2 }), { 20, 30, 51 })
  t.eq(one({ 100 }, prim.matrix { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0 }), { 70 })
  t.eq(one({ 10, 20, 30 }, prim.channel_shuffle()), { 30, 20, 10 })
  t.eq(one({ 10, 20, 30 }, prim.channel_shuffle "gbr"), { 20, 30, 10 })
  local warm, cold = one({ 128, 128, 128 }, prim.temperature(3000)), one({ 128, 128, 128 }, prim.temperature(12000))
  t.ok(warm[1] > 150 and warm[3] < 100, "3000 K is warm")
  t.ok(cold[1] < 128 and cold[3] > 140, "12000 K is cold")
  t.near(0.299 * warm[1] + 0.587 * warm[2] + 0.114 * warm[3], 128, 1)
end)

t.test("f32 pictures get what u8 pictures get", function()
  local im = picture(31, 17, 3)
  for _, step in ipairs {
    prim.gain_offset(1.3, 0.11), prim.shift_rgb(0.1, 0, -0.2), prim.contrast(1.7), prim.gamma(0.6), prim.sigmoid(),
    prim.solarize(0.501), prim.posterize(3), prim.quantize(5), prim.invert(), prim.autocontrast(), prim.equalize(),
    prim.hue(33), prim.saturation(2), prim.saturation(2, "luma"), prim.value(1.5), prim.hsv(10, 2, 0.1, 1.1, 0.1),
    prim.grayscale(0.5), prim.temperature(4000), prim.channel_shuffle(),
  } do
    local a = im:run { step }
    local b = assert(assert(im:convert { type = "f32" }):run { step }):convert { type = "u8" }
    -- a byte of rounding at most; equalize and contrast see the same statistics
    t.ok(a:distance(b) < 0.02, ("%s: %g"):format(step.op, a:distance(b)))
  end
end)

t.test("spectral data: maps of samples work, colour refuses", function()
  local im = image.new(5, 4, 7, "f32", 0.5)
  t.near(im:run({ prim.gain_offset(0.5) }):pixel(1, 1), 0.25, 0)
  t.near(select(7, im:run({ prim.contrast(0) }):pixel(1, 1)), 0.5, 1e-6)
  t.fails("hue: an image of 7 colour channels", im:run { prim.hue(30) })
end)

--- What a matrix makes of a pixel, not rounded.
local function product(m, r, g, b)
  local out = {}
  for k = 0, 2 do
    local v = m[4 * k + 1] * r + m[4 * k + 2] * g + m[4 * k + 3] * b + 255 * m[4 * k + 4]
    out[k + 1] = math.min(math.max(v, 0), 255)
  end
  return out
end

t.test("matrix: within 0.58 of the sum in every pixel of a strip, whatever its weights", function()
  local matrices = {
    { 0.4, 0.4, 0.2, 0, 0.3, 0.5, 0.2, 0, 0.2, 0.3, 0.5, 0 }, { 1.9, -0.9, 0.1, -0.1, -1.5, 1.9, 0.5, 0.05, 0.3, -1.9, 1.7, 0.09 },
    { 1.99, 1.99, 0, -0.01, -1.99, 0, 0, 2, 0, 0, 0, 3.9 }, { 5, -3, 0.5, 0, 0, 60, -60, 0.3, 1, 1, 1, -7 },
  }
  for _, w in ipairs { 1, 31, 32, 97, 545 } do
    local im = core.image.new(w, 2, 3, "u8", 128):run { { op = "uniform_noise", amplitude = 0.5, per_channel = true, key = "0123456789abcdef" } }
    local grey = im:run { prim.grayscale() }
    for n, m in ipairs(matrices) do
      local out, worst, luma = im:run { prim.matrix(m) }, 0, 0
      for x = 0, w - 1 do
        local r, g, b = im:pixel(x, 1)
        local want, got = product(m, r, g, b), { out:pixel(x, 1) }
        for k = 1, 3 do worst = math.max(worst, math.abs(want[k] - got[k])) end
        luma = math.max(luma, math.abs(0.299 * r + 0.587 * g + 0.114 * b - (grey:pixel(x, 1))))
      end
      t.ok(worst < 0.58, ("matrix %d, %d pixels: off by %g"):format(n, w, worst))
      t.ok(luma < 0.53, ("grey, %d pixels: off by %g"):format(w, luma))
    end
  end
end)

t.test("grey pixels stay, shuffling is exact, f32 keeps alpha to the bit", function()
  local ramp = core.image.new(256, 1, 1, "u8", 0):run { { op = "uniform_noise", amplitude = 1, key = "0123456789abcdef" } }:convert { channels = 3 }
  t.eq(ramp:run { prim.grayscale() }:hash(), ramp:hash())
  local im = core.image.new(99, 3, 3, "u8", 128):run { { op = "uniform_noise", amplitude = 0.5, per_channel = true, key = "0123456789abcdef" } }
  t.eq(im:run { prim.channel_shuffle "gbr", prim.channel_shuffle "brg" }:hash(), im:hash())
  local rgba = core.image.new(70, 2, 4, "f32", 0.25)
  local out = rgba:run { prim.gain_offset(2, 0.1) }
  t.eq({ out:pixel(69, 1) }, { out:pixel(0, 0) })
  t.eq(select(4, out:pixel(33, 1)), select(4, rgba:pixel(33, 1)))
  t.near((out:pixel(33, 1)), 0.6, 1e-6)
end)

t.done()
