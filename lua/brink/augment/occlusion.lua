--- Occlusion: something stands in front.
-- SPDX-License-Identifier: MIT
return function(augmentation)
  augmentation {
    name = "EraseBox", family = "occlusion", weight = 0.5,
    doc = "Cover one box somewhere with black.", source = "DeVries & Taylor 2017 (Cutout)",
    params = { area = { unit = "of the area", off = 0, full = 0.8, lo = 0, hi = 1 } },
    plan = function(p, ctx)
      local side = math.sqrt(p.area)
      local w, h = ctx.width * side, ctx.height * side
      return { { op = "erase", x = ctx.rng:uniform() * (ctx.width - w), y = ctx.rng:uniform() * (ctx.height - h), w = w, h = h } }
    end,
  }
end
