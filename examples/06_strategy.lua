--- A search strategy of your own: halve the interval around the break, all pictures each time.
--
-- A strategy is a function that is called once a round with one axis (one side of one augmentation) and what was
-- measured along it; it gives the next questions, or nil at the end. Asking little is its whole art: bisection needs
-- five rounds where the grid asks twenty ticks. What it gives away: islands, and everything else off its path.
--
--   brink examples/06_strategy.lua [FOLDER]
-- SPDX-License-Identifier: MIT
local brink = require "brink"
local draw = require "draw"
package.path = (arg[0]:match "^.*/" or "./") .. "../recipes/?.lua;" .. package.path
local outline = require "outline"

local function bisect(axis)
  local lo, hi = 0.0, 1.0
  for _, p in ipairs(axis:points()) do
    if p.rise <= axis.break_at then lo = math.max(lo, p.i) else hi = math.min(hi, p.i) end
  end
  if hi - lo > axis.step then return { axis:ask((lo + hi) / 2) } end
end

local out = arg[1] or "build/examples"
local data = brink.dataset(draw.write("shapes", out), { labels = "folder" })
local aug = brink.augmenter { predict = outline.predict, augmentations = { "CenterCrop", "RandomSizedCrop", "EraseBox" } }
for _, strategy in ipairs { "grid", bisect } do
  print(assert(aug:search(data, { strategy = strategy, step = 0.05, samples = 40 })):summary())
end
