--- core.image: making, looking, converting, comparing, combining, life and death.
-- SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local image = core.image
local pattern = require "picture".pattern

local sizes = { { 1, 1 }, { 1, 7 }, { 5, 1 }, { 3, 3 }, { 16, 16 }, { 63, 65 }, { 67, 33 } }

--- fn(image, w, h, c) for awkward sizes and every channel count.
local function each_shape(fn)
  for _, s in ipairs(sizes) do
    for c = 1, 4 do fn(pattern(s[1], s[2], c), s[1], s[2], c) end
  end
end

t.test("a new image is filled, knows its shape and gives its pixels", function()
  local im = image.new(3, 2, 4, "u8", { 1, 2.5, 300, -4 })
  t.eq({ im.width, im.height, im.channels, im.type, im.alpha }, { 3, 2, 4, "u8", true })
  t.eq({ im:pixel(2, 1) }, { 1, 3, 255, 0 })
  local f = image.new(2, 2, 7, "f32", 0.25)
  t.eq({ f:pixel(0, 0) }, { 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25 })
  t.eq(f.alpha, false)
  t.eq(tostring(im), "image 3 x 2 x 4 u8")
  t.eq(im.nothing, nil)
end)

t.test("misuse raises and names the argument", function()
  local im = image.new(2, 2, 3)
  t.raises(function() image.new(0, 2, 3) end, "size outside")
  t.raises(function() image.new(2, 2, 5) end, "u8 image of 5 channels")
  t.raises(function() image.new(2, 2, 3, "u16") end, "'u16' is unknown")
  t.raises(function() image.new(2, 2, 3, "u8", { 1, 2 }) end, "one number per channel")
  t.raises(function() image.from_bytes(2, 2, 1, "u8", "abc") end, "3 bytes, expected 4")
  t.raises(function() im:pixel(2, 0) end, "outside the image")
  t.raises(function() im:pixel(0, -1) end, "outside the image")
  t.raises(function() im:crop(1, 1, 2, 1) end, "reaches outside")
  t.raises(function() im:distance(image.new(2, 3, 3)) end, "differ in shape")
  t.raises(function() im:ssim(im:convert { type = "f32" }) end, "differ in shape")
  t.raises(function() im:save("x.webp") end, "extension is none of")
  t.raises(function() im:encode("gif") end, "gif is unknown")
  t.raises(function() im:encode("jpeg", { quality = 101 }) end, "quality: 101 is outside 1..100")
  t.raises(function() im:encode("png", { quallity = 3 }) end, "unknown option 'quallity'")
  t.raises(function() image.load("x", { keep_damaged = 1 }) end, "boolean expected")
  t.raises(function() image.load("a\0b") end, "zero byte")
  t.raises(function() im:convert { channels = 5 } end, "")
  t.raises(function() im:blend(im, 1.5) end, "outside 0..1")
  t.raises(function() im:save() end, "string expected")
  t.raises(function() im.save(42) end, "brink.Image expected")
end)

t.test("a closed image is an argument error everywhere, closing twice is fine", function()
  local im = image.new(2, 2, 3)
  im:close()
  im:close()
  t.eq(tostring(im), "image (closed)")
  for _, name in ipairs { "save", "encode", "hash", "pixel", "bytes", "copy", "convert", "stats", "distance", "ssim", "equal", "run",
    "resize", "crop", "blend", "paste" } do
    t.raises(function() im[name](im, 1, 1) end, "image is closed")
  end
  t.raises(function() return im.width end, "image is closed")
  t.raises(function() return im + 1 end, "image is closed")
  local open = image.new(2, 2, 3)
  t.raises(function() return open:equal(im) end, "image is closed")
  do local _ <close> = open end
  t.raises(function() return open:hash() end, "image is closed")
end)

t.test("bytes come back as they went in", function()
  each_shape(function(im, w, h, c)
    t.ok(image.from_bytes(w, h, c, "u8", im:bytes()):equal(im))
    t.ok(im:copy():equal(im))
    local f = im:convert { type = "f32" }
    t.ok(image.from_bytes(w, h, c, "f32", f:bytes()):equal(f))
  end)
end)

t.test("the hash is of shape, type, alpha and samples, not of padding", function()
  local seen = {}
  local function fresh(im)
    local h = im:hash()
    t.ok(not seen[h], "two images share a hash")
    seen[h] = true
    t.eq(#h, 32)
    t.eq(im:copy():hash(), h)
  end
  fresh(image.new(4, 2, 1))
  fresh(image.new(2, 4, 1))
  fresh(image.new(8, 1, 1))
  fresh(image.new(4, 1, 2, "u8", 0, false))
  fresh(image.new(4, 1, 2, "u8", 0, true))
  fresh(image.new(2, 1, 1, "f32"))
  fresh(image.new(4, 2, 1, "u8", 1))
  local im = pattern(67, 3, 4, true)
  t.eq(im:hash(), core.file.hash_text(string.pack("<I4I4I4I4I4", 67, 3, 4, 0, 1) .. im:bytes()))
end)

t.test("u8 to f32 and back changes nothing", function()
  each_shape(function(im) t.ok(im:convert { type = "f32" }:convert { type = "u8" }:equal(im)) end)
end)

t.test("f32 beyond 0..1 is clamped, halves round up, NaN is black", function()
  local f = image.from_bytes(6, 1, 1, "f32", string.pack("ffffff", -1, 2, 0.5 / 255, 0 / 0, 254.5 / 255, 1 / 0))
  t.eq({ f:convert { type = "u8" }:bytes():byte(1, -1) }, { 0, 255, 1, 0, 255, 255 })
end)

t.test("channels: grey is Rec. 601 luma, colour repeats grey, alpha is opaque or dropped", function()
  local rgb = image.from_bytes(2, 1, 3, "u8", string.char(10, 20, 30, 255, 0, 0))
  local grey = rgb:convert { channels = 1 }
  t.eq({ grey:bytes():byte(1, -1) }, { (299 * 10 + 587 * 20 + 114 * 30 + 500) // 1000, (299 * 255 + 500) // 1000 })
  t.eq({ rgb:convert { channels = 4 }:pixel(0, 0) }, { 10, 20, 30, 255 })
  t.eq({ grey:convert { channels = 3 }:pixel(1, 0) }, { 76, 76, 76 })
  t.eq({ rgb:convert { channels = 2 }:pixel(1, 0) }, { 76, 255 })
  local rgba = image.from_bytes(1, 1, 4, "u8", string.char(1, 2, 3, 4))
  t.eq({ rgba:convert { alpha = false }:pixel(0, 0) }, { 1, 2, 3 })
  t.eq({ rgba:convert { channels = 2 }:pixel(0, 0) }, { 2, 4 })
  local f = rgba:convert { type = "f32", channels = 3 }
  t.eq({ f:pixel(0, 0) }, { rgba:convert { alpha = false }:convert { type = "f32" }:pixel(0, 0) })
  t.near(select(2, f:pixel(0, 0)), 2 / 255, 1e-9)
end)

t.test("statistics are those of a plain loop", function()
  each_shape(function(im, w, h, c)
    local colours, s = im.alpha and c - 1 or c, im:stats()
    for k = 1, colours do
      local sum, square, lo, hi = 0, 0, 255, 0
      for y = 0, h - 1 do
        for x = 0, w - 1 do
          local v = select(k, im:pixel(x, y))
          sum, square, lo, hi = sum + v, square + v * v, math.min(lo, v), math.max(hi, v)
        end
      end
      local n = w * h
      t.eq(s.mean[k], sum / n)
      t.near(s.dev[k], ((n * square - sum * sum) / (n * n)) ^ 0.5, 1e-9)
      t.eq({ s.min[k], s.max[k] }, { lo, hi })
    end
    t.eq(#s.mean, colours)
    local f = im:convert { type = "f32" }:stats()
    for k = 1, colours do
      t.near(f.mean[k] * 255, s.mean[k], 1e-5)
      t.near(f.dev[k] * 255, s.dev[k], 1e-5)
    end
  end)
end)

t.test("luma and entropy: one value has none, halves have one bit, all 256 have eight", function()
  t.eq(image.new(9, 9, 3, "u8", 77):stats().entropy, 0)
  t.eq(image.new(9, 9, 3, "u8", 77):stats().luma_mean, 77)
  t.eq(image.from_bytes(2, 1, 1, "u8", "\0\255"):stats().entropy, 1)
  local all = {}
  for i = 0, 255 do all[i + 1] = string.char(i) end
  local s = image.from_bytes(16, 16, 1, "u8", table.concat(all)):stats()
  t.near(s.entropy, 8, 1e-12)
  t.eq(s.luma_mean, 127.5)
  t.near(s.luma_dev, ((256 ^ 2 - 1) / 12) ^ 0.5, 1e-9)
end)

t.test("statistics of a row wider than the strip", function()
  local im = pattern(5000, 2, 1)
  local sum = 0
  for i = 1, 10000 do sum = sum + im:bytes():byte(i) end
  t.eq(im:stats().luma_mean, sum / 10000)
end)

t.test("distance is the mean difference of colour samples", function()
  each_shape(function(im, w, h, c)
    t.eq(im:distance(im), 0)
    local other = pattern(w, h, c):crop(0, 0, w, h)
    other = image.from_bytes(w, h, c, "u8", (other:bytes():reverse()))
    local sum, n, colours = 0, 0, im.alpha and c - 1 or c
    for y = 0, h - 1 do
      for x = 0, w - 1 do
        local p, q = { im:pixel(x, y) }, { other:pixel(x, y) }
        for k = 1, colours do sum, n = sum + math.abs(p[k] - q[k]), n + 1 end
      end
    end
    t.eq(im:distance(other), sum / n)
    t.near(im:convert { type = "f32" }:distance(other:convert { type = "f32" }), sum / n, 1e-4)
  end)
end)

t.test("structural similarity: one for equal, less for more noise, about zero for the inverse", function()
  each_shape(function(im) t.eq(im:ssim(im), 1) end)
  local a = pattern(64, 64, 1)
  local nearly, half = a:blend(image.new(64, 64, 1, "u8", 128), 0.1), a:blend(image.new(64, 64, 1, "u8", 128), 0.7)
  t.ok(a:ssim(nearly) < 1 and a:ssim(half) < a:ssim(nearly))
  t.ok(a:ssim(255 - a) < 0)
  t.near(a:convert { type = "f32" }:ssim(half:convert { type = "f32" }), a:ssim(half), 1e-5)
  -- one window by hand: constant 100 against constant 200
  local c1, m, n = 6.5025, 100, 200
  t.near(image.new(8, 8, 1, "u8", m):ssim(image.new(8, 8, 1, "u8", n)), (2 * m * n + c1) / (m * m + n * n + c1), 1e-12)
end)

t.test("arithmetic saturates and leaves alpha alone", function()
  local a = image.from_bytes(1, 1, 4, "u8", string.char(10, 100, 200, 7))
  t.eq({ (a + 60):pixel(0, 0) }, { 70, 160, 255, 7 })
  t.eq({ (a - 60):pixel(0, 0) }, { 0, 40, 140, 7 })
  t.eq({ (255 - a):pixel(0, 0) }, { 245, 155, 55, 7 })
  t.eq({ (a * 1.5):pixel(0, 0) }, { 15, 150, 255, 7 })
  t.eq({ (2 * a):pixel(0, 0) }, { 20, 200, 255, 7 })
  t.eq({ (a + a):pixel(0, 0) }, { 20, 200, 255, 7 })
  t.eq({ (a - a):pixel(0, 0) }, { 0, 0, 0, 7 })
  t.eq({ (a * a):pixel(0, 0) }, { 0, 39, 157, 7 })
  local mask = image.new(1, 1, 1, "u8", 128)
  t.eq({ (a * mask):pixel(0, 0) }, { 5, 50, 100, 7 })
  local f = image.new(1, 1, 1, "f32", 0.5)
  t.eq({ (f * 4 - 1):pixel(0, 0) }, { 1.0 })
  t.raises(function() return a + image.new(2, 1, 4) end, "differ in shape")
  t.raises(function() return a + "x" end, "number expected")
end)

t.test("blend goes from one to the other, by weight or by mask", function()
  local a, b = image.new(2, 1, 1, "u8", 10), image.new(2, 1, 1, "u8", 210)
  t.ok(a:blend(b, 0):equal(a))
  t.ok(a:blend(b, 1):equal(b))
  t.eq({ a:blend(b, 0.25):pixel(0, 0) }, { 60 })
  t.eq({ a:blend(b, image.from_bytes(2, 1, 1, "u8", "\0\255")):bytes():byte(1, -1) }, { 10, 210 })
  t.raises(function() a:blend(b, image.new(1, 1, 1)) end, "mask")
end)

t.test("paste clips at every edge and honours opacity", function()
  local ground, patch = image.new(4, 4, 1, "u8", 1), image.new(3, 3, 1, "u8", 9)
  local function marks(x, y)
    local n = 0
    for v in ground:paste(patch, x, y):bytes():gmatch("\9") do n = n + #v end
    return n
  end
  t.eq(marks(0, 0), 9)
  t.eq(marks(-2, -2), 1)
  t.eq(marks(3, 2), 2)
  t.eq(marks(4, 0), 0)
  t.eq(marks(-3, 0), 0)
  t.eq(marks(-1000000000, 1000000000), 0)
  local rgb = image.new(1, 1, 3, "u8", 100)
  t.eq({ rgb:paste(image.new(1, 1, 4, "u8", { 200, 0, 100, 51 }), 0, 0):pixel(0, 0) }, { 120, 80, 100 })
end)

t.test("crop takes exactly the part", function()
  local im = pattern(9, 7, 3)
  local part = im:crop(2, 3, 5, 4)
  t.eq({ part.width, part.height }, { 5, 4 })
  for y = 0, 3 do for x = 0, 4 do t.eq({ part:pixel(x, y) }, { im:pixel(x + 2, y + 3) }) end end
  t.ok(im:crop(0, 0, 9, 7):equal(im))
end)

t.test("equal tells shape, type, alpha and samples apart", function()
  local a = image.new(2, 2, 2)
  t.ok(a:equal(image.new(2, 2, 2)))
  t.ok(not a:equal(image.new(2, 2, 2, "u8", 0, false)))
  t.ok(not a:equal(image.new(2, 2, 2, "u8", 1)))
  t.ok(not a:equal(image.new(2, 2, 1)))
  t.ok(not a:equal(image.new(2, 2, 2, "f32")))
end)

t.test("running the empty plan gives the same pixels", function()
  local im = pattern(5, 4, 3)
  t.ok(im:run({}):equal(im))
  t.ok(im:run(core.plan.new {}, { fuse = false }):equal(im))
  t.eq({ im:run({ { op = "invert" } }):pixel(1, 1) }, { (255 - im):pixel(1, 1) })
end)

--- Resident memory in MiB: the peak, or ("VmRSS") now.
local function rss(which)
  local kib
  for line in io.lines("/proc/self/status") do kib = kib or tonumber(line:match("^" .. (which or "VmHWM") .. ":%s+(%d+)")) end
  return kib / 1024
end

--- Sanitizers keep freed memory aside for a while: 256 MiB.
local function sanitized()
  for line in io.lines("/proc/self/maps") do if line:find("asan", 1, true) or line:find("tsan", 1, true) then return true end end
  return false
end

t.test("images nobody holds do not pile up", function()
  local before, most = rss(), sanitized() and 450 or 200
  for i = 1, 600 do
    local im = image.new(1024, 1024, 1, "u8", i & 255)
    if i % 100 == 0 then im = im:convert { channels = 1 } end
  end
  t.ok(rss() - before < most, ("%.0f MiB more"):format(rss() - before))
end)

t.test("a closed image is gone although jobs have read it", function()
  local im = image.new(8192, 8192, 1)
  collectgarbage()
  collectgarbage("stop")
  im:stats()
  im:distance(im)
  local before = rss("VmRSS")
  im:close()
  local less = before - rss("VmRSS")
  collectgarbage("restart")
  t.ok(sanitized() or less > 60, ("%.0f MiB less, 64 expected"):format(less))
end)

t.done()
