--- Geometry as a user meets it: plans on images, and the same reduction by Pillow where that is installed.
-- SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"

local image, plan = core.image, core.plan

--- Noise: the hardest content for a resampler.
local function picture(w, h, c)
  return image.new(w, h, c, "u8", 128):run(plan.new { { op = "gaussian_noise", std = 0.12, key = 7 } })
end

--- Output of a shell command, or nil when it fails.
local function shell(command)
  local p = assert(io.popen(command .. " 2>/dev/null"))
  local text = p:read("a")
  return p:close() and text or nil
end

t.test("a plan's size and points agree with its pixels", function()
  local p = plan.new { { op = "crop", x = 3, y = 2, w = 50, h = 41 }, { op = "rotate90" }, { op = "resize", w = 33, h = 77 } }
  t.eq({ p:size(64, 48) }, { 33, 77 })
  local warp = p:warp(64, 48)
  local x, y = warp:point(3, 2)
  t.near(x, 0, 1e-9)
  t.near(y, 77, 1e-9)
  x, y = warp:source(33, 0)
  t.near(x, 53, 1e-9)
  t.near(y, 43, 1e-9)
end)

t.test("the same plan gives the same bytes, another key others", function()
  local function elastic(key)
    return plan.new {
      { op = "elastic", amplitude = 3, sigma = 8, key = key }, { op = "rotate", degrees = 12.5 },
      { op = "perspective", corners = { .1, 0, 0, .1, 0, 0, 0, 0 } },
    }
  end
  local im = picture(90, 70, 3)
  t.eq(im:run(elastic(5)):hash(), im:run(elastic(5)):hash())
  t.ok(im:run(elastic(5)):hash() ~= im:run(elastic(6)):hash())
end)

t.test("misuse names the parameter", function()
  local im = picture(20, 10, 1)
  t.raises(function() plan.new { { op = "affine", matrix = { 1, 2, 3 } } } end, "6 or 9 expected")
  t.raises(function() plan.new { { op = "perspective", corners = { 1, 1, 0, 0, 0, 0, 0, 0 } } } end, "convex")
  t.raises(function() plan.new { { op = "displace", cols = 2, rows = 3, grid = { 1 } } } end, "12 expected")
  t.raises(function() plan.new { { op = "optical", k1 = -1 } } end, "folds")
  local flat = plan.new { { op = "affine", matrix = { 1, 1, 0, 1, 1, 0 } } }
  local ok, result, message = pcall(im.run, im, flat)
  t.ok(not ok or result == nil)
  t.ok(tostring(ok and message or result):find("singular", 1, true))
end)

--- A Python with Pillow and numpy: the one in the path or the system's own.
local function python()
  for _, name in ipairs { "python3", "/usr/bin/python3" } do
    if shell(name .. " -c 'import PIL, numpy'") then return name end
  end
  t.skip("no python3 with Pillow and numpy")
end

-- Pillow's BOX takes whole samples where ours takes shares of them: compared at whole factors only.
-- Contrast stays low enough that Pillow's rounding to 0..255 between its two passes cuts nothing off.
local RESIZES = {
  { 201, 133, 3, 67, 50, "linear", "BILINEAR" }, { 201, 133, 3, 150, 101, "linear", "BILINEAR" },
  { 201, 133, 3, 300, 400, "linear", "BILINEAR" }, { 64, 64, 1, 11, 60, "linear", "BILINEAR" },
  { 500, 40, 3, 7, 3, "linear", "BILINEAR" }, { 201, 133, 3, 67, 50, "cubic", "BICUBIC" },
  { 64, 64, 1, 150, 101, "cubic", "BICUBIC" }, { 201, 133, 3, 67, 19, "area", "BOX" }, { 64, 64, 1, 32, 8, "area", "BOX" },
}

t.test("resize is Pillow's within a level", function()
  local command, dir = python(), t.tmp()
  core.file.write(dir .. "/compare.py", [[
import sys, numpy, PIL.Image
source, ours, kind = sys.argv[1:]
b = PIL.Image.open(ours)
a = PIL.Image.open(source).resize(b.size, getattr(PIL.Image, "Resampling", PIL.Image).__dict__[kind])
print(numpy.abs(numpy.asarray(a).astype(int) - numpy.asarray(b)).max())
]])
  for _, case in ipairs(RESIZES) do
    local im = picture(case[1], case[2], case[3])
    assert(im:save(dir .. "/in.png"))
    assert(im:run(plan.new { { op = "resize", w = case[4], h = case[5], interp = case[6] } }):save(dir .. "/out.png"))
    local worst = tonumber(shell(("%s %s/compare.py %s/in.png %s/out.png %s"):format(command, dir, dir, dir, case[7])))
    t.ok(worst and worst <= 1, ("%s %dx%d to %dx%d: %s levels"):format(case[6], case[1], case[2], case[4], case[5], worst))
  end
end)

--- Where an output pixel comes from, and what stands there: nil for pixels too near the frame's edge to tell.
local function expected(im, warp, x, y, linear, fill)
  local w, h, sx, sy = im.width, im.height, warp:source(x + 0.5, y + 0.5)
  if not linear then
    if math.min(math.abs(sx - math.floor(sx + 0.5)), math.abs(sy - math.floor(sy + 0.5))) < 1e-6 then return nil end
    if sx < 0 or sy < 0 or sx >= w or sy >= h then return fill end
    return (im:pixel(math.floor(sx), math.floor(sy)))
  end
  if sx < -0.51 or sy < -0.51 or sx > w + 0.51 or sy > h + 0.51 then return fill end
  if sx < 0.51 or sy < 0.51 or sx > w - 0.51 or sy > h - 0.51 then return nil end
  local i, j = math.floor(sx - 0.5), math.floor(sy - 0.5)
  local u, v = sx - 0.5 - i, sy - 0.5 - j
  local r, d = math.min(i + 1, w - 1), math.min(j + 1, h - 1)
  local top = im:pixel(i, j) * (1 - u) + im:pixel(r, j) * u
  return top * (1 - v) + im:pixel(i, d) * (1 - u) * v + im:pixel(r, d) * u * v
end

t.test("straight runs: every pixel is what its source says, in any size", function()
  local steps = {
    { op = "rotate", degrees = 77.7 }, { op = "rotate", degrees = -3 }, { op = "shear", x = 30 }, { op = "scale", factor = 3.3 },
    { op = "translate", x = 2.25, y = -1.5 }, { op = "rotate", degrees = 180.0001 },
  }
  for _, size in ipairs { { 1, 1 }, { 2, 9 }, { 5, 7 }, { 9, 3 }, { 23, 17 }, { 150, 40 } } do
    for _, c in ipairs { 1, 3 } do
      local im = picture(size[1], size[2], c)
      for _, step in ipairs(steps) do
        for _, interp in ipairs { "nearest", "linear" } do
          step.interp, step.fill, step.fill_green, step.fill_blue = interp, 200, 10, 20
          local p = plan.new { step }
          local out, warp, worst = im:run(p), p:warp(im.width, im.height), 0
          for y = 0, im.height - 1 do
            for x = 0, im.width - 1 do
              local want = expected(im, warp, x, y, interp == "linear", 200)
              if want then worst = math.max(worst, math.abs(want - (out:pixel(x, y)))) end
            end
          end
          t.ok(worst <= (interp == "linear" and 1.6 or 0), ("%s %s %dx%dx%d: off by %g"):format(step.op, interp, size[1], size[2], c, worst))
        end
      end
    end
  end
end)

--- The number of samples of a that are not b's.
local function wrong(a, source)
  local count = 0
  for y = 0, a.height - 1 do
    for x = 0, a.width - 1 do
      local got, want = { a:pixel(x, y) }, { source(x, y) }
      for k = 1, #got do count = count + (got[k] ~= want[k] and 1 or 0) end
    end
  end
  return count
end

t.test("quarter turns and flips move pixels and nothing else, in any size", function()
  for _, size in ipairs { { 1, 1 }, { 3, 2 }, { 16, 16 }, { 17, 15 }, { 33, 70 }, { 81, 64 } } do
    for c = 1, 4 do
      local w, h, im = size[1], size[2], picture(size[1], size[2], c)
      local ways = {
        { { { op = "rotate90" } }, function(x, y) return im:pixel(w - 1 - y, x) end },
        { { { op = "rotate90" }, { op = "flip" } }, function(x, y) return im:pixel(w - 1 - y, h - 1 - x) end },
        { { { op = "rotate90" }, { op = "rotate90" }, { op = "rotate90" } }, function(x, y) return im:pixel(y, h - 1 - x) end },
        { { { op = "flip" }, { op = "rotate90" } }, function(x, y) return im:pixel(y, x) end },
        { { { op = "flip" } }, function(x, y) return im:pixel(w - 1 - x, y) end },
      }
      for k, way in ipairs(ways) do t.eq(wrong(im:run(way[1]), way[2]), 0, ("way %d of %dx%dx%d"):format(k, w, h, c)) end
    end
  end
end)

t.test("opacity: opaque rows beside others come out as they would alone", function()
  local solid = picture(70, 90, 3):convert { channels = 4, alpha = true }
  local step = { { op = "rotate", degrees = 30, border = "replicate" } }
  local want, got = solid:run(step), solid:paste(image.new(1, 1, 4, "u8", 128), 69, 89):run(step)
  local worst = 0
  for y = 20, 60 do
    for x = 15, 50 do
      local a, b = { want:pixel(x, y) }, { got:pixel(x, y) }
      for k = 1, 4 do worst = math.max(worst, math.abs(a[k] - b[k])) end
    end
  end
  t.ok(worst <= 2, "floats and 1/256 pixels are " .. worst .. " levels apart")
end)

t.done()
