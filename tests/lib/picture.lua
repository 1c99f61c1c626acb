--- Pictures drawn by the engine itself: soft coloured clouds, hard boxes, fine
-- grain, so that every kind of effect finds something to change.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

local M = {}

--- A new width x height picture; opts.channels (3), opts.type ("u8"), opts.key (1: another picture).
-- Two and four channels have an alpha that varies: opaque left, half clear right.
function M.draw(width, height, opts)
  opts = opts or {}
  local key, short = opts.key or 1, math.min(width, height)
  local boxes, shades = {}, core.rng(key, "picture", 0, 0)
  for _ = 1, 4 do
    local w, h = shades:uniform(0.1, 0.3) * width, shades:uniform(0.1, 0.3) * height
    boxes[#boxes + 1] = { shades:uniform(0, 0.8) * width, shades:uniform(0, 0.8) * height, w, h }
  end
  local plan = {
    { op = "gaussian_noise", std = 0.3, key = 2 * key },
    { op = "gaussian", sigma = short / 8 },
    { op = "contrast", gain = 6 },
    { op = "erase_many", boxes = { table.unpack(boxes[1]) }, value = 15 },
    { op = "erase_many", boxes = { table.unpack(boxes[2]) }, value = 240 },
    { op = "erase_many", boxes = { table.unpack(boxes[3]) }, value = 90, opacity = 0.7 },
    { op = "shift_rgb", r = 0.06, b = -0.05 },
    { op = "erase_many", boxes = { table.unpack(boxes[4]) }, value = 200, opacity = 0.7 },
    { op = "gaussian_noise", std = 0.03, key = 2 * key + 1 },
  }
  local image = core.image.new(width, height, 3, "u8", 110):run(plan)
  local channels = opts.channels or 3
  if channels ~= 3 then image = image:convert { channels = channels } end
  if channels == 2 or channels == 4 then
    local right = width // 2
    if right > 0 then
      local clear = core.image.new(right, height, channels, "u8", 128)
      image = image:paste(clear, width - right, 0)
    end
  end
  if opts.type == "f32" then image = image:convert { type = "f32" } end
  return image
end

--- w x h x c u8 samples that differ everywhere; alpha as in image.from_bytes.
function M.pattern(w, h, c, alpha)
  local out, v = {}, 7
  for i = 1, w * h * c do
    v = (v * 75 + 74) % 65537
    out[i] = string.char(v >> 4 & 255)
  end
  return core.image.from_bytes(w, h, c, "u8", table.concat(out), alpha)
end

--- Spearman's rank correlation of two lists of one length (ties share their mean rank).
function M.spearman(a, b)
  local function ranks(list)
    local order, rank = {}, {}
    for k = 1, #list do order[k] = k end
    table.sort(order, function(x, y) return list[x] < list[y] or (list[x] == list[y] and x < y) end)
    local k = 1
    while k <= #order do
      local last = k
      while last < #order and list[order[last + 1]] == list[order[k]] do last = last + 1 end
      for j = k, last do rank[order[j]] = (k + last) / 2 end
      k = last + 1
    end
    return rank
  end
  local x, y, n = ranks(a), ranks(b), #a
  local mean, top, left, right = (n + 1) / 2, 0, 0, 0
  for k = 1, n do
    top = top + (x[k] - mean) * (y[k] - mean)
    left = left + (x[k] - mean) ^ 2
    right = right + (y[k] - mean) ^ 2
  end
  if left == 0 or right == 0 then return 0 end
  return top / math.sqrt(left * right)
end

return M
