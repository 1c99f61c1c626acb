-- Filters: what a blur promises (identity, constants, mean, shape of the kernel), against plain
-- references written out in Lua, on awkward sizes and on a photograph.
-- SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local image, plan = core.image, core.plan

local KEY = "0123456789abcdef"

local function run(im, step) return assert(im:run(plan.new { step })) end

-- Every filter, strong, with nothing left to change at `off`.
local STRONG = {
  { op = "gaussian", sigma = 2.3 }, { op = "gaussian", sigma = 7 }, { op = "gaussian", sigma = 1000 },
  { op = "box", radius = 0.4 }, { op = "box", radius = 6.5 }, { op = "box", radius = 1000 },
  { op = "unsharp", amount = 8, sigma = 2 }, { op = "unsharp", amount = 3, sigma = 20, threshold = 0.02 },
  { op = "motion", length = 2.5, angle = 33 }, { op = "motion", length = 30, angle = 100 },
  { op = "motion", length = 90, angle = 20 }, { op = "motion", length = 400, angle = 250 },
  { op = "defocus", radius = 0.3 }, { op = "defocus", radius = 5.5 }, { op = "defocus", radius = 60 },
  { op = "zoom_blur", amount = 0.4 }, { op = "zoom_blur", amount = 4 }, { op = "glass", reach = 3, key = KEY },
  { op = "glass", reach = 1000, key = KEY }, { op = "median", radius = 1 }, { op = "median", radius = 3 },
  { op = "median", radius = 5 }, { op = "sharpen", alpha = 1 }, { op = "emboss", alpha = 1, strength = 1 },
  { op = "convolve", kernel = { 1, 2, 3, 4, 5, 6 }, width = 3, height = 2, scale = 1 / 21 },
}
local OFF = {
  { op = "gaussian", sigma = 0 }, { op = "box", radius = 0 }, { op = "unsharp", amount = 0 }, { op = "unsharp", amount = 5, sigma = 0 },
  { op = "motion", length = 0, angle = 45 }, { op = "motion", length = 1, angle = 10 }, { op = "defocus", radius = 0 },
  { op = "zoom_blur", amount = 0 }, { op = "glass", reach = 0, key = KEY }, { op = "median", radius = 0 },
  { op = "sharpen", alpha = 0 }, { op = "emboss", alpha = 0 }, { op = "convolve", kernel = { 1 }, width = 1, height = 1 },
}
local SIZES = { { 1, 1 }, { 1, 9 }, { 9, 1 }, { 2, 2 }, { 3, 2 }, { 41, 33 } }

-- A fixed picture: smooth waves, an edge and some dirt, all samples 0..255.
local function value(x, y, k)
  local wave = 90 + 40 * core.math.sin(x * 0.31 + k) + 30 * core.math.cos(y * 0.23 - k)
  return math.floor(wave + (x + y > 37 and 60 or 0) + (x * 7 + y * 13 + k * 5) % 29)
end

local function picture(w, h, c, alpha)
  local out = {}
  for y = 0, h - 1 do
    for x = 0, w - 1 do
      for k = 0, c - 1 do out[#out + 1] = string.char(value(x, y, k)) end
    end
  end
  return image.from_bytes(w, h, c, "u8", table.concat(out), alpha)
end

local function samples(im)
  local s = im:convert({ type = "u8" }):bytes()
  return { s:byte(1, -1) }
end

local function apart(a, b)
  local p, q, most, sum = samples(a), samples(b), 0, 0
  t.eq(#p, #q)
  for i = 1, #p do
    local d = math.abs(p[i] - q[i])
    most, sum = math.max(most, d), sum + d
  end
  return most, sum / #p
end

local function name(step)
  local out = { step.op }
  for _, k in ipairs { "sigma", "radius", "amount", "length", "angle", "reach", "alpha" } do
    if step[k] then out[#out + 1] = k .. "=" .. step[k] end
  end
  return table.concat(out, " ")
end

t.test("nothing to do changes no byte", function()
  for _, size in ipairs(SIZES) do
    local im = picture(size[1], size[2], 3)
    local f = im:convert { type = "f32" }
    for _, step in ipairs(OFF) do
      t.ok(run(im, step):equal(im), name(step))
      t.ok(run(f, step):equal(f), name(step) .. " f32")
    end
  end
end)

t.test("the effect starts small", function()
  local im = picture(60, 50, 3)
  local small = {
    { op = "gaussian", sigma = 0.2 }, { op = "box", radius = 0.005 }, { op = "unsharp", amount = 0.01, sigma = 2 },
    { op = "motion", length = 1.03 }, { op = "defocus", radius = 0.01 }, { op = "zoom_blur", amount = 0.001 },
    { op = "sharpen", alpha = 0.005 }, { op = "emboss", alpha = 0.005 },
  }
  for _, step in ipairs(small) do
    local most, mean = apart(im, run(im, step))
    t.ok(most <= 3 and mean < 0.8, name(step) .. ": " .. most .. ", mean " .. mean)
  end
end)

t.test("a constant stays what it is", function()
  for _, size in ipairs(SIZES) do
    for _, v in ipairs { 0, 1, 77, 254, 255 } do
      local im = image.new(size[1], size[2], 3, "u8", v)
      for _, step in ipairs(STRONG) do t.ok(run(im, step):equal(im), name(step) .. " of " .. v) end
    end
    local f = image.new(size[1], size[2], 2, "f32", 0.3)
    for _, step in ipairs(STRONG) do
      local s = run(f, step):stats()
      t.near(s.min[1], 0.3, 3e-6, name(step))
      t.near(s.max[1], 0.3, 3e-6, name(step))
    end
  end
end)

t.test("gaussian and box keep an f32 constant to the bit", function()
  local f = image.new(40, 30, 3, "f32", 0.3)
  for _, step in ipairs(STRONG) do
    if step.op == "gaussian" or step.op == "box" then t.ok(run(f, step):equal(f), name(step)) end
  end
end)

t.test("same input, same bytes; shape and alpha kept", function()
  for _, size in ipairs(SIZES) do
    local im = picture(size[1], size[2], 4, true)
    local f = im:convert { type = "f32" }
    for _, step in ipairs(STRONG) do
      local out = run(im, step)
      t.ok(out:equal(run(im, step)), name(step))
      t.ok(run(f, step):equal(run(f, step)), name(step) .. " f32")
      t.eq({ out.width, out.height, out.channels, out.alpha }, { size[1], size[2], 4, true })
      local p, q = samples(im), samples(out)
      for i = 4, #p, 4 do t.eq(q[i], p[i], name(step) .. " alpha") end
    end
  end
end)

t.test("u8 and f32 agree within a level", function()
  for _, size in ipairs(SIZES) do
    local im = picture(size[1], size[2], 3)
    local f = im:convert { type = "f32" }
    for _, step in ipairs(STRONG) do
      -- unsharp multiplies the blur's 1/8 level of error, and leaves u8 differences below that alone
      local most = apart(run(im, step), run(f, step))
      t.ok(most <= (step.op == "unsharp" and 2 or 1), name(step) .. " differs by " .. most)
    end
  end
end)

t.test("grey equals each channel of colour, whatever the channel count", function()
  local w, h = 43, 29
  local rgb, grey = picture(w, h, 3), {}
  local s = samples(rgb)
  for i = 2, #s, 3 do grey[#grey + 1] = string.char(s[i]) end
  grey = image.from_bytes(w, h, 1, "u8", table.concat(grey))
  for _, step in ipairs(STRONG) do
    local p, q = samples(run(rgb, step)), samples(run(grey, step))
    for i = 1, #q do t.eq(p[3 * i - 1], q[i], name(step)) end
  end
end)

t.test("many channels of f32", function()
  local im = image.new(7, 6, 9, "f32", 0.5)
  for _, step in ipairs(STRONG) do
    local out = run(im, step)
    t.eq(out.channels, 9)
    t.near(out:stats().max[3], 0.5, 3e-6, name(step))
  end
end)

t.test("blurs keep the mean", function()
  local im = picture(160, 120, 3)
  local before = im:stats().mean
  for _, step in ipairs {
    { op = "gaussian", sigma = 1 }, { op = "gaussian", sigma = 3.3 }, { op = "box", radius = 2.5 }, { op = "motion", length = 9, angle = 30 },
    { op = "defocus", radius = 3 },
  } do
    local after = run(im, step):stats().mean
    for k = 1, 3 do t.near(after[k], before[k], 0.5, name(step)) end
  end
end)

local function dot(w, h, x, y)
  local bytes = string.pack("<f", 1)
  local zero = string.pack("<f", 0)
  return image.from_bytes(w, h, 1, "f32", zero:rep(y * w + x) .. bytes .. zero:rep(w * h - y * w - x - 1))
end

local function floats(im)
  local s, out = im:bytes(), {}
  for i = 1, #s, 4 do out[#out + 1] = string.unpack("<f", s, i) end
  return out
end

t.test("gaussian answers a dot with the Gaussian, at every phase of its grids", function()
  local n = 121
  for _, sigma in ipairs { 0.5, 1, 2, 3.19, 3.21, 5, 9, 14 } do
    local norm = 0
    for k = -60, 60 do norm = norm + core.math.exp(-k * k / (2 * sigma * sigma)) end
    for _, at in ipairs { 60, 61, 62, 63 } do
      local out, sum, second = floats(run(dot(n, n, at, 60), { op = "gaussian", sigma = sigma })), 0, 0
      for y = 0, n - 1 do
        for x = 0, n - 1 do
          local d2 = (x - at) ^ 2 + (y - 60) ^ 2
          local v, want = out[y * n + x + 1], core.math.exp(-d2 / (2 * sigma * sigma)) / (norm * norm)
          -- relative to the peak: what the binomial's fourth moment and the 3.5 sigma cut leave
          t.near(v, want, 0.035 / (norm * norm), ("sigma %g at %d, %d"):format(sigma, x - at, y - 60))
          sum, second = sum + v, second + v * (x - at) ^ 2
        end
      end
      t.near(sum, 1, 0.02, "sum at sigma " .. sigma)
      if sigma >= 1 and sigma < 14 then t.near(second / sum, sigma * sigma, 0.025 * sigma * sigma, "variance at sigma " .. sigma) end
    end
  end
end)

t.test("gaussian goes smoothly through the change of method", function()
  local im = picture(150, 130, 3)
  local most, mean = apart(run(im, { op = "gaussian", sigma = 3.1999 }), run(im, { op = "gaussian", sigma = 3.2001 }))
  t.ok(most <= 1 and mean < 0.1, most .. ", mean " .. mean)
  -- the second halving begins where (sigma^2 - 2) / 4 = 3.2^2
  most, mean = apart(run(im, { op = "gaussian", sigma = 6.554 }), run(im, { op = "gaussian", sigma = 6.555 }))
  t.ok(most <= 1 and mean < 0.1, most .. ", mean " .. mean)
end)

local function reflect(i, n)
  if n == 1 then return 0 end
  i = i % (2 * (n - 1))
  return i < n and i or 2 * (n - 1) - i
end

-- Weighted mean (or any function of the weighted list) of a grey picture at every place.
local function reference(im, taps)
  local w, h, s, out = im.width, im.height, samples(im), {}
  local total = 0
  for _, tap in ipairs(taps) do total = total + tap[3] end
  for y = 0, h - 1 do
    for x = 0, w - 1 do
      local sum = 0
      for _, tap in ipairs(taps) do sum = sum + tap[3] * s[reflect(y + tap[2], h) * w + reflect(x + tap[1], w) + 1] end
      out[#out + 1] = sum / total
    end
  end
  return out
end

local function compare(step, im, want, tolerance, mean_tolerance)
  local got, sum = samples(run(im, step)), 0
  for i = 1, #got do
    local d = math.abs(got[i] - want[i])
    t.ok(d <= tolerance, ("%s: sample %d is %g, expected %g"):format(name(step), i, got[i], want[i]))
    sum = sum + d
  end
  t.ok(sum / #got <= mean_tolerance, name(step) .. ": mean error " .. sum / #got)
end

t.test("gaussian is the weighted sum, on both sides of the change of method", function()
  for _, sigma in ipairs { 0.8, 3, 3.4, 6.3, 7 } do
    local taps, n = {}, math.ceil(4 * sigma)
    for y = -n, n do for x = -n, n do taps[#taps + 1] = { x, y, core.math.exp(-(x * x + y * y) / (2 * sigma * sigma)) } end end
    local im = picture(27, 25, 1)
    compare({ op = "gaussian", sigma = sigma }, im, reference(im, taps), 0.8, 0.3)
  end
end)

t.test("box is the mean over a square with partly covered rim", function()
  for _, radius in ipairs { 0.25, 1, 2.5, 9 } do
    local taps, n = {}, math.ceil(radius)
    local function weight(k) return math.abs(k) <= radius and 1 or radius - math.floor(radius) end
    for y = -n, n do for x = -n, n do taps[#taps + 1] = { x, y, weight(x) * weight(y) } end end
    local im = picture(23, 17, 1)
    compare({ op = "box", radius = radius }, im, reference(im, taps), 0.52, 0.3)
  end
end)

t.test("motion is the mean along an antialiased line", function()
  for _, case in ipairs { { 1.4, 0 }, { 7, 90 }, { 12.3, 30 }, { 25, -67 }, { 39, 135 }, { 60, 0 }, { 60, 90 }, { 60, 100, 4 }, { 75, 200, 4 } } do
    local length, angle = case[1], case[2]
    local dx, dy = core.math.cos(angle * core.math.pi / 180), core.math.sin(angle * core.math.pi / 180)
    local flat, taps = math.abs(dx) >= math.abs(dy), {}
    local half = (length * math.max(math.abs(dx), math.abs(dy)) - 1) / 2
    local whole = math.floor(half)
    for k = -whole - 1, whole + 1 do
      local weight = math.abs(k) <= whole and 1 or half - whole
      local across = k * (flat and dy / dx or dx / dy)
      if math.abs(across) < 1e-9 then across = 0 end
      local at = math.floor(across)
      local part = across - at
      taps[#taps + 1] = flat and { k, at, weight * (1 - part) } or { at, k, weight * (1 - part) }
      taps[#taps + 1] = flat and { k, at + 1, weight * part } or { at + 1, k, weight * part }
    end
    local im = picture(31, 37, 1)
    -- 1/64 steps of weight; long slanted lines have four phases instead of all
    compare({ op = "motion", length = length, angle = angle }, im, reference(im, taps), case[3] or 1.3, case[3] and 0.7 or 0.4)
  end
end)

t.test("defocus is the mean over a disc", function()
  for _, radius in ipairs { 1, 2.5, 7 } do
    local taps, n, r = {}, math.ceil(radius) + 1, radius + 0.5
    for y = -n, n do
      for x = -n, n do
        local inside = 0
        for j = 1, 15, 2 do
          for i = 1, 15, 2 do
            if (x - 0.5 + i / 16) ^ 2 + (y - 0.5 + j / 16) ^ 2 <= r * r then inside = inside + 1 end
          end
        end
        if inside > 0 then taps[#taps + 1] = { x, y, inside } end
      end
    end
    local im = picture(29, 24, 1)
    -- a row's partly covered pixels are gathered into one at each end
    compare({ op = "defocus", radius = radius }, im, reference(im, taps), 2.5, 0.6)
  end
end)

t.test("median is the middle value, also where methods change", function()
  local im = picture(26, 19, 1)
  local w, h, s = im.width, im.height, samples(im)
  for _, r in ipairs { 1, 2, 3, 4, 7 } do
    local got = samples(run(im, { op = "median", radius = r }))
    local float = samples(run(im:convert { type = "f32" }, { op = "median", radius = r }))
    for y = 0, h - 1 do
      for x = 0, w - 1 do
        local list = {}
        for j = -r, r do for i = -r, r do list[#list + 1] = s[reflect(y + j, h) * w + reflect(x + i, w) + 1] end end
        table.sort(list)
        t.eq(got[y * w + x + 1], list[#list // 2 + 1])
        t.eq(float[y * w + x + 1], list[#list // 2 + 1])
      end
    end
  end
end)

t.test("convolve weighs the neighbours in reading order, then scales and offsets", function()
  local im = picture(14, 11, 1)
  local w, h, s = im.width, im.height, samples(im)
  local kernel = { 0.1, 0, -0.3, 0.2, 0.5, 0, 0.1, 0.1 }
  local got = samples(run(im, { op = "convolve", kernel = kernel, width = 4, height = 2, scale = 1.5, offset = 0.1 }))
  for y = 0, h - 1 do
    for x = 0, w - 1 do
      local sum = 0
      for i = 0, 7 do sum = sum + kernel[i + 1] * s[reflect(y - 1 + i // 4, h) * w + reflect(x - 2 + i % 4, w) + 1] end
      t.near(got[y * w + x + 1], math.max(0, math.min(255, sum * 1.5 + 25.5)), 0.51)
    end
  end
  t.raises(function() plan.new { { op = "convolve", kernel = { 1, 2 }, width = 3, height = 1 } } end, "2 numbers")
end)

t.test("sharpen and emboss are their 3 x 3 kernels", function()
  local im = picture(21, 18, 3)
  local a, l = 0.35, 1.2
  local k = { -a, -a, -a, -a, 1 - a + a * (8 + l), -a, -a, -a, -a }
  local most = apart(run(im, { op = "sharpen", alpha = a, lightness = l }), run(im, { op = "convolve", kernel = k, width = 3, height = 3 }))
  t.ok(most <= 1, "sharpen: " .. most)
  k = { -1.5, -0.5, 0, -0.5, 1, 0.5, 0, 0.5, 1.5 }
  most = apart(run(im, { op = "emboss", alpha = 1, strength = 0.5 }), run(im, { op = "convolve", kernel = k, width = 3, height = 3 }))
  t.ok(most <= 1, "emboss: " .. most)
end)

t.test("unsharp leaves differences below its threshold", function()
  local im = picture(40, 30, 3)
  t.ok(run(im, { op = "unsharp", amount = 5, sigma = 2, threshold = 1 }):equal(im))
  local _, free = apart(im, run(im, { op = "unsharp", amount = 5, sigma = 2 }))
  local _, held = apart(im, run(im, { op = "unsharp", amount = 5, sigma = 2, threshold = 0.03 }))
  t.ok(held > 0 and held < free)
end)

-- Turned by 180 degrees: pixels reversed.
local function turned(im)
  local s, c, out = im:bytes(), im.channels, {}
  for i = #s - c + 1, 1, -c do out[#out + 1] = s:sub(i, i + c - 1) end
  return image.from_bytes(im.width, im.height, c, "u8", table.concat(out))
end

t.test("blurs do not care which end is up", function()
  local im = picture(57, 44, 3)
  for _, step in ipairs(STRONG) do
    if step.op ~= "glass" and step.op ~= "emboss" and step.op ~= "convolve" then
      -- a halved grid starts at the upper left; unsharp multiplies that
      local most = apart(turned(run(turned(im), step)), run(im, step))
      local long = step.op == "motion" and step.length > 41
      t.ok(most <= (step.op == "unsharp" and 3 or long and 4 or 1), name(step) .. ": " .. most)
    end
  end
end)

t.test("glass draws by key", function()
  local im = picture(50, 40, 3)
  local a, b = run(im, { op = "glass", reach = 4, key = KEY }), run(im, { op = "glass", reach = 4, key = "0123456789abcdee" })
  t.ok(not a:equal(b))
end)

t.test("zoom_blur leaves the centre and keeps to the picture", function()
  local im = picture(61, 61, 1)
  local out = run(im, { op = "zoom_blur", amount = 0.5 })
  t.near(out:pixel(30, 30), im:pixel(30, 30), 1)
  local s = im:stats()
  local after = out:stats()
  t.ok(after.min[1] >= s.min[1] and after.max[1] <= s.max[1])
end)

t.test("more is further from the photograph", function()
  local im = assert(image.load(t.shared("images/n01443537_goldfish.jpg")))
  local short = math.min(im.width, im.height)
  local axes = {
    function(i) return { op = "gaussian", sigma = 0.05 * short * i * math.sqrt(i) } end,
    function(i) return { op = "box", radius = 0.06 * short * i } end,
    function(i) return { op = "motion", length = 0.2 * short * i * math.sqrt(i), angle = 25 } end,
    function(i) return { op = "defocus", radius = 0.06 * short * i * math.sqrt(i) } end,
    function(i) return { op = "zoom_blur", amount = 0.5 * i * math.sqrt(i) } end,
    function(i) return { op = "unsharp", amount = 6 * i, sigma = 0.006 * short } end,
    function(i) return { op = "sharpen", alpha = i } end,
    function(i) return { op = "emboss", alpha = i } end,
    function(i) return { op = "glass", reach = 8 * i, key = KEY } end,
    function(i) return { op = "median", radius = math.floor(7 * i) } end,
  }
  for _, axis in ipairs(axes) do
    local last = -1
    for k = 0, 7 do
      local step = axis(k / 7)
      local d = im:distance(run(im, step))
      t.ok(d > last, ("%s: %g after %g"):format(name(step), d, last))
      last = d
    end
  end
end)

t.test("convolution: sums beyond every integer end at black and white", function()
  local im = image.new(9, 5, 3, "u8", 100)
  for _, sign in ipairs { 1, -1 } do
    local out = im:run { { op = "convolve", kernel = { 1e6, 1e6, 1e6 }, width = 3, height = 1, scale = sign * 1e6 } }
    t.eq({ out:pixel(4, 2) }, sign > 0 and { 255, 255, 255 } or { 0, 0, 0 })
  end
end)

t.test("jpeg: alpha and f32 go through as the bytes would", function()
  local im = image.new(33, 21, 3, "u8", 128):run { { op = "uniform_noise", amplitude = 0.5, key = KEY }, { op = "gaussian", sigma = 1 } }
  local want = im:run { { op = "jpeg", quality = 40 } }
  t.eq(im:convert { alpha = true }:run { { op = "jpeg", quality = 40 } }:convert { channels = 3 }:hash(), want:hash())
  t.eq(im:convert { type = "f32" }:run { { op = "jpeg", quality = 40 } }:convert { type = "u8" }:hash(), want:hash())
end)

t.done()
