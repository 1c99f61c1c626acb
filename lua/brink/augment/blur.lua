--- Blur and sharpness. Radii are shares of the short side, so a thumbnail and a
-- large picture lose the same detail.
-- SPDX-License-Identifier: MIT
return function(augmentation)
  augmentation {
    name = "GaussianBlur", family = "blur", weight = 0.5, conflicts = { "MotionBlur", "Defocus", "ZoomBlur" },
    doc = "Soften: convolve with a Gaussian.", source = "Hendrycks & Dietterich 2019",
    params = { sigma = { unit = "of short side", off = 0, full = 0.08, lo = 0, hi = 0.25, law = 1.5 } },
    plan = function(p, ctx) return { { op = "gaussian", sigma = p.sigma * ctx.short_side } } end,
  }
  augmentation {
    name = "MotionBlur", family = "blur", weight = 0.5, conflicts = { "Defocus", "ZoomBlur" },
    doc = "The camera moved: average along a straight line; its direction is drawn.", source = "Hendrycks & Dietterich 2019",
    params = { length = { unit = "of short side", off = 0, full = 0.4, lo = 0, hi = 1, law = 1.5 } },
    plan = function(p, ctx)
      return { { op = "motion", length = 1 + p.length * ctx.short_side, angle = ctx.rng:uniform(0, 180) } }
    end,
  }
  augmentation {
    name = "Defocus", family = "blur", weight = 0.5, conflicts = { "ZoomBlur" },
    doc = "Out of focus: average over a disc, as a lens does.", source = "Hendrycks & Dietterich 2019",
    params = { radius = { unit = "of short side", off = 0, full = 0.1, lo = 0, hi = 0.25, law = 1.5 } },
    plan = function(p, ctx) return { { op = "defocus", radius = p.radius * ctx.short_side } } end,
  }
  augmentation {
    name = "ZoomBlur", family = "blur", weight = 0.5,
    doc = "The camera moved forward: average over zoomed copies.", source = "Hendrycks & Dietterich 2019",
    params = { amount = { unit = "of the size", doc = "by which the largest of the copies exceeds the picture", off = 0, full = 0.5, lo = 0, hi = 1, law = 1.5 } },
    plan = function(p) return { { op = "zoom_blur", amount = p.amount } } end,
  }
  augmentation {
    name = "GlassBlur", family = "blur", weight = 0.5, conflicts = { "GaussianBlur", "MotionBlur", "Defocus", "ZoomBlur" },
    per_pixel = "it is made of single pixels, the reach alone is relative",
    doc = "Behind frosted glass: every pixel shows one near it.", source = "Hendrycks & Dietterich 2019",
    params = { reach = { unit = "of short side", off = 0, full = 0.06, lo = 0, hi = 0.25 } },
    plan = function(p, ctx) return { { op = "glass", reach = p.reach * ctx.short_side, key = ctx.rng:key() } } end,
  }
  augmentation {
    name = "Sharpen", family = "blur", weight = 1,
    doc = "Sharpen: add what a small blur takes away.",
    params = {
      amount = { unit = "times", off = 0, full = 6, lo = 0, hi = 20 },
      sigma = { unit = "of short side", value = 0.006, lo = 0, hi = 0.1 },
    },
    plan = function(p, ctx) return { { op = "unsharp", sigma = p.sigma * ctx.short_side, amount = p.amount } } end,
  }
end
