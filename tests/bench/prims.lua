-- Speed of the primitives on 512x512x3 u8, one thread, as images per second, next to a plain copy of the same image
-- and to what OpenCV and Pillow do here and now (tests/bench/peer.py; left out when they are not installed).
--
--   build/brink tests/bench/prims.lua [NAME...] [--json]
--
-- CPU time, so that neighbours on the machine matter less; still, only ratios within one run mean anything. SPDX-License-Identifier: MIT
local core = require "brink.core"
local prim = require "brink.prim"

local SIDE, IMAGES, SAMPLES, SAMPLE_SECONDS = 512, 4, 15, 0.015

local function tone() local t = {} for v = 0, 255 do t[v + 1] = 255 * (v / 255) ^ 2 end return t end
local key = "0123456789abcdef"

-- name, plan. Names are the peers' keys too.
local CASES = {
  { "brightness", { prim.gain_offset(1, 0.2) } },
  { "brightness_gain", { prim.gain_offset(1.3) } },
  { "contrast", { prim.contrast(1.3) } },
  { "lut", { prim.lut(tone()) } },
  { "gamma", { prim.gamma(1.3) } },
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
  { "motion_25", { { op = "motion", length = 25, angle = 30 } } },
  { "unsharp", { { op = "unsharp", sigma = 1, amount = 1 } } },
  { "rotate_30", { { op = "rotate", degrees = 30 } } },
  { "flip", { { op = "flip" } } },
  { "resize_224", { { op = "resize", w = 224, h = 224 } } },
  { "gaussian_noise", { { op = "gaussian_noise", std = 0.1, key = key } } },
  { "multiplicative_noise", { { op = "multiplicative_noise", spread = 0.3, key = key } } },
  { "pixel_dropout", { { op = "pixel_dropout", p = 0.1, key = key } } },
  { "jpeg_50", { { op = "jpeg", quality = 50 } } },
}

local function pictures()
  local list = {}
  for i = 1, IMAGES do
    list[i] = assert(core.image.new(SIDE, SIDE, 3, "u8", 128):run {
      { op = "uniform_noise", amplitude = 0.5, key = core.rng(1, "bench", i, 0):key() }, { op = "gaussian", sigma = 2 }, prim.autocontrast(),
    })
  end
  return list
end

--- Images per second: the median of samples of at least SAMPLE_SECONDS over all pictures.
local function rate(images, fn)
  local rates = {}
  for s = 1, SAMPLES do
    local start, n, spent = os.clock(), 0, 0
    repeat
      for _, im in ipairs(images) do
        local held <close> = assert(fn(im))
        n = n + 1
      end
      spent = os.clock() - start
    until spent >= SAMPLE_SECONDS
    rates[s] = n / spent
  end
  table.sort(rates)
  return rates[SAMPLES // 2 + 1]
end

-- name -> { rate, which }
local function peers()
  local best = {}
  -- the first python3 that has one of the libraries
  local p = io.popen("for py in python3 /usr/bin/python3; do $py tests/bench/peer.py 2>/dev/null && break; done")
  for line in p and p:lines() or function() end do
    local name, who, per_second = line:match "^(%S+)\t(%S+)\t(%S+)$"
    per_second = tonumber(per_second)
    if name and (not best[name] or per_second > best[name].rate) then best[name] = { rate = per_second, who = who } end
  end
  if p then p:close() end
  return best
end

local wanted, json, any = {}, false, false
for _, a in ipairs(arg) do
  if a == "--json" then json = true else wanted[a], any = true, true end
end

local images, peer, out = pictures(), peers(), {}
local copy = rate(images, function(im) return im:copy() end)
if not json then
  print(("%-22s %10s %8s %12s %8s"):format("", "images/s", "of copy", "best peer/s", "ratio"))
  print(("%-22s %10.0f %8.2f"):format("copy", copy, 1))
end
for _, case in ipairs(CASES) do
  if not any or wanted[case[1]] then
    local ok, plan = pcall(core.plan.new, case[2])
    if not ok then error(case[1] .. ": " .. plan, 0) end
    local r, p = rate(images, function(im) return plan:run(im) end), peer[case[1]]
    out[#out + 1] = { name = case[1], rate = r, of_copy = r / copy, peer = p and p.rate, peer_name = p and p.who }
    if not json then
      print(("%-22s %10.0f %8.3f %s"):format(case[1], r, r / copy,
        p and ("%12.0f %8.2f  %s"):format(p.rate, r / p.rate, p.who) or ""))
    end
  end
end
if json then print(core.json.encode({ side = SIDE, copy = copy, prims = out }, { indent = 2 })) end
