--- Captions: a small fixed-width font, drawn here, for contact sheets.
--
-- A glyph is 5 x 7 dots in a 6 x 9 cell, seven rows of five bits, most
-- significant bit left. What the font lacks is drawn as a box.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

local M = { width = 6, height = 9 }

local GLYPHS = {
  [" "] = "00 00 00 00 00 00 00", ["!"] = "04 04 04 04 04 00 04", ['"'] = "0a 0a 00 00 00 00 00", ["#"] = "0a 1f 0a 0a 0a 1f 0a",
  ["%"] = "18 19 02 04 08 13 03", ["&"] = "0c 12 14 08 15 12 0d", ["'"] = "04 04 00 00 00 00 00", ["("] = "02 04 08 08 08 04 02",
  [")"] = "08 04 02 02 02 04 08", ["*"] = "00 04 15 0e 15 04 00", ["+"] = "00 04 04 1f 04 04 00", [","] = "00 00 00 00 0c 04 08",
  ["-"] = "00 00 00 1f 00 00 00", ["."] = "00 00 00 00 00 0c 0c", ["/"] = "01 01 02 04 08 10 10", ["0"] = "0e 11 13 15 19 11 0e",
  ["1"] = "04 0c 04 04 04 04 0e", ["2"] = "0e 11 01 06 08 10 1f", ["3"] = "0e 11 01 06 01 11 0e", ["4"] = "02 06 0a 12 1f 02 02",
  ["5"] = "1f 10 1e 01 01 11 0e", ["6"] = "06 08 10 1e 11 11 0e", ["7"] = "1f 01 02 04 04 08 08", ["8"] = "0e 11 11 0e 11 11 0e",
  ["9"] = "0e 11 11 0f 01 02 0c", [":"] = "00 0c 0c 00 0c 0c 00", [";"] = "00 0c 0c 00 0c 04 08", ["<"] = "02 04 08 10 08 04 02",
  ["="] = "00 00 1f 00 1f 00 00", [">"] = "08 04 02 01 02 04 08", ["?"] = "0e 11 01 02 04 00 04", ["@"] = "0e 11 17 15 17 10 0e",
  A = "04 0a 11 11 1f 11 11", B = "1e 11 11 1e 11 11 1e", C = "0e 11 10 10 10 11 0e", D = "1c 12 11 11 11 12 1c",
  E = "1f 10 10 1e 10 10 1f", F = "1f 10 10 1e 10 10 10", G = "0e 11 10 17 11 11 0f", H = "11 11 11 1f 11 11 11",
  I = "0e 04 04 04 04 04 0e", J = "07 02 02 02 02 12 0c", K = "11 12 14 18 14 12 11", L = "10 10 10 10 10 10 1f",
  M = "11 1b 15 15 11 11 11", N = "11 19 15 15 13 11 11", O = "0e 11 11 11 11 11 0e", P = "1e 11 11 1e 10 10 10",
  Q = "0e 11 11 11 15 12 0d", R = "1e 11 11 1e 14 12 11", S = "0f 10 10 0e 01 01 1e", T = "1f 04 04 04 04 04 04",
  U = "11 11 11 11 11 11 0e", V = "11 11 11 11 0a 0a 04", W = "11 11 11 15 15 1b 11", X = "11 0a 0a 04 0a 0a 11",
  Y = "11 11 0a 04 04 04 04", Z = "1f 01 02 04 08 10 1f", ["["] = "0e 08 08 08 08 08 0e", ["]"] = "0e 02 02 02 02 02 0e",
  ["\\"] = "10 10 08 04 02 01 01", ["^"] = "04 0a 11 00 00 00 00", ["_"] = "00 00 00 00 00 00 1f", ["|"] = "04 04 04 04 04 04 04",
  a = "00 00 0e 01 0f 11 0f", b = "10 10 1e 11 11 11 1e", c = "00 00 0f 10 10 10 0f", d = "01 01 0f 11 11 11 0f",
  e = "00 00 0e 11 1f 10 0e", f = "06 08 1e 08 08 08 08", g = "00 0f 11 11 0f 01 0e", h = "10 10 1e 11 11 11 11",
  i = "04 00 0c 04 04 04 0e", j = "02 00 06 02 02 12 0c", k = "10 10 12 14 18 14 12", l = "0c 04 04 04 04 04 0e",
  m = "00 00 1a 15 15 15 15", n = "00 00 1e 11 11 11 11", o = "00 00 0e 11 11 11 0e", p = "00 1e 11 11 1e 10 10",
  q = "00 0f 11 11 0f 01 01", r = "00 00 16 18 10 10 10", s = "00 00 0f 10 0e 01 1e", t = "08 08 1e 08 08 08 06",
  u = "00 00 11 11 11 11 0f", v = "00 00 11 11 0a 0a 04", w = "00 00 11 15 15 15 0a", x = "00 00 11 0a 04 0a 11",
  y = "00 11 11 0a 04 08 10", z = "00 00 1f 02 04 08 1f", ["~"] = "00 00 08 15 02 00 00",
}
local MISSING = "1f 11 11 11 11 11 1f"

local rows_of = {} -- glyph rows as numbers, filled as letters come up

local function glyph(letter)
  local rows = rows_of[letter]
  if not rows then
    rows = {}
    for hex in (GLYPHS[letter] or MISSING):gmatch "%x+" do rows[#rows + 1] = tonumber(hex, 16) end
    rows_of[letter] = rows
  end
  return rows
end

--- The dots of a line of text as runs: list of { x, y, length } in a cell raster of #text * 6 x 9.
function M.runs(text)
  local runs, column = {}, 0
  for letter in text:gmatch "[%z\1-\127\194-\244][\128-\191]*" do
    for y, bits in ipairs(glyph(letter)) do
      local start
      for x = 0, 5 do
        local on = x < 5 and bits & (16 >> x) ~= 0
        if on and not start then start = x end
        if not on and start then
          runs[#runs + 1] = { column + start, y, x - start }
          start = nil
        end
      end
    end
    column = column + M.width
  end
  return runs
end

--- A strip with the text in it: RGB u8 image of `width` x 9 * scale, light on dark; text too long is cut.
function M.strip(text, width, scale, ink, paper)
  scale, ink, paper = scale or 1, ink or 235, paper or 32
  local columns = math.max(0, width // (M.width * scale))
  if utf8.len(text) and utf8.len(text) > columns then text = text:sub(1, (utf8.offset(text, columns + 1) or 1) - 1) end
  local boxes = {}
  for _, run in ipairs(M.runs(text)) do
    for _, v in ipairs { run[1] * scale, run[2] * scale, run[3] * scale, scale } do boxes[#boxes + 1] = v end
  end
  local strip = core.image.new(math.max(1, width), M.height * scale, 3, "u8", paper)
  return #boxes > 0 and strip:run { { op = "erase_many", boxes = boxes, value = ink } } or strip
end

return M
