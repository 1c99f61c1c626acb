--- Every image of the corpora gives what the manifest says: size, channels, pixels, or the refusal.
-- SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local map = require "brink.map".map
local image, file, json = core.image, core.file, core.json

core.async.threads(8) -- before the first job

local function manifest()
  local text = assert(file.read(t.shared("corpora/manifest.json")))
  return assert(json.decode(text))
end

local function path_of(entry) return t.data .. "/corpora/" .. entry.file end

local function present(v) return v ~= nil and v ~= json.null end

--- What loading gives, as one comparable string: the pixels' hash or the error's code and text.
local function outcome(path, options)
  local im, info, code = image.load(path, options)
  if not im then return code .. ": " .. info, nil, code, info end
  return im:hash(), im, nil, info
end

--- Samples as the manifest's hash has them: 8 bit as they are, 16 bit big-endian.
local function raw_samples(path, depth)
  local im <close> = assert(image.load(path, { raw_orientation = true, type = depth == 16 and "f32" or "u8" }))
  if depth == 8 then return im:bytes() end
  local out, bytes, at = {}, im:bytes(), 1
  while at <= #bytes do
    local v
    v, at = string.unpack("f", bytes, at)
    out[#out + 1] = string.pack(">I2", math.floor(v * 65535 + 0.5))
  end
  return table.concat(out)
end

local function complain(bad, entry, text) bad[#bad + 1] = entry.file .. ": " .. text end

local function report(bad)
  table.sort(bad)
  t.ok(#bad == 0, #bad .. " wrong:\n" .. table.concat(bad, "\n"))
end

--- Checks of an entry that must decode.
local function check_decoded(bad, entry, im, info)
  if info.width ~= entry.w or info.height ~= entry.h then
    complain(bad, entry, ("%d x %d, expected %d x %d"):format(info.width, info.height, entry.w, entry.h))
  end
  local channels = entry.format == "png" and entry.out_channels or entry.channels
  if entry.format == "jpeg" and channels == 4 then channels = 3 end -- CMYK becomes RGB
  if im.channels ~= channels then complain(bad, entry, ("%d channels, expected %d"):format(im.channels, channels)) end
  local depth = entry.color_type == 3 and 8 or entry.bit_depth
  if info.depth ~= depth then complain(bad, entry, ("depth %d, expected %d"):format(info.depth, depth)) end
  if present(entry.orientation) and info.orientation ~= entry.orientation then
    complain(bad, entry, ("orientation %d, expected %d"):format(info.orientation, entry.orientation))
  end
  if entry.format == "jpeg" and present(entry.mean) and entry.channels ~= 4 then
    local s = im:stats()
    for k = 1, im.channels do
      if math.abs(s.mean[k] - entry.mean[k]) > 2 then
        complain(bad, entry, ("mean %d is %.2f, expected %.2f"):format(k, s.mean[k], entry.mean[k]))
      end
    end
  end
end

--- Which outcomes each word of the policy allows.
local allowed = {
  decode = { decode = true },
  damaged = { damaged = true },
  refuse = { damaged = true, refused = true, unsupported = true, limit = true },
  limit = { limit = true },
  decode_or_refuse = { decode = true, damaged = true, refused = true, unsupported = true, limit = true },
  damaged_or_decode = { decode = true, damaged = true },
  damaged_or_refuse = { damaged = true, refused = true, unsupported = true, limit = true },
  any = { decode = true, damaged = true, refused = true, unsupported = true, limit = true },
}

t.test("each file gives the outcome the manifest names, on one thread and on eight", function()
  local bad, n, firsts, entries = {}, 0, {}, manifest().images
  for _, entry in ipairs(entries) do
    n = n + 1
    local path = path_of(entry)
    local first, im <close>, code, info = outcome(path)
    if not allowed[entry.expect][code or "decode"] then
      complain(bad, entry, ("%s, expected %s"):format(code and first or "decoded", entry.expect))
    elseif code and not info:find(path, 1, true) then
      complain(bad, entry, "the error does not name the file: " .. info)
    elseif im and entry.expect == "decode" then
      check_decoded(bad, entry, im, info)
    end
    firsts[n] = first
  end
  t.eq(n, 766)
  local seconds = map(entries, function(entry)
    local second, again = outcome(path_of(entry))
    if again then again:close() end
    return second
  end, { inflight = 16 })
  for i, entry in ipairs(entries) do
    if firsts[i] ~= seconds[i] then complain(bad, entry, "differs on eight threads: " .. seconds[i]) end
  end
  report(bad)
end)

t.test("PNG pixels have the hashes of the manifest", function()
  local bad, n, wanted = {}, 0, {}
  local dir = t.tmp()
  for _, entry in ipairs(manifest().images) do
    if entry.expect == "decode" and present(entry.pixels_sha256) then
      n = n + 1
      assert(file.write(("%s/%d"):format(dir, n), raw_samples(path_of(entry), entry.out_depth), { durable = false }))
      wanted[n] = entry
    end
  end
  t.ok(n > 150)
  local p = assert(io.popen("cd '" .. dir .. "' && sha256sum $(seq 1 " .. n .. ")"))
  for line in p:lines() do
    local sum, i = line:match("^(%x+)%s+(%d+)$")
    if wanted[tonumber(i)].pixels_sha256 ~= sum then complain(bad, wanted[tonumber(i)], "pixels differ") end
    wanted[tonumber(i)].seen = true
  end
  p:close()
  for _, entry in ipairs(wanted) do if not entry.seen then complain(bad, entry, "not hashed") end end
  report(bad)
end)

t.test("damaged files give their size with keep_damaged, and the same pixels each time", function()
  local bad, kept = {}, 0
  for _, entry in ipairs(manifest().images) do
    if entry.expect == "damaged" then
      local first, im, code, info = outcome(path_of(entry), { keep_damaged = true })
      if im then
        kept = kept + 1
        if info.width ~= entry.w or info.height ~= entry.h then complain(bad, entry, "wrong size") end
        if not info.note then complain(bad, entry, "no note of the damage") end
        im:close()
      elseif code ~= "damaged" then
        complain(bad, entry, first)
      end
      if outcome(path_of(entry), { keep_damaged = true }) ~= first then complain(bad, entry, "differs the second time") end
    end
  end
  t.ok(kept > 100, kept .. " kept")
  report(bad)
end)

t.test("photographs of the image set all decode without a note", function()
  local bad = {}
  t.shared("images/face_satya.jpg")
  for _, name in ipairs(file.list(t.data .. "/images")) do
    if name:find("%.jpe?g$") or name:find("%.JPEG$") then
      local im, info = image.load(t.data .. "/images/" .. name)
      if not im or info.note then bad[#bad + 1] = name .. ": " .. tostring(im and info.note or info) end
      if im then im:close() end
    end
  end
  report(bad)
end)

t.done()
