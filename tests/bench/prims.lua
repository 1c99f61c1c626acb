-- brink's side of tests/bench/sides.py: the primitives, one thread, timed when asked to. By itself it prints what they
-- take next to a plain copy of the same image:
--
--   build/brink tests/bench/prims.lua [NAME...]
--   build/brink tests/bench/prims.lua --serve FOLDER
--
-- The second reads lines from standard input and answers each with one: `open W H C TYPE` writes the pictures to FOLDER
-- and says how many, `time NAME SECONDS` says the CPU seconds that one run takes. SPDX-License-Identifier: MIT
local core = require "brink.core"
local prim = require "brink.prim"

local IMAGES = 4
local key = "0123456789abcdef"

local function tone() local t = {} for v = 0, 255 do t[v + 1] = 255 * (v / 255) ^ 2 end return t end
local function kernel(n) local t = {} for i = 1, n * n do t[i] = (i % 7 - 2) / (n * n) end return t end

-- name, plan for a picture of w x h. Names are the peers' keys too.
local CASES = {
  { "brightness", { prim.gain_offset(1, 0.2) } },
  { "brightness_gain", { prim.gain_offset(1.3) } },
  { "contrast", { prim.contrast(1.3) } },
  { "lut", { prim.lut(tone()) } },
  { "shift_red", { prim.shift_rgb(0.2) } },
  { "channel_gain", { prim.gain_offset { channel_gain = { 0.9, 1, 1.1 } } } },
  { "solarize", { prim.solarize(0.5) } },
  { "posterize", { prim.posterize(4) } },
  { "invert", { prim.invert() } },
  { "autocontrast", { prim.autocontrast() } },
  { "equalize", { prim.equalize() } },
  { "hue", { prim.hue(40) } },
  { "saturation", { prim.saturation(1.5) } },
  { "saturation_luma", { prim.saturation(1.5, "luma") } },
  { "value", { prim.value(1.5) } },
  { "grayscale", { prim.grayscale() } },
  { "matrix", { prim.matrix { 0.4, 0.4, 0.2, 0, 0.3, 0.5, 0.2, 0, 0.2, 0.3, 0.5, 0 } } },
  { "colour_jitter", { prim.gain_offset(1.2), prim.contrast(1.2), prim.saturation(1.2), prim.hue(18) } },
  { "tables_chain", { prim.gamma(1.2), prim.gain_offset(1.1), prim.solarize(0.9), prim.posterize(6) } },
  { "gaussian_1", { { op = "gaussian", sigma = 1 } } },
  { "gaussian_5", { { op = "gaussian", sigma = 5 } } },
  { "gaussian_10", { { op = "gaussian", sigma = 10 } } },
  { "box_3", { { op = "box", radius = 1 } } },
  { "box_7", { { op = "box", radius = 3 } } },
  { "box_31", { { op = "box", radius = 15 } } },
  { "median_3", { { op = "median", radius = 1 } } },
  { "median_5", { { op = "median", radius = 2 } } },
  { "median_7", { { op = "median", radius = 3 } } },
  { "median_11", { { op = "median", radius = 5 } } },
  { "motion_25", { { op = "motion", length = 25, angle = 30 } } },
  { "convolve_3", { { op = "convolve", kernel = kernel(3), width = 3, height = 3 } } },
  { "convolve_7", { { op = "convolve", kernel = kernel(7), width = 7, height = 7 } } },
  { "sharpen", { { op = "sharpen", alpha = 0.5 } } },
  { "unsharp", { { op = "unsharp", sigma = 1, amount = 1 } } },
  { "rotate_30", { { op = "rotate", degrees = 30 } } },
  { "rotate_30_reflect", { { op = "rotate", degrees = 30, border = "reflect" } } },
  { "rotate_30_nearest", { { op = "rotate", degrees = 30, interp = "nearest" } } },
  { "rotate_30_cubic", { { op = "rotate", degrees = 30, interp = "cubic" } } },
  { "perspective", { { op = "perspective", corners = { 0.05, 0.1, -0.1, 0.05, -0.05, -0.1, 0.1, -0.05 } } } },
  { "elastic_10", { { op = "elastic", amplitude = 4, sigma = 10, key = key } } },
  { "grid_distort", { { op = "grid_distort", amount = 0.3, key = key } } },
  { "flip", { { op = "flip" } } },
  { "rotate_90", { { op = "rotate90" } } },
  { "resize_half", function(w, h) return { { op = "resize", w = w // 2, h = h // 2, interp = "area" } } end },
  { "resize_224", { { op = "resize", w = 224, h = 224, interp = "area" } } },
  { "resize_224_linear", { { op = "resize", w = 224, h = 224 } } },
  { "resize_double", function(w, h) return { { op = "resize", w = w * 2, h = h * 2 } } end },
  { "gaussian_noise", { { op = "gaussian_noise", std = 0.1, key = key } } },
  { "multiplicative_noise", { { op = "multiplicative_noise", spread = 0.3, key = key } } },
  { "pixel_dropout", { { op = "pixel_dropout", p = 0.1, key = key } } },
  { "superpixels", { { op = "superpixels", size = 51, replace = 0.5, key = key } } },
  { "jpeg_50", { { op = "jpeg", quality = 50 } } },
  { "jpeg_encode", function() return function(im) assert(im:encode("jpeg", { quality = 90, chroma_420 = true })) end end },
  { "copy", function() return function(im) im:copy():close() end end },
}

local function pictures(w, h, c, kind)
  local list = {}
  for i = 1, IMAGES do
    list[i] = assert(core.image.new(w, h, c, "u8", 255):run {
      { op = "gain_offset", gain = 0.5 }, { op = "uniform_noise", amplitude = 0.5, key = core.rng(1, "bench", i, 0):key() },
      { op = "gaussian", sigma = 2 }, prim.autocontrast(),
    }):convert { type = kind }
  end
  return list
end

-- A function of an image for a case and size.
local function runner(case, w, h)
  local what = case[2]
  if type(what) == "function" then what = what(w, h) end
  if type(what) == "function" then return what end
  local plan = core.plan.new(what)
  return function(im) assert(plan:run(im)):close() end
end

--- CPU seconds of one run: the mean over all pictures, as often as fits in the seconds given.
local function time(images, fn, seconds)
  local start, n, spent = os.clock(), 0, 0
  repeat
    for _, im in ipairs(images) do fn(im) end
    n, spent = n + #images, os.clock() - start
  until spent >= seconds
  return spent / n
end

local function serve(folder)
  local images, run, shape = {}, {}, {}
  local by_name = {}
  for _, case in ipairs(CASES) do by_name[case[1]] = case end
  io.stdout:setvbuf "line"
  for line in io.lines() do
    local verb, rest = line:match "^(%S+) (.*)$"
    if verb == "open" then
      local w, h, c, kind = rest:match "^(%d+) (%d+) (%d+) (%S+)$"
      images, run, shape = pictures(tonumber(w), tonumber(h), tonumber(c), kind), {}, { tonumber(w), tonumber(h) }
      for i, im in ipairs(images) do assert(im:convert { type = "u8" }:save(("%s/%d.png"):format(folder, i))) end
      print(#images)
    else
      local name, seconds = rest:match "^(%S+) (%S+)$"
      run[name] = run[name] or runner(by_name[name], table.unpack(shape))
      print(("%.9f"):format(time(images, run[name], tonumber(seconds))))
    end
  end
end

local function show(names)
  local wanted = {}
  for _, name in ipairs(names) do wanted[name] = true end
  local images = pictures(512, 512, 3, "u8")
  for _, case in ipairs(CASES) do
    if #names == 0 or wanted[case[1]] then
      local fn, least = runner(case, 512, 512), math.huge
      for _ = 1, 9 do least = math.min(least, time(images, fn, 0.01)) end
      print(("%-22s %9.3f ms"):format(case[1], least * 1000))
    end
  end
end

if arg[1] == "--serve" then serve(arg[2]) else show(arg) end
