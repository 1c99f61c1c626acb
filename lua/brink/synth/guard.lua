--- Is the picture still readable? A judgement that needs no model.
--
-- Contrast: the spread of the luma must not collapse. Entropy: nor the variety of
-- its levels. Structure: what was seen must still be there. Effects that keep
-- every pixel in its place are judged by the likeness (SSIM) of small versions of
-- both pictures, as a person far away sees them: fine noise and fine blur average
-- out, what hides or drowns the subject does not. Effects that move pixels are
-- judged by their map: how much of the source is left in the frame, and how much
-- of the frame shows the source. The limits are by eye, over the whole catalogue.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local core = require "brink.core"

local M = {}

M.LIMITS = {
  deviation = 5,     -- of the luma in levels of 255; pictures below it to begin with are not judged by contrast
  contrast = 0.12,   -- share of the source's luma deviation
  entropy = 0.35,    -- share of the source's entropy
  likeness = 0.45,   -- SSIM of the small versions
  seen = 0.2,        -- share of the source still in the frame
  filled = 0.4,      -- share of the frame that shows the source
}

local SMALL = 96            -- longer side of the small versions, pixels
local LARGE = 320           -- pictures the limit of a row is looked for on are shrunk to this longer side
local GRID = 12             -- points a side in which a map is judged
local HANDFUL, STEPS = 4, 5 -- pictures, and halvings of the intensity, for the limit of a row
local FINEST = 1 / (1 << STEPS)

local moves = {}            -- primitive -> true when it moves pixels
for _, p in ipairs(core.plan.prims()) do moves[p.name] = p.kind == "warp" end

--- Only so much contrast left as makes a picture nobody would keep? The last check of every synthetic picture. `before`,
-- `after`: what image:stats() gives. Flat sources pass. Returns true, or false and the reason.
function M.contrast(before, after)
  local was, is = before.luma_dev, after.luma_dev
  if was > M.LIMITS.deviation and is < M.LIMITS.deviation then return false, "contrast: almost none left" end
  if was > 0 and is < 0.05 * was then return false, "contrast: almost none left" end
  return true
end

local function shrunk(image, side)
  local scale = side / math.max(image.width, image.height)
  if scale >= 1 then return image end
  return image:resize(math.max(1, math.floor(image.width * scale + 0.5)), math.max(1, math.floor(image.height * scale + 0.5)))
end

-- Share of the points of a grid over w x h that `place(x, y)` puts inside W x H.
local function inside(w, h, W, H, place)
  local hits = 0
  for j = 1, GRID do
    for i = 1, GRID do
      local x, y = place((i - 0.5) / GRID * w, (j - 0.5) / GRID * h)
      if x and x >= 0 and y >= 0 and x <= W and y <= H then hits = hits + 1 end
    end
  end
  return hits / (GRID * GRID)
end

-- The map of the steps that move pixels.
local function moved(steps, image)
  local w, h = image.width, image.height
  local plan = core.plan.new(steps)
  local warp = plan:warp(w, h)
  local W, H = plan:size(w, h)
  local seen = inside(w, h, W, H, function(x, y) return warp:point(x, y) end)
  if seen < M.LIMITS.seen then return false, "structure: too little of the picture left in the frame" end
  local filled = inside(W, H, w, h, function(x, y) return warp:source(x, y) end)
  if filled < M.LIMITS.filled then return false, "structure: too much of the frame is empty" end
  return true
end

--- Is what `plan` makes of `image` still readable? Returns true, or false and the reason; nil, message when it cannot run.
function M.readable(image, plan)
  if #plan == 0 then return true end
  local out, message = image:run(plan)
  if not out then return nil, message end
  local before, after, limits = image:stats(), out:stats(), M.LIMITS
  if before.luma_dev > limits.deviation and after.luma_dev < math.max(limits.deviation, limits.contrast * before.luma_dev) then
    return false, "contrast: too little left"
  end
  if after.entropy < limits.entropy * before.entropy then return false, "entropy: too few levels left" end
  local still, moving = {}, {}
  for _, step in ipairs(plan) do
    local list = moves[step.op] and moving or still
    list[#list + 1] = step
  end
  if #moving > 0 then
    local ok, why = moved(moving, image)
    if not ok then return false, why end
  end
  if #still > 0 and before.luma_dev > limits.deviation then
    local judged = #moving == 0 and out or image:run(still)
    if judged.width == image.width and judged.height == image.height and judged.channels == image.channels then
      if shrunk(image, SMALL):ssim(shrunk(judged, SMALL)) < limits.likeness then return false, "structure: no longer recognisable" end
    end
  end
  return true
end

-- A keyed handful of the pictures that can be read, small.
local function handful(data, seed)
  local numbers, out = {}, {}
  if #data <= 4096 then
    for k = 1, #data do numbers[k] = k end
    numbers = core.rng(seed, "guard"):shuffle(numbers)
  else
    local rng = core.rng(seed, "guard")
    for k = 1, 64 do numbers[k] = rng:integer(1, #data) end
  end
  for _, k in ipairs(numbers) do
    if #out == HANDFUL then break end
    local image = data[k]:image()
    if image then out[#out + 1] = { image = shrunk(image, LARGE), id = data[k].id } end
  end
  return out
end

local function passes(row, i, pictures, seed)
  for _, p in ipairs(pictures) do
    local plan = augment.plan(row, i, augment.context(p.image, seed, p.id, 0))
    if not M.readable(p.image, plan) then return false end
  end
  return true
end

--- A function (row, side) -> the largest intensity, on a grid of 1/32, up to which a fixed keyed handful of `data` stays
-- readable. Looked for by halving, once per row and side. 1 where no picture can be read.
function M.limit(data, seed)
  local pictures, known = nil, {}
  return function(row, side)
    local key = row.name .. side
    if known[key] then return known[key] end
    pictures = pictures or handful(data, seed)
    local sign = side == "-" and -1 or 1
    local good, bad = 0.0, 1.0
    if #pictures == 0 or passes(row, sign * 1.0, pictures, seed) then
      good = 1.0
    else
      while bad - good > FINEST do
        local middle = (good + bad) / 2
        if passes(row, sign * middle, pictures, seed) then good = middle else bad = middle end
      end
    end
    known[key] = good
    return good
  end
end

return M
