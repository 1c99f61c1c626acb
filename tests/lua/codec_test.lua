--- Files to images and back: round trips, orientation, limits, truncation, things that are no files, failing memory.
-- SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local image, file, json = core.image, core.file, core.json
local pattern = require "picture".pattern

--- A smooth picture, which JPEG can follow.
local function ramp(w, h, c)
  local out = {}
  for y = 0, h - 1 do
    for x = 0, w - 1 do
      for k = 1, c do out[#out + 1] = string.char((x * 3 + y * 2 * k) % 200 + 20) end
    end
  end
  return image.from_bytes(w, h, c, "u8", table.concat(out), false)
end

local sizes = { { 1, 1 }, { 1, 9 }, { 7, 1 }, { 16, 16 }, { 61, 47 }, { 300, 2 } }

t.test("PNG gives back u8 images of 1 to 4 channels exactly, at every level", function()
  for _, s in ipairs(sizes) do
    for c = 1, 4 do
      local im = pattern(s[1], s[2], c)
      for _, options in ipairs { {}, { level = 0 }, { level = 6 }, { level = 9 } } do
        local back, info = assert(image.decode(im:encode("png", options)))
        t.ok(back:equal(im))
        t.eq({ info.format, info.width, info.height, info.channels, info.depth }, { "png", s[1], s[2], c, 8 })
      end
    end
  end
end)

t.test("PNG gives back f32 images to 16 bits", function()
  for _, s in ipairs(sizes) do
    for c = 1, 4 do
      local out, v = {}, 7
      for i = 1, s[1] * s[2] * c do
        v = (v * 75 + 74) % 65537
        out[i] = string.pack("f", (v & 65535) / 65535)
      end
      local im = image.from_bytes(s[1], s[2], c, "f32", table.concat(out))
      local back, info = assert(image.decode(im:encode("png"), { type = "f32" }))
      t.ok(back:equal(im))
      t.eq(info.depth, 16)
    end
  end
  local wild = image.from_bytes(4, 1, 1, "f32", string.pack("ffff", -3, 7, 0 / 0, 0.25))
  t.eq({ image.decode(wild:encode("png")):bytes():byte(1, -1) }, { 0, 255, 0, 64 })
end)

t.test("16 bits become 8 by rounding", function()
  local im = image.from_bytes(3, 1, 1, "f32", string.pack("fff", 128 / 65535, 129 / 65535, 65406 / 65535))
  t.eq({ image.decode(im:encode("png")):bytes():byte(1, -1) }, { 0, 1, 254 })
end)

t.test("a palette file reads as colours, or as its indices", function()
  local indices, palette = pattern(13, 5, 1), {}
  for i = 0, 255 do palette[i + 1] = string.char(i, 255 - i, i // 2) end
  local bytes = indices:encode("png", { palette = table.concat(palette) })
  t.ok(image.decode(bytes, { keep_palette = true }):equal(indices))
  local rgb = image.decode(bytes)
  local v = indices:pixel(12, 4)
  t.eq({ rgb:pixel(12, 4) }, { v, 255 - v, v // 2 })
end)

t.test("encoding is deterministic and has no time in it", function()
  local im = pattern(40, 30, 3)
  for _, format in ipairs { "png", "jpeg" } do t.ok(im:encode(format) == im:encode(format)) end
  t.ok(not im:encode("png"):find("tIME", 1, true))
end)

t.test("JPEG stays near: 95 and full chroma unless asked otherwise", function()
  for _, s in ipairs(sizes) do
    for _, c in ipairs { 1, 3 } do
      local im = ramp(s[1], s[2], c)
      local bytes = im:encode("jpeg")
      local back, info = assert(image.decode(bytes))
      t.eq({ info.format, info.width, info.height, info.channels, info.depth }, { "jpeg", s[1], s[2], c, 8 })
      t.ok(im:distance(back) < 2.5, im:distance(back))
    end
  end
  local im = ramp(64, 64, 3)
  t.ok(#im:encode("jpeg", { quality = 20 }) < #im:encode("jpeg"))
  t.ok(#im:encode("jpeg", { chroma_420 = true }) < #im:encode("jpeg"))
  t.eq({ im:encode("jpeg"):byte(164, 164) }, { im:encode("jpeg", { quality = 95 }):byte(164, 164) })
end)

t.test("JPEG drops alpha and rounds f32", function()
  local rgba = ramp(20, 10, 3):convert { channels = 4 }
  t.ok(rgba:encode("jpeg") == ramp(20, 10, 3):encode("jpeg"))
  t.ok(ramp(20, 10, 3):convert { type = "f32" }:encode("jpeg") == ramp(20, 10, 3):encode("jpeg"))
  t.ok(ramp(20, 10, 1):convert { channels = 2 }:encode("jpeg") == ramp(20, 10, 1):encode("jpeg"))
  t.fails("2 colour channels", image.new(2, 2, 2, "u8", 0, false):encode("jpeg"))
  t.fails("5 channels", image.new(2, 2, 5, "f32"):encode("png"))
end)

t.test("JPEG as f32 is the u8 decode by 255; scaled decode has the size of the n-th part", function()
  local bytes = ramp(61, 47, 3):encode("jpeg")
  t.ok(image.decode(bytes, { type = "f32" }):equal(image.decode(bytes):convert { type = "f32" }))
  local small = image.decode(bytes, { scale = 2 })
  t.eq({ small.width, small.height }, { 31, 24 })
end)

t.test("save and load by extension, whole or not at all", function()
  local dir, im = t.tmp(), ramp(9, 8, 3)
  for _, name in ipairs { "a.png", "b.PNG", "c.jpg", "d.JPEG", "e.jpe" } do
    t.eq(im:save(dir .. "/" .. name), true)
    t.eq(assert(image.probe(dir .. "/" .. name)).format, name:lower():find("png") and "png" or "jpeg")
  end
  t.eq(im:save(dir .. "/f.dat", { format = "png" }), true)
  t.ok(image.load(dir .. "/f.dat"):equal(im))
  t.fails("/no/", im:save(dir .. "/no/x.png"))
  core.test.fail_file(2, "ENOSPC")
  local ok, message, code = im:save(dir .. "/full.png")
  core.test.fail_file(0)
  t.fails("full.png", ok, message)
  t.eq(code, "io")
  t.eq(file.info(dir .. "/full.png").type, "missing")
end)

t.test("what is no picture is refused by name", function()
  local dir = t.tmp()
  os.execute("mkfifo '" .. dir .. "/fifo' && ln -s loop '" .. dir .. "/loop'")
  for _, c in ipairs { { "/fifo", "io" }, { "", "io" }, { "/missing.png", "io" }, { "/loop", "io" } } do
    local im, message, code = image.load(dir .. c[1])
    t.fails(dir .. c[1], im, message)
    t.eq(code, c[2])
  end
  for name, bytes in pairs { empty = "", one = "\137", gif = "GIF89a......", text = "hello there", webp = "RIFF....WEBPVP8 " } do
    local im, message, code = image.decode(bytes, { name = name .. ".png" })
    t.fails(name .. ".png", im, message)
    t.eq(code, "refused")
  end
end)

--- Every cut of the file is refused with the file's name, the kind and the place; opting in gives the same each time.
local function cuts(bytes, step)
  for n = 0, #bytes - 1, step do
    local im, message, code = image.decode(bytes:sub(1, n), { name = "cut.img" })
    if im then return n end
    t.fails("cut.img: ", im, message)
    t.ok(code == "damaged" or code == "refused", message)
    if code == "damaged" then t.ok(message:find("byte", 1, true), message) end
    local kept = image.decode(bytes:sub(1, n), { keep_damaged = true })
    if kept then t.ok(image.decode(bytes:sub(1, n), { keep_damaged = true }):equal(kept)) end
  end
  return #bytes
end

t.test("every truncation of a PNG and a JPEG is an error", function()
  for c = 1, 4 do
    local bytes = pattern(11, 7, c):encode("png")
    t.eq(cuts(bytes, 1), #bytes)
  end
  local jpeg = pattern(24, 17, 3):encode("jpeg")
  t.ok(cuts(jpeg, 1) >= #jpeg - 2)
end)

t.test("every flipped byte of a PNG is an error, or changes nothing", function()
  local im = pattern(6, 5, 3)
  local bytes = im:encode("png")
  for i = 1, #bytes do
    local flipped = bytes:sub(1, i - 1) .. string.char(bytes:byte(i) ~ 0xff) .. bytes:sub(i + 1)
    local got, message, code = image.decode(flipped)
    if got then t.ok(got:equal(im), "byte " .. i .. " changed pixels in silence")
    else t.ok(code == "damaged" or code == "refused" or code == "limit", message) end
  end
end)

t.test("limits hold from the header", function()
  local png, jpeg = ramp(40, 30, 3):encode("png"), ramp(40, 30, 3):encode("jpeg")
  for _, bytes in ipairs { png, jpeg } do
    t.ok(image.decode(bytes, { limits = { pixels = 1200 } }))
    for _, limits in ipairs { { pixels = 1199 }, { side = 39 } } do
      local im, message, code = image.decode(bytes, { limits = limits, name = "big" })
      t.fails("big: 40 x 30 pixels", im, message)
      t.eq(code, "limit")
    end
  end
  local path = t.tmp() .. "/limit.png"
  file.write(path, png)
  local im, message, code = image.load(path, { limits = { bytes = #png - 1 } })
  t.fails(path, im, message)
  t.eq(code, "limit")
  -- a header that promises more than the bytes can hold
  local huge = png:sub(1, 16) .. string.pack(">I4I4", 9000, 9000) .. png:sub(25)
  t.fails("", image.decode(huge))
end)

local function each_entry(group, fn)
  local manifest = assert(json.decode(assert(file.read(t.shared("corpora/manifest.json")))))
  local n = 0
  for _, entry in ipairs(manifest.images) do
    if entry.group == group then
      n = n + 1
      fn(entry, t.data .. "/corpora/" .. entry.file)
    end
  end
  t.ok(n > 0, "no entries of " .. group)
end

t.test("orientation: quadrants of all eight values, and of nonsense ones, stand upright", function()
  local names = { R = { 255, 0, 0 }, G = { 0, 255, 0 }, B = { 0, 0, 255 }, W = { 255, 255, 255 } }
  each_entry("orientation", function(entry, path)
    local im, info = assert(image.load(path))
    t.eq({ im.width, im.height }, entry.upright, entry.file)
    t.eq(info.orientation, entry.orientation)
    t.eq({ info.width, info.height }, { entry.w, entry.h })
    local w, h = im.width, im.height
    local at = { { w // 4, h // 4 }, { 3 * w // 4, h // 4 }, { w // 4, 3 * h // 4 }, { 3 * w // 4, 3 * h // 4 } }
    for i = 1, 4 do
      local got, want = { im:pixel(at[i][1], at[i][2]) }, names[entry.upright_quadrants:sub(i, i)]
      for k = 1, 3 do t.near(got[k], want[k], 12, entry.file .. " quadrant " .. i) end
    end
    local raw = image.load(path, { raw_orientation = true })
    t.eq({ raw.width, raw.height }, { entry.w, entry.h })
    t.eq(image.probe(path).orientation, entry.orientation)
  end)
end)

t.test("orientation: photographs of every value show the same scene", function()
  local upright
  each_entry("jpeg-orientation", function(entry, path)
    if not entry.file:find("Landscape", 1, true) then return end
    local im = assert(image.load(path))
    upright = upright or im
    t.ok(im:ssim(upright) > 0.7, entry.file .. " " .. im:ssim(upright))
  end)
end)

--- A JPEG whose APP1 holds this TIFF block.
local function with_exif(tiff)
  local jpeg, body = ramp(16, 8, 3):encode("jpeg"), "Exif\0\0" .. tiff
  return jpeg:sub(1, 2) .. "\xff\xe1" .. string.pack(">I2", #body + 2) .. body .. jpeg:sub(3)
end

t.test("broken metadata means upright and costs nothing", function()
  local good = "II*\0\8\0\0\0\1\0\x12\x01\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
  local im, info = assert(image.decode(with_exif(good)))
  t.eq({ im.width, im.height, info.orientation }, { 8, 16, 6 })
  local big = "MM\0*\0\0\0\8\0\1\x01\x12\0\3\0\0\0\1\0\8\0\0\0\0\0\0"
  t.eq(select(2, image.decode(with_exif(big))).orientation, 8)
  for n = 0, #good - 5 do
    local cut, cut_info = assert(image.decode(with_exif(good:sub(1, n))))
    t.ok(cut.width == 16 and cut_info.orientation == 1 or n >= 22, "cut at " .. n)
  end
  for _, tiff in ipairs { "XX*\0\8\0\0\0", good:gsub("\8", "\xff", 1), good:gsub("\6", "\9", 1), good:gsub("\6", "\0", 1),
    good:gsub("^II%*", "II+"), (good:gsub("\1\0\x12", "\xff\xff\x13", 1)) } do
    t.eq(select(2, assert(image.decode(with_exif(tiff)))).orientation, 1)
  end
end)

t.test("an allocation failing anywhere leaves an error, then all is as before", function()
  local dir = t.tmp()
  local source, target = dir .. "/in.png", dir .. "/out.png"
  for _, c in ipairs { 3, 4 } do
    local im = pattern(31, 17, c)
    local jpeg = ramp(31, 17, 3):encode("jpeg")
    local turned = with_exif("II*\0\8\0\0\0\1\0\x12\x01\3\0\1\0\0\0\6\0\0\0\0\0\0\0")
    im:save(source)
    local runs = {
      load = function() return image.load(source) end,
      load_f32 = function() return image.load(source, { type = "f32" }) end,
      decode_jpeg = function() return image.decode(jpeg, { type = "f32" }) end,
      oriented = function() return image.decode(turned) end,
      save = function() return im:save(target) end,
      save_jpeg = function() return im:save(target, { format = "jpeg" }) end,
      convert = function() return im:convert { channels = 1 } end,
      ssim = function() return im:ssim(im) end,
    }
    for _, name in ipairs { "load", "load_f32", "decode_jpeg", "oriented", "save", "save_jpeg", "convert", "ssim" } do
      for _, sticky in ipairs { false, true } do
        local k, failures, done = 0, 0, false
        while not done do
          k = k + 1
          t.ok(k < 1000, name .. " never gets through")
          core.test.fail_alloc(k, sticky)
          local ok, result, message, code = pcall(runs[name])
          local asked = core.test.alloc_count()
          core.test.fail_alloc(0)
          if not ok then
            t.ok(tostring(result):find("out of memory", 1, true), result)
          elseif not result then
            t.eq({ message, code }, { "out of memory", "memory" }, name .. " " .. k)
          end
          if not ok or not result then failures = failures + 1 end
          done = asked < k
        end
        t.ok(failures > 0, name .. " asks for no memory")
      end
    end
    t.ok(image.load(source):equal(im))
  end
end)


--- In a process of its own, so that the peak is the bomb's.
t.test("bombs stay below 64 MiB above the baseline", function()
  t.shared("corpora/bombs/png_ztxt_100MB.png")
  local script = t.tmp() .. "/bomb.lua"
  file.write(script, [[
    local image = require "brink.core".image
    local function peak()
      for line in io.lines("/proc/self/status") do
        local kib = line:match("^VmHWM:%s+(%d+)")
        if kib then return kib // 1024 end
      end
    end
    local before, im = peak(), image.load(arg[1] or ...)
    if im then im:close() end
    io.write(math.tointeger(peak() - before) or -1)
  ]])
  local bad = {}
  each_entry("bombs", function(entry, path)
    local p = assert(io.popen(("'%s' '%s' '%s'"):format(os.getenv("BRINK") or "build/brink", script, path)))
    local mib = tonumber(p:read("a"))
    p:close()
    if not mib or mib >= 64 then bad[#bad + 1] = entry.file .. ": " .. tostring(mib) .. " MiB" end
  end)
  t.eq(bad, {})
end)

t.test("16 threads with 90 megapixels each get by on 2 GiB of addresses", function()
  local path = t.shared("corpora/extremes/png_90MP_1bit.png")
  local script = t.tmp() .. "/crowd.lua"
  file.write(script, [[
    local core, map = require "brink.core", require "brink.map".map
    core.async.threads(16)
    local items = {}
    for i = 1, 16 do items[i] = arg[1] end
    local sizes = map(items, function(path)
      local im <close> = assert(core.image.load(path))
      return im.width * im.height
    end, { inflight = 16 })
    io.write(#sizes, " ", sizes[16])
  ]])
  local p = assert(io.popen(("ulimit -v 2097152; '%s' '%s' '%s' 2>&1"):format(os.getenv("BRINK") or "build/brink", script, path)))
  local said = p:read("a")
  p:close()
  if said:find("%a+Sanitizer") then t.skip("sanitizers need more addresses") end
  t.eq(said, "16 90000000")
end)

t.done()
