-- From pictures to tensors: numbers by hand, Pillow's own bytes where it is installed, geometry. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local core = brink.core
local preprocess = require "brink.model.preprocess"
local image, tensor = core.image, core.tensor

local function input(dtype, ...) return { name = "x", dtype = dtype, shape = { ... } } end
local function grey(...) return image.from_bytes(select("#", ...), 1, 1, "u8", string.char(...)) end
local function clouds(w, h, c, key)
  return image.new(math.max(2, w // 9), math.max(2, h // 9), c, "u8", 128):run { { op = "gaussian_noise", std = 0.4, key = key or 1 } }:resize(w, h)
end

t.test("four samples to two, by hand", function()
  local im = grey(0, 100, 200, 40)
  local function to(...) return { core.preprocess.pil_resize(im, 2, 1, ...):bytes():byte(1, -1) } end
  t.eq(to("bilinear", true), { 71, 117 })  -- weights .75 .75 .25 of 1.75
  t.eq(to("bilinear", false), { 50, 120 }) -- the two nearest
  t.eq(to("nearest", true), { 100, 40 })
  t.eq(to("nearest", false), { 100, 40 })
end)

t.test("one pixel, one row, and a size that stays", function()
  for _, interp in ipairs { "nearest", "bilinear", "bicubic" } do
    local out = core.preprocess.pil_resize(grey(77), 5, 3, interp)
    t.eq(out:bytes(), string.char(77):rep(15), interp)
    local same = clouds(31, 17, 3)
    t.ok(core.preprocess.pil_resize(same, 31, 17, interp):equal(same), interp)
    t.eq(core.preprocess.pil_resize(clouds(40, 1, 3), 7, 1, interp).width, 7)
  end
end)

t.test("f32 pictures are weighted without rounding", function()
  local im = grey(0, 100, 200, 40):convert { type = "f32" }
  local out = core.preprocess.pil_resize(im, 2, 1, "bilinear", true)
  t.near(out:pixel(0, 0), 125 / 1.75 / 255, 1e-7)
end)

local ORACLE = [[
import sys
from PIL import Image
n = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
im = Image.open(sys.argv[1])
for line in sys.argv[2:]:
    interp, w, h, out = line.split(",")
    im.resize((int(w), int(h)), n[interp]).save(out)
]]

t.test("the same bytes as Pillow", function()
  local dir = t.tmp()
  core.file.write(dir .. "/oracle.py", ORACLE)
  local python
  for _, p in ipairs { "/usr/bin/python3", "python3" } do
    if not python and os.execute(p .. " -c 'import PIL' 2>/dev/null") then python = p end
  end
  if not python then t.skip "no Pillow" end
  for _, case in ipairs { { 97, 61, 3 }, { 64, 200, 1 }, { 130, 33, 3 } } do
    local im = clouds(case[1], case[2], case[3], case[1])
    im:save(dir .. "/in.png")
    local args, wanted = {}, {}
    for _, interp in ipairs { "nearest", "bilinear", "bicubic" } do
      for _, size in ipairs { { 32, 32 }, { 150, 40 }, { 1, 1 }, { case[1], 10 }, { 33, case[2] }, { 211, 307 } } do
        local out = ("%s/%s-%d-%d.png"):format(dir, interp, size[1], size[2])
        args[#args + 1] = ("%s,%d,%d,%s"):format(interp, size[1], size[2], out)
        wanted[#wanted + 1] = { out, interp, size }
      end
    end
    t.ok(os.execute(("%s %s/oracle.py %s/in.png %s"):format(python, dir, dir, table.concat(args, " "))))
    for _, w in ipairs(wanted) do
      local got = core.preprocess.pil_resize(im, w[3][1], w[3][2], w[2], true)
      t.ok(got:equal(image.load(w[1])), ("%dx%dx%d %s to %dx%d"):format(case[1], case[2], case[3], w[2], w[3][1], w[3][2]))
    end
  end
end)

t.test("(v * scale - mean) / std, in the order of the channels", function()
  local im = image.from_bytes(2, 1, 3, "u8", string.char(10, 20, 30, 110, 120, 130))
  local function values(spec, shape)
    local prep = preprocess.new(spec, { name = "x", dtype = spec.dtype or "f32", shape = shape or { 1, 3, 1, 2 } })
    local out = prep:apply(im)
    return out:totable(), out.shape
  end
  t.eq(values {}, { 10.0, 110.0, 20.0, 120.0, 30.0, 130.0 })
  t.eq(values { channels = "BGR", mean = { 1, 2, 3 } }, { 29.0, 129.0, 18.0, 118.0, 7.0, 107.0 })
  t.eq(values { mean = 10, std = { 1, 2, 4 } }, { 0.0, 100.0, 5.0, 55.0, 5.0, 30.0 })
  t.eq({ values({ layout = "NHWC" }, { 1, 1, 2, 3 }) }, { { 10.0, 20.0, 30.0, 110.0, 120.0, 130.0 }, { 1, 1, 2, 3 } })
  t.eq(values { dtype = "u8", scale = 3 }, { 30, 255, 60, 255, 90, 255 })
  t.eq(values { dtype = "f16", scale = 1 / 8 }, { 1.25, 13.75, 2.5, 15.0, 3.75, 16.25 })
  local wide = values { scale = 1 / 255 }
  t.near(wide[1], 10 / 255, 1e-8)
  t.eq(string.pack("<f", wide[1]), string.pack("<f", 10 / 255), "rounded once")
end)

t.test("grey and alpha become what the input has", function()
  local im = image.from_bytes(1, 1, 4, "u8", string.char(200, 100, 50, 7), true)
  local function values(pic, c) return (preprocess.new({ layout = "NCHW" }, input("f32", 1, c, 1, 1)):apply(pic)):totable() end
  t.eq(values(im, 3), { 200.0, 100.0, 50.0 })
  t.eq(values(grey(9), 3), { 9.0, 9.0, 9.0 })
  t.eq(values(im, 1), { 124.0 }) -- (200 * 299 + 100 * 587 + 50 * 114) / 1000 = 124.2
  t.eq(values(im, 4), { 200.0, 100.0, 50.0, 7.0 })
end)

t.test("letterbox keeps proportions and fills the rest", function()
  local im = image.new(40, 20, 3, "u8", 200)
  local prep = preprocess.new({ fit = "letterbox", size = 32, pad = 7 }, input("f32", 1, 3, 32, 32))
  local out, map = prep:apply(im)
  t.eq({ map.sx, map.sy, map.ox, map.oy }, { 0.8, 0.8, 0.0, 8.0 })
  t.eq({ out:at(1, 1, 8, 1), out:at(1, 1, 9, 1), out:at(1, 3, 24, 32), out:at(1, 3, 25, 32) }, { 7.0, 200.0, 200.0, 7.0 })
  local _, corner = preprocess.new({ fit = "letterbox", size = 32, align = "corner" }, input("f32", 1, 3, 32, 32)):apply(im)
  t.eq(corner.oy, 0.0)
  local _, small = preprocess.new({ fit = "letterbox", size = 64, enlarge = false }, input("f32", 1, 3, 64, 64)):apply(im)
  t.eq({ small.sx, small.ox, small.oy }, { 1.0, 12.0, 22.0 })
end)

t.test("a dot is where the map says, for every fit", function()
  for _, size in ipairs { { 83, 57 }, { 31, 120 }, { 64, 64 } } do
    local im = image.new(size[1], size[2], 1, "u8", 0):draw { { "disc", x = size[1] * 0.5 + 3, y = size[2] * 0.5 - 2, radius = 4, colour = { 255 } } }
    for _, fit in ipairs { "squash", "crop", "letterbox" } do
      local prep = preprocess.new({ fit = fit, side = fit == "crop" and 70 or nil, pad = 0 }, input("f32", 1, 1, 60, 60))
      local out, map = prep:apply(im)
      local sx, sy, sum = 0, 0, 0
      for y = 1, 60 do
        for x = 1, 60 do
          local v = out:at(1, 1, y, x)
          sx, sy, sum = sx + v * (x - 0.5), sy + v * (y - 0.5), sum + v
        end
      end
      t.near(sx / sum, (size[1] * 0.5 + 3) * map.sx + map.ox, 0.15, fit)
      t.near(sy / sum, (size[2] * 0.5 - 2) * map.sy + map.oy, 0.15, fit)
    end
  end
end)

t.test("crops: both roundings, and pictures that are too narrow", function()
  local im = clouds(401, 279, 3)
  local _, plain = preprocess.new({ fit = "crop", side = 256 }, input("f32", 1, 3, 224, 224)):apply(im)
  t.eq({ plain.sx * 401, plain.ox, plain.oy }, { 368.0, -72.0, -16.0 })
  local _, torch = preprocess.new("imagenet", input("f32", 1, 3, 224, 224)):apply(im)
  t.eq({ torch.sx * 401, torch.ox, torch.oy }, { 367.0, -72.0, -16.0 }) -- int(367.9), round(71.5) to even
  local out = preprocess.new({ fit = "crop", side = 100, pad = 5 }, input("f32", 1, 3, 224, 224)):apply(clouds(100, 100, 3))
  t.eq({ out:at(1, 1, 1, 1), out:at(1, 3, 224, 224) }, { 5.0, 5.0 })
end)

t.test("a preset keeps its proportion at the size the model has", function()
  local _, full = preprocess.new("imagenet", input("f32", 1, 3, 112, 112))
  t.eq({ full.width, full.side }, { 112, 128 })
  _, full = preprocess.new("clip", input("f32", -1, 3, 336, 336))
  t.eq({ full.width, full.side, full.interpolation }, { 336, 336, "bicubic" })
  _, full = preprocess.new("yolo", input("f32", 1, 3, -1, -1))
  t.eq({ full.width, full.height, full.fit, full.antialias }, { 640, 640, "letterbox", false })
end)

t.test("what contradicts the model is named", function()
  local x = input("f32", 1, 3, 224, 224)
  local function refused(text, spec, value)
    local prep, message, code = preprocess.new(spec, value or x)
    t.fails(text, prep, message)
    t.eq(code, "mismatch")
  end
  refused("input x: got 256x256 pixels, the model expects 224x224", { size = 256 })
  refused("input x: got gray (1 channels, NCHW), the model expects 1x3x224x224", { channels = "gray" })
  refused("input x: got RGB (3 channels, NHWC), the model expects 1x3x224x224", { layout = "NHWC" })
  refused("input x: got u8, the model expects f32", { dtype = "u8" })
  refused("input x: got a picture, the model expects f32 of shape 1x10", nil, input("f32", 1, 10))
end)

t.test("a declaration that makes no sense is raised", function()
  local function raises(text, spec, value) t.raises(function() preprocess.new(spec, value or input("f32", 1, 3, 8, 8)) end, text) end
  raises("no field interpolaton; did you mean interpolation?", { interpolaton = "nearest" })
  raises("no preset imagnet; did you mean imagenet?", "imagnet")
  raises("fit: stretch, one of squash, crop, letterbox, none expected", { fit = "stretch" })
  raises("mean: nil for channel 3", { mean = { 1, 2 } })
  raises("mean: 4 numbers for 3 channels", { mean = { 1, 2, 3, 4 } })
  raises("std: 0 for channel 1", { std = 0 })
  raises("a finite number expected", { scale = 0 / 0 })
  raises("size: 0, pixels in 1..65536 expected", { size = 0 })
  raises("size: the model leaves it open", { fit = "crop" }, input("f32", 1, 3, -1, -1))
end)

t.test("a picture of another size than a fixed input, unfitted, is a failure", function()
  local prep = preprocess.new({ fit = "none" }, input("f32", 1, 3, 8, 8))
  local out, message = prep:apply(image.new(9, 8, 3))
  t.fails("image: 9x8, the input is 8x8", out, message)
  t.eq(prep:apply(image.new(8, 8, 3)).shape, { 1, 3, 8, 8 })
end)

t.test("tensors: indexing, tables, conversion, misuse", function()
  local x = tensor.new({ 2, 3 }, "f32", { 1, 5, 3, 4, 2, 5 })
  t.eq({ x[1], x[6], x[0], x[7], x:at(2, 1), #x, x.dtype, tostring(x) }, { 1.0, 5.0, nil, nil, 4.0, 6, "f32", "tensor f32 2x3" })
  t.eq({ x:argmax() }, { 2, 5.0 }) -- the first of equals
  t.eq(x:topk(3), { { 2, 5.0 }, { 6, 5.0 }, { 4, 4.0 } })
  t.eq(x:totable(true), { { 1.0, 5.0, 3.0 }, { 4.0, 2.0, 5.0 } })
  t.eq(x:rows(2):totable(), { 4.0, 2.0, 5.0 })
  t.eq(x:reshape({ 3, 2 }):at(3, 2), 5.0)
  local soft = x:softmax(1)
  t.near(soft:at(1, 1) + soft:at(2, 1), 1, 1e-6)
  t.near(tensor.new({ 1, 2, 1, 1 }, "f32", { 0, core.math.log(3) }):softmax()[2], 0.75, 1e-6, "the last long dimension")
  t.near(tensor.new({ 1 }, "f32", { 0 }):sigmoid()[1], 0.5, 0)
  t.eq(tensor.new({ 2 }, "f32", { -1e30, 1e30 }):softmax():totable(), { 0.0, 1.0 })
  t.eq({ tensor.new({ 3 }, "u8", { -1, 2.5, 300 }):totable(), tensor.new({ 1 }, "i64", { math.maxinteger })[1] }, { { 0, 2, 255 }, math.maxinteger })
  for _, v in ipairs { 0.0, -0.0, 1.0, 65504.0, 6.103515625e-05, 5.960464477539063e-08, 0.333251953125 } do
    t.eq(tensor.new({ 1 }, "f16", { v })[1], v)
  end
  t.eq(tensor.new({ 3 }, "f16", { 65520, 1 + 2 ^ -11, 1 + 3 * 2 ^ -11 }):totable(), { math.huge, 1.0, 1 + 2 ^ -9 }) -- halves to even
  t.eq(tensor.from_bytes(x:bytes(), { 6 }):totable(), x:totable())
  t.eq({ #tensor.new({ 0, 3 }), tensor.new({}, "f32", 4)[1], (tensor.new({ 0 }):argmax()) }, { 0, 4.0, nil })
  t.raises(function() tensor.new({ 2 }, "f32", { 1 }) end, "1 values, the shape holds 2")
  t.raises(function() tensor.new({ -1 }) end, "integers from 0 expected")
  t.fails("more than 8 GiB", tensor.new({ 1 << 40 }))
  t.fails("more than 8 GiB", tensor.new({ 1 << 62, 4, 4 }))
  t.raises(function() tensor.new({ 1 }, "f8") end, "f8: f32")
  t.raises(function() x:rows(3) end, "1 rows from 3 of 2x3")
  t.raises(function() x:rows(math.maxinteger, 2) end, "2 rows from")
  t.raises(function() x:rows(math.mininteger, 2) end, "a row from 1")
  t.raises(function() x:rows(1, math.maxinteger) end, "rows from 1")
  t.raises(function() x:at(1) end, "1 indexes, the tensor has 2 dimensions")
end)

t.done()
