--- A picture in a terminal: half blocks, two pixels in each character.
-- SPDX-License-Identifier: MIT
local M = {}

local CUBE = { 0, 95, 135, 175, 215, 255 } -- levels of xterm's 6 x 6 x 6 colours, from 16 on; greys 8, 18 .. 238 from 232 on

local function nearest_level(v)
  local best = 1
  for k = 2, 6 do if math.abs(CUBE[k] - v) < math.abs(CUBE[best] - v) then best = k end end
  return best
end

--- The nearest of xterm's 256 colours to r, g, b (0..255).
function M.colour256(r, g, b)
  local i, j, k = nearest_level(r), nearest_level(g), nearest_level(b)
  local function far(x, y, z) return (x - r) ^ 2 + (y - g) ^ 2 + (z - b) ^ 2 end
  local step = math.max(0, math.min(23, ((r + g + b) // 3 - 3) // 10))
  local level = 8 + 10 * step
  if far(level, level, level) < far(CUBE[i], CUBE[j], CUBE[k]) then return 232 + step end
  return 16 + 36 * (i - 1) + 6 * (j - 1) + k - 1
end

--- What the terminal can show, from its environment: "24" bits, "256" colours, or nil when it cannot show half blocks.
-- `env` stands for os.getenv in tests.
function M.ability(env)
  env = env or os.getenv
  local function first(...)
    for _, name in ipairs { ... } do
      local value = env(name)
      if value and value ~= "" then return value end
    end
    return ""
  end
  if not first("LC_ALL", "LC_CTYPE", "LANG"):lower():find "utf%-?8" then return nil end
  local colour, term = first "COLORTERM", first "TERM"
  if colour == "truecolor" or colour == "24bit" or term:find "direct" then return "24" end
  if term:find "256" then return "256" end
  return nil
end

local function level(v) return math.max(0, math.min(255, math.floor(v * 255 + 0.5))) end

-- A function (x, y) -> red, green, blue, 0..255, of a small image; alpha over a chequered grey. Of data with more than four
-- channels the first three are shown.
local function reader(image)
  local w, channels = image.width, image.channels
  if channels > 4 then
    return function(x, y)
      local r, g, b = image:pixel(x, y)
      return level(r), level(g), level(b)
    end
  end
  local bytes, has_alpha = image:convert { type = "u8" }:bytes(), image.alpha
  local colours = has_alpha and channels - 1 or channels
  return function(x, y)
    local p = (y * w + x) * channels
    local r = bytes:byte(p + 1)
    local g, b = r, r
    if colours >= 3 then g, b = bytes:byte(p + 2, p + 3) end
    if not has_alpha then return r, g, b end
    local a, ground = bytes:byte(p + channels), (x // 4 + y // 4) % 2 == 0 and 102 or 153
    local function over(v) return (v * a + ground * (255 - a) + 127) // 255 end
    return over(r), over(g), over(b)
  end
end

--- Lines of text that show the image at most `columns` x `rows` characters (60 x 20). ability: "24" or "256".
-- Raises when the image is closed.
function M.text(image, ability, columns, rows)
  columns, rows = columns or 60, rows or 20
  local scale = math.min(1, columns / image.width, 2 * rows / image.height)
  local w, h = math.max(1, math.floor(image.width * scale + 0.5)), math.max(1, math.floor(image.height * scale + 0.5))
  local small <close> = image:resize(w, h)
  local colour = reader(small)
  local function code(layer, x, y)
    if y >= h then return ("%d"):format(layer + 9) end
    local r, g, b = colour(x, y)
    if ability == "256" then return ("%d;5;%d"):format(layer + 8, M.colour256(r, g, b)) end
    return ("%d;2;%d;%d;%d"):format(layer + 8, r, g, b)
  end
  local lines = {}
  for y = 0, h - 1, 2 do
    local line, last = {}, nil
    for x = 0, w - 1 do
      local now = code(30, x, y) .. ";" .. code(40, x, y + 1)
      if now ~= last then line[#line + 1] = "\27[" .. now .. "m" end
      last = now
      line[#line + 1] = "▀"
    end
    lines[#lines + 1] = table.concat(line) .. "\27[0m"
  end
  return table.concat(lines, "\n")
end

return M
