-- Superpixels and shuffled patches. SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local image, plan = core.image, core.plan

local KEY, OTHER = "0123456789abcdef", "fedcba9876543210"

local function run(im, step) return assert(im:run(plan.new { step })) end
local function pixels(size, share, key) return { op = "superpixels", size = size, replace = share, key = key or KEY } end
local function patches(size, share, key) return { op = "patch_shuffle", size = size, share = share, key = key or KEY } end

-- Every pixel its own value (as far as that goes).
local function picture(w, h, c, alpha)
  local out = {}
  for y = 0, h - 1 do
    for x = 0, w - 1 do
      for k = 0, c - 1 do out[#out + 1] = string.char((x * 5 + y * 3 + (k + 1) * ((x // 9 + y // 7) % 3) * 40) % 256) end
    end
  end
  return image.from_bytes(w, h, c, "u8", table.concat(out), alpha)
end

local function list(im)
  local s, c, out = im:bytes(), im.channels, {}
  for i = 1, #s, c do out[#out + 1] = s:sub(i, i + c - 1) end
  return out
end

local SIZES = { { 1, 1 }, { 1, 9 }, { 9, 1 }, { 3, 2 }, { 47, 39 } }

t.test("nothing chosen changes no byte", function()
  for _, size in ipairs(SIZES) do
    local im = picture(size[1], size[2], 3)
    for _, step in ipairs { pixels(8, 0), pixels(0, 1), pixels(1, 1), patches(5, 0) } do t.ok(run(im, step):equal(im), step.op) end
  end
end)

t.test("any size and kind: same bytes twice, alpha kept, constants kept", function()
  for _, size in ipairs(SIZES) do
    for _, step in ipairs { pixels(2.5, 1), pixels(7, 0.5), pixels(1000, 1), patches(1, 1), patches(4, 0.7), patches(1000, 1) } do
      local im = picture(size[1], size[2], 4, true)
      local out = run(im, step)
      t.ok(out:equal(run(im, step)))
      local p, q = im:bytes(), out:bytes()
      for i = 4, #p, 4 do t.eq(q:byte(i), p:byte(i), step.op .. " alpha") end
      for _, c in ipairs { 1, 2, 3 } do
        local flat = image.new(size[1], size[2], c, "u8", 91)
        t.ok(run(flat, step):equal(flat), step.op .. " of a constant")
        local f = image.new(size[1], size[2], c, "f32", 0.25)
        t.ok(run(f, step):equal(f), step.op .. " of an f32 constant")
      end
    end
  end
  t.eq(run(image.new(12, 9, 7, "f32", 0.5), pixels(4, 1)).channels, 7)
end)

-- Places where a and b differ.
local function changed(a, b)
  local p, q, out = list(a), list(b), {}
  for i = 1, #p do out[i] = p[i] ~= q[i] end
  return out
end

local function growing(im, step)
  local before, count
  for _, share in ipairs { 0.1, 0.3, 0.5, 0.8, 1 } do
    local now, n = changed(im, run(im, step(share))), 0
    for i = 1, #now do
      if now[i] then n = n + 1 end
      if before then t.ok(now[i] or not before[i], "a pixel changed at a smaller share came back") end
    end
    if count then t.ok(n >= count) end
    before, count = now, n
  end
  return count
end

t.test("superpixels: a larger share holds the smaller, pixel by pixel", function()
  local im = picture(80, 60, 3)
  t.ok(growing(im, function(share) return pixels(9, share) end) > 80 * 60 / 2)
end)

t.test("patch_shuffle: chosen patches stay chosen", function()
  -- all pixels distinct, so a moved patch is seen
  local out = {}
  for i = 0, 60 * 48 - 1 do out[#out + 1] = string.pack(">I3", i * 4099 % (1 << 24)) end
  local im = image.from_bytes(60, 48, 3, "u8", table.concat(out))
  -- 10 x 8 patches of 6: share 1 moves all
  t.eq(growing(im, function(share) return patches(6, share) end), 60 * 48)
end)

t.test("patch_shuffle keeps every pixel once, edges of odd sizes too", function()
  for _, case in ipairs { { 47, 39, 10 }, { 47, 39, 6.4 }, { 20, 5, 7 }, { 5, 20, 19 } } do
    local im = picture(case[1], case[2], 3)
    local out = run(im, patches(case[3], 1))
    local a, b = list(im), list(out)
    table.sort(a)
    table.sort(b)
    t.eq(table.concat(b), table.concat(a))
  end
  local im = picture(47, 39, 3)
  t.ok(not run(im, patches(6, 1)):equal(im))
end)

t.test("the key decides", function()
  local im = picture(80, 60, 3)
  t.ok(not run(im, pixels(9, 0.5)):equal(run(im, pixels(9, 0.5, OTHER))))
  t.ok(run(im, pixels(9, 1)):equal(run(im, pixels(9, 1, OTHER))), "all segments: nothing left to draw")
  t.ok(not run(im, patches(6, 1)):equal(run(im, patches(6, 1, OTHER))))
end)

t.test("superpixels follow an edge and keep the mean", function()
  local half = {}
  for _ = 1, 40 do half[#half + 1] = ("\20"):rep(27) .. ("\220"):rep(33) end
  local im = image.from_bytes(60, 40, 1, "u8", table.concat(half))
  t.ok(run(im, pixels(10, 1)):equal(im), "a clean edge is not painted over")
  local photo = picture(90, 70, 3)
  local a, b = photo:stats().mean, run(photo, pixels(12, 1)):stats().mean
  for k = 1, 3 do t.near(b[k], a[k], 0.5) end
end)

t.test("superpixels of u8 and f32 agree", function()
  local im = picture(70, 50, 3)
  local f = im:convert { type = "f32" }
  t.near(run(f, pixels(8, 1)):convert({ type = "u8" }):distance(run(im, pixels(8, 1))), 0, 0.5)
end)

t.test("more is further from the photograph", function()
  local im = assert(image.load(t.shared("images/n01443537_goldfish.jpg")))
  for _, axis in ipairs {
    function(i) return pixels(20, i) end, function(i) return pixels(1 + 80 * i, 1) end, function(i) return patches(40, i) end,
  } do
    local last = -1
    for k = 0, 8 do
      local d = im:distance(run(im, axis(k / 8)))
      -- the size of segments moves their whole grid, so a step may fall back a little
      t.ok(d > last * (axis(1).size == 81 and 0.95 or 1), axis(1).op .. ": " .. d .. " after " .. last)
      last = d
    end
  end
end)

t.done()
