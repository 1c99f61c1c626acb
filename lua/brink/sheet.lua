--- Contact sheets: pictures side by side with their captions.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

local M = {}

local PAPER, INK, GAP, LETTER, LINE = 32, { 235, 235, 235 }, 8, 8, 12 -- levels, pixels

--- Any picture as opaque RGB u8: grey is spread, alpha shows the paper, f32 is 0..1.
local function rgb(image)
  if image.type ~= "u8" then image = image:convert { type = "u8" } end
  if image.channels ~= 3 or image.alpha then image = image:convert { channels = 3, alpha = false } end
  return image
end

-- Room for a caption: its longest word up to 20 letters, at least 15 letters where there is one.
local function caption_width(caption)
  if not caption then return 1 end
  local most = 15
  for word in (type(caption) == "table" and table.concat(caption, " ") or caption):gmatch "%S+" do most = math.max(most, #word) end
  return math.min(most, 20) * LETTER
end

-- A caption as lines of at most `letters`: broken at spaces, a word that is longer within itself.
local function wrapped(caption, letters)
  local out = {}
  for _, text in ipairs(type(caption) == "table" and caption or { caption }) do
    local line = ""
    for word in text:gmatch "%S+" do
      if line ~= "" and #line + 1 + #word > letters then
        out[#out + 1], line = line, ""
      end
      line = line == "" and word or line .. " " .. word
      while #line > letters do
        out[#out + 1], line = line:sub(1, letters), line:sub(letters + 1)
      end
    end
    if line ~= "" then out[#out + 1] = line end
  end
  return out
end

--- One image of many: tiles = { { image =, caption = "text" or list of lines }, ... } in reading order.
-- Captions are broken to the width of the tiles. opts.columns (default by count: up to 6), opts.tile: longer side of a tile in pixels (240).
-- Returns a new RGB u8 image.
function M.make(tiles, opts)
  opts = opts or {}
  local size = opts.tile or 240
  local columns = math.min(opts.columns or (#tiles <= 6 and #tiles or math.min(6, math.ceil(math.sqrt(#tiles)))), #tiles)
  local pictures, texts, width, height, lines = {}, {}, 1, 1, 0
  for k, tile in ipairs(tiles) do
    local image = rgb(tile.image)
    local shrink = math.min(1, size / math.max(image.width, image.height))
    local w, h = math.max(1, math.floor(image.width * shrink + 0.5)), math.max(1, math.floor(image.height * shrink + 0.5))
    if w ~= image.width or h ~= image.height then image = image:resize(w, h) end
    pictures[k] = image
    width, height = math.max(width, w, caption_width(tile.caption)), math.max(height, h)
  end
  for k, tile in ipairs(tiles) do
    texts[k] = wrapped(tile.caption, width // LETTER)
    lines = math.max(lines, #texts[k])
  end
  local step_x, step_y = width + GAP, height + lines * LINE + GAP
  local sheet = core.image.new(columns * step_x + GAP, math.ceil(#tiles / columns) * step_y + GAP, 3, "u8", PAPER)
  local captions = {}
  for k = 1, #tiles do
    local x, y = GAP + (k - 1) % columns * step_x, GAP + (k - 1) // columns * step_y
    sheet = sheet:paste(pictures[k], x, y)
    for n, line in ipairs(texts[k]) do
      captions[#captions + 1] = { "text", text = line, x = x, y = y + pictures[k].height + 4 + (n - 1) * LINE, size = LETTER, colour = INK }
    end
  end
  return sheet:draw(captions)
end

return M
