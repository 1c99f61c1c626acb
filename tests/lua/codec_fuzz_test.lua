--- Mutated files: flips, cuts, splices, repeated and swapped parts. Nothing may crash; whatever comes back is an image or
-- an error that names the file, and the same one again. More rounds: BRINK_FUZZ=200000.
-- SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local image, file, json = core.image, core.file, core.json

local ROUNDS = math.tointeger(tonumber(os.getenv("BRINK_FUZZ"))) or 4000
local codes = { damaged = true, refused = true, unsupported = true, limit = true, memory = true }

local function seeds()
  local list = {}
  local im = image.new(19, 11, 3, "u8", { 10, 120, 240 }):paste(image.new(7, 5, 3, "u8", 77), 3, 2)
  for _, c in ipairs { 1, 2, 3, 4 } do
    local picture = c == 3 and im or c == 4 and im:convert { channels = 4 } or im:convert { channels = c }
    list[#list + 1] = picture:encode("png", { level = 6 })
    list[#list + 1] = picture:convert { type = "f32" }:encode("png")
    list[#list + 1] = picture:encode("jpeg", { chroma_420 = true })
  end
  local text = file.read(t.data .. "/corpora/manifest.json")
  for _, entry in ipairs(text and json.decode(text).images or {}) do
    if entry.bytes < 6000 and entry.expect == "decode" then list[#list + 1] = file.read(t.data .. "/corpora/" .. entry.file) end
  end
  return list
end

local function splice(s, at, take, put) return s:sub(1, at - 1) .. put .. s:sub(at + take) end

--- One of the ways a file gets broken.
local mutations = {
  function(rng, s) -- a bit
    local at = rng:integer(1, #s)
    return splice(s, at, 1, string.char(s:byte(at) ~ 1 << rng:integer(0, 7)))
  end,
  function(rng, s) return splice(s, rng:integer(1, #s), 1, string.char(rng:integer(0, 255))) end,
  function(rng, s) -- a big-endian number at an edge
    local edges = { 0, 1, 255, 65535, 65500, 0x7fffffff, 0x80000000, 0xffffffff }
    return splice(s, rng:integer(1, #s), 4, string.pack(">I4", edges[rng:integer(1, #edges)]))
  end,
  function(rng, s) return s:sub(1, rng:integer(0, #s - 1)) end,
  function(rng, s) return splice(s, rng:integer(1, #s), rng:integer(1, 40), "") end,
  function(rng, s) -- a part twice
    local at, n = rng:integer(1, #s), rng:integer(1, 60)
    return splice(s, at, 0, s:sub(at, at + n))
  end,
  function(rng, s, other) -- the head of one, the tail of another
    local at = rng:integer(1, #s)
    return s:sub(1, at) .. other:sub(math.min(at, #other))
  end,
}

t.test("broken in every way, a file gives an image or an error, twice the same", function()
  local list, kept, refused = seeds(), 0, 0
  for round = 1, ROUNDS do
    local rng = core.rng(1, "codec fuzz", round, 0)
    local bytes = list[rng:integer(1, #list)]
    for _ = 1, rng:integer(1, 3) do
      if #bytes > 0 then bytes = mutations[rng:integer(1, #mutations)](rng, bytes, list[rng:integer(1, #list)]) end
    end
    local options = { name = "fuzzed", keep_damaged = round % 3 == 0, type = round % 4 == 0 and "f32" or "u8",
      keep_palette = round % 5 == 0, limits = { pixels = 4000000 } }
    local im, message, code = image.decode(bytes, options)
    local again, message2 = image.decode(bytes, options)
    if im then
      kept = kept + 1
      t.ok(again and again:equal(im), "round " .. round .. " differs the second time")
      im:close()
      again:close()
    else
      refused = refused + 1
      t.ok(codes[code], "round " .. round .. ": " .. tostring(code))
      t.eq(message2, message)
      t.ok(message:find("fuzzed: ", 1, true) == 1, message)
    end
  end
  t.ok(kept > ROUNDS // 20 and refused > ROUNDS // 20, kept .. " kept, " .. refused .. " refused")
end)

t.done()
