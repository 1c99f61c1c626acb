-- Noise, occlusion and digital damage through plans. SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local image, plan = core.image, core.plan

-- A picture with every value in it; alpha, where there is one, is 255 - x.
local function picture(w, h, c, type)
  local n, out = 0, {}
  local alpha = c == 2 or c == 4
  for y = 0, h - 1 do
    for x = 0, w - 1 do
      for k = 1, c do
        local v = (x * 5 + y * 11 + k * 70 + (x * y) // 7) % 256
        if alpha and k == c then v = (255 - x) % 256 end
        n = n + 1
        out[n] = (type == "f32") and string.pack("<f", v / 255) or string.char(v)
      end
    end
  end
  return image.from_bytes(w, h, c, type or "u8", table.concat(out))
end

local function run(im, step, fuse) return im:run(plan.new { step }, { fuse = fuse }) end
local function with(step, more)
  local out = {}
  for k, v in pairs(step) do out[k] = v end
  for k, v in pairs(more) do out[k] = v end
  return out
end

-- Name, parameter that is the amount, its value for "nothing", rising amounts, whether a key is taken.
local effects = {
  { "gaussian_noise", "std", 0, { 0.02, 0.1, 0.3 }, true },
  { "uniform_noise", "amplitude", 0, { 0.02, 0.1, 0.5 }, true },
  { "multiplicative_noise", "spread", 0, { 0.05, 0.3, 1 }, true },
  { "speckle", "std", 0, { 0.05, 0.3, 0.9 }, true },
  { "shot_noise", "photons", 1e9, { 300, 30, 4 }, true },
  { "salt_pepper", "amount", 0, { 0.01, 0.1, 0.5 }, true },
  { "pixel_dropout", "p", 0, { 0.01, 0.1, 0.5 }, true },
  { "erase", "w", 0, { 3.25, 11.5, 30 }, false, { x = 2.5, y = 3.5, h = 12.25 } },
  { "grid_mask", "ratio", 0, { 0.1, 0.4, 0.9 }, false, { unit = 7.5, angle = 10 } },
  { "stripes", "ratio", 0, { 0.1, 0.4, 0.9 }, false, { unit = 7.5, angle = -30 } },
  { "downscale", "factor", 1, { 1.05, 2.5, 16 }, false },
  { "pixelate", "size", 1, { 1.05, 2.5, 16 }, false },
}
local function step_of(e, amount, key)
  local s = with({ op = e[1], [e[2]] = amount }, e[6] or {})
  if e[5] then s.key = key or 77 end
  return s
end

local shapes = { { 41, 33, 1 }, { 41, 33, 2 }, { 41, 33, 3 }, { 41, 33, 4 }, { 600, 2, 3 }, { 1, 50, 3 }, { 1, 1, 3 }, { 1, 1, 1 } }
for _, e in ipairs(effects) do
  t.test(e[1] .. " at its identity changes no bit of any kind of image", function()
    for _, s in ipairs(shapes) do
      for _, type in ipairs { "u8", "f32" } do
        local im = picture(s[1], s[2], s[3], type)
        t.ok(run(im, step_of(e, e[3])):equal(im), ("%d x %d x %d %s"):format(s[1], s[2], s[3], type))
      end
    end
  end)

  t.test(e[1] .. " is the same twice, the same whether fused, and leaves alpha alone", function()
    for _, s in ipairs(shapes) do
      for _, type in ipairs { "u8", "f32" } do
        local im = picture(s[1], s[2], s[3], type)
        local step = step_of(e, e[4][3])
        local a = run(im, step)
        t.ok(a:equal(run(im, step)))
        local chain = plan.new { { op = "invert" }, step, { op = "invert" } }
        t.ok(im:run(chain):equal(im:run(chain, { fuse = false })), "fused")
        if s[3] % 2 == 0 then
          for x = 0, s[1] - 1, 9 do
            local before, after = { im:pixel(x, 1) }, { a:pixel(x, 1) }
            t.eq(after[s[3]], before[s[3]])
          end
        end
      end
    end
  end)

  t.test(e[1] .. " grows with its amount, from nothing", function()
    local im, last = picture(97, 61, 3), 0
    for _, amount in ipairs(e[4]) do
      local d = im:distance(run(im, step_of(e, amount)))
      t.ok(d > last, ("%g: %g after %g"):format(amount, d, last))
      last = d
    end
  end)

  if e[5] then
    t.test(e[1] .. " differs from key to key", function()
      local im = picture(31, 20, 3)
      t.ok(not run(im, step_of(e, e[4][3], 1)):equal(run(im, step_of(e, e[4][3], 2))))
    end)
  end
end

t.test("a tall image in one fused pass has the noise of a row-by-row run", function()
  local im = picture(300, 700, 3)
  local steps = { { op = "gaussian_noise", std = 0.1, key = 3 }, { op = "salt_pepper", amount = 0.2, key = 4 }, { op = "erase", x = 9.5, y = 100.5, w = 200, h = 500 } }
  t.ok(im:run(plan.new(steps)):equal(im:run(plan.new(steps), { fuse = false })))
  -- the same rows alone: noise belongs to the row's number and not to the band it was run in
  local top = im:crop(0, 0, 300, 37)
  t.ok(top:run(plan.new { steps[1] }):equal(im:run(plan.new { steps[1] }):crop(0, 0, 300, 37)))
end)

t.test("gaussian noise has the deviation it was asked for and no mean", function()
  local flat = image.new(400, 300, 3, "f32", 0.5)
  local s = run(flat, { op = "gaussian_noise", std = 0.1, key = 5 }):stats()
  for k = 1, 3 do -- 120,000 samples: standard errors .0003 and .0002; five of them
    t.near(s.mean[k], 0.5, 0.0015)
    t.near(s.dev[k], 0.1, 0.001)
  end
end)

t.test("one number for all channels keeps grey grey", function()
  for _, e in ipairs { { "gaussian_noise", "std" }, { "uniform_noise", "amplitude" }, { "multiplicative_noise", "spread" }, { "speckle", "std" } } do
    local out = run(image.new(700, 3, 3, "u8", 120), { op = e[1], [e[2]] = 0.3, key = 5, per_channel = false })
    for x = 0, 699, 7 do
      local r, g, b = out:pixel(x, 2)
      t.ok(r == g and g == b, e[1])
    end
    t.ok(out:stats().dev[1] > 10, e[1])
  end
end)

t.test("multiplicative noise is noise and no gain", function()
  local s = run(image.new(400, 300, 3, "f32", 0.4), { op = "multiplicative_noise", spread = 0.5, key = 8 }):stats()
  t.near(s.mean[1], 0.4, 0.002) -- standard error .0003
  t.near(s.dev[1], 0.4 * 0.5 / math.sqrt(3), 0.001)
  t.ok(s.min[1] >= 0.2 and s.max[1] <= 0.6)
end)

t.test("shot noise has Poisson's mean and variance, few photons and many, u8 and f32", function()
  for _, photons in ipairs { 2, 10, 40, 500, 20000 } do
    local s = run(image.new(400, 300, 1, "f32", 0.5), { op = "shot_noise", photons = photons, key = 11 }):stats()
    local dev = math.sqrt(0.5 / photons)
    t.near(s.mean[1], 0.5, dev * 0.02, photons .. " photons")
    t.near(s.dev[1], dev, dev * 0.02, photons .. " photons")
  end
  local s = run(image.new(400, 300, 1, "u8", 51), { op = "shot_noise", photons = 50, key = 11 }):stats()
  t.near(s.mean[1], 51, 0.4)
  t.near(s.dev[1], math.sqrt(10) * 5.1, 0.3)
end)

t.test("a larger share of dropped or hit pixels contains the smaller", function()
  local im = image.new(120, 90, 3, "u8", 100)
  for _, e in ipairs { { "pixel_dropout", "p" }, { "salt_pepper", "amount" } } do
    for _, per_channel in ipairs { false, true } do
      local last
      for _, share in ipairs { 0.02, 0.2, 0.21, 0.7 } do
        local out = run(im, { op = e[1], [e[2]] = share, key = 6, per_channel = per_channel })
        local now, hits = out:bytes(), 0
        for i = 1, #now do
          local v = now:byte(i)
          if v ~= 100 then hits = hits + 1 end
          if last and last:byte(i) ~= 100 then t.eq(v, last:byte(i), e[1]) end
          if not per_channel and i % 3 == 0 then t.ok(v == now:byte(i - 1) and v == now:byte(i - 2)) end
        end
        t.near(hits / #now, share, 0.025, e[1]) -- 10,800 draws: four standard errors
        last = now
      end
    end
  end
end)

t.test("everything may be dropped, and the shares of salt and pepper are kept", function()
  t.eq(run(picture(40, 30, 3), { op = "pixel_dropout", p = 1, value = 7, key = 1 }):stats().max[1], 7)
  t.eq(run(picture(40, 30, 3), { op = "pixel_dropout", p = 1, value = 7, key = 1 }):stats().min[1], 7)
  t.eq(run(image.new(40, 30, 3, "u8", 9), { op = "salt_pepper", amount = 1, ratio = 1, key = 1 }):stats().min[1], 255)
  t.eq(run(image.new(40, 30, 3, "u8", 9), { op = "salt_pepper", amount = 1, ratio = 0, key = 1 }):stats().max[1], 0)
  t.near(run(image.new(200, 200, 1, "u8", 9), { op = "salt_pepper", amount = 1, ratio = 0.3, key = 1 }):stats().mean[1] / 255, 0.3, 0.012)
end)

t.test("u8 and f32 see the same noise", function()
  local a = run(image.new(90, 20, 3, "u8", 128), { op = "gaussian_noise", std = 0.1, key = 5 })
  local b = run(image.new(90, 20, 3, "f32", 128 / 255), { op = "gaussian_noise", std = 0.1, key = 5 })
  t.ok(a:equal(b:convert { type = "u8" }))
end)

t.test("noise on images of many channels", function()
  local out = run(image.new(5, 4, 37, "f32", 0.5, false), { op = "gaussian_noise", std = 0.1, key = 5, per_channel = false })
  local v = { out:pixel(3, 2) }
  t.eq(#v, 37)
  for k = 2, 37 do t.eq(v[k], v[1]) end
  local wide = run(image.new(2, 1, 4000, "f32", 0.5, false), { op = "gaussian_noise", std = 0.1, key = 5, per_channel = false })
  local p = { wide:pixel(1, 0) }
  t.eq(p[4000], p[1])
end)

t.test("a box covers the parts of pixels that it covers", function()
  local out = run(image.new(6, 5, 1, "f32", 1), { op = "erase", x = 1.25, y = 1.5, w = 2.5, h = 2 })
  local function at(x, y) return (out:pixel(x, y)) end
  t.eq(at(0, 2), 1)
  t.near(at(1, 2), 0.25, 1e-6)
  t.eq(at(2, 2), 0)
  t.near(at(3, 2), 0.25, 1e-6)
  t.near(at(2, 1), 0.5, 1e-6)
  t.near(at(1, 1), 1 - 0.375, 1e-6)
  t.eq(at(2, 4), 1)
end)

t.test("boxes partly and wholly outside the frame", function()
  local im = picture(20, 20, 3)
  t.ok(run(im, { op = "erase", x = -50, y = 2, w = 40, h = 9 }):equal(im))
  t.ok(run(im, { op = "erase", x = 20, y = 2, w = 40, h = 9 }):equal(im))
  t.eq(run(im, { op = "erase", x = -5, y = -5, w = 500, h = 500, value = 3 }):stats().max[1], 3)
  t.ok(run(im, { op = "erase", x = 1, y = 1, w = 9, h = 9, opacity = 0 }):equal(im))
end)

t.test("many boxes are boxes one after the other", function()
  local im = picture(30, 20, 4)
  local many = run(im, { op = "erase_many", boxes = { 1, 2, 3.5, 4, 10.25, 0, 5, 30 }, value = 90 })
  local one = im:run(plan.new { { op = "erase", x = 1, y = 2, w = 3.5, h = 4, value = 90 }, { op = "erase", x = 10.25, y = 0, w = 5, h = 30, value = 90 } })
  t.ok(many:equal(one))
  t.ok(run(im, { op = "erase_many", boxes = {} }):equal(im))
  t.raises(function() plan.new { { op = "erase_many", boxes = { 1, 2, 3 } } } end, "x, y, w, h for each box")
  t.raises(function() plan.new { { op = "erase_many", boxes = { 1, 2, -3, 4 } } } end, "box 1")
end)

t.test("a grid covers the share of the area that its ratio says", function()
  for _, angle in ipairs { 0, 30 } do
    local out = run(image.new(400, 400, 1, "f32", 1), { op = "grid_mask", unit = 13.7, ratio = 0.5, angle = angle, x = 3 })
    t.near(out:stats().mean[1], 0.75, 0.01)
    local bars = run(image.new(400, 400, 1, "f32", 1), { op = "stripes", unit = 13.7, ratio = 0.3, angle = angle })
    t.near(bars:stats().mean[1], 0.7, 0.01)
  end
end)

t.test("downscale keeps the mean light and draws cells of whole pixels exactly", function()
  local im = picture(64, 48, 3, "f32")
  for _, factor in ipairs { 1.3, 2, 4, 7.9, 64 } do
    t.near(im:run(plan.new { { op = "downscale", factor = factor } }):stats().luma_mean, im:stats().luma_mean, 4)
  end
  local cells = run(im, { op = "pixelate", size = 16 })
  t.near((cells:pixel(0, 0)), im:crop(0, 0, 16, 16):stats().mean[1], 1e-5)
  t.eq((cells:pixel(17, 40)), (cells:pixel(31, 33)))
  t.eq(run(im, { op = "pixelate", size = 4096 }):stats().dev[1] < 1e-6, true)
end)

t.test("jpeg damages more at lower quality, any channel count, u8 and f32", function()
  local im, last = picture(97, 61, 3):run(plan.new { { op = "box", radius = 1 } }), 0
  for _, quality in ipairs { 95, 50, 10, 1 } do
    local d = im:distance(run(im, { op = "jpeg", quality = quality }))
    t.ok(d > last)
    last = d
  end
  for c = 1, 4 do
    for _, type in ipairs { "u8", "f32" } do
      local a = picture(33, 17, c, type)
      local b = run(a, { op = "jpeg", quality = 30 })
      t.eq({ b.width, b.height, b.channels, b.type, b.alpha }, { 33, 17, c, type, a.alpha })
      t.ok(b:equal(run(a, { op = "jpeg", quality = 30 })) and not b:equal(a))
    end
  end
  t.eq(run(picture(1, 1, 3), { op = "jpeg", quality = 1 }).width, 1)
end)

t.done()
