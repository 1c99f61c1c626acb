--- What storing and transmitting does: fewer pixels, fewer levels, blocks, pieces.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

return function(augmentation)
  augmentation {
    name = "Downscale", family = "digital", weight = 0.5, conflicts = { "Superpixels" },
    doc = "Low resolution: shrink by averaging to larger pixels, enlarge again to the old size.",
    params = { pixel = { unit = "of short side", doc = "what the new pixels measure beyond the old ones",
      off = 0, full = 0.1, lo = 0, hi = 0.5, law = 2 } },
    plan = function(p, ctx) return { { op = "downscale", factor = math.min(1 + p.pixel * ctx.short_side, 4096) } } end,
  }
  augmentation {
    name = "Pixelate", family = "digital", weight = 0.5, conflicts = { "Downscale", "Superpixels", "PixelDropout" },
    doc = "Draw in large square pixels.", source = "Hendrycks & Dietterich 2019",
    params = { pixel = { unit = "of short side", doc = "what the new pixels measure beyond the old ones",
      off = 0, full = 0.15, lo = 0, hi = 0.5, law = 2 } },
    plan = function(p, ctx) return { { op = "pixelate", size = math.min(1 + p.pixel * ctx.short_side, 4096) } } end,
  }
  augmentation {
    name = "JPEG", family = "digital", weight = 0.5,
    per_pixel = "blocks of 8 pixels, colours of 16",
    doc = "Compress as a JPEG file of this quality and read it back.", source = "Hendrycks & Dietterich 2019",
    params = { quality = { unit = "of 100", whole = true, off = 100, full = 2, lo = 1, hi = 100, law = "geometric" } },
    plan = function(p) return { { op = "jpeg", quality = p.quality } } end,
  }
  augmentation {
    name = "Posterize", family = "digital", weight = 0.5, conflicts = { "Solarize" },
    doc = "Keep only so many levels of each channel.",
    params = { levels = { unit = "levels", whole = true, off = 256, full = 2, lo = 2, hi = 256,
      law = function(i) return math.min(256, 2 * core.math.pow(i, -1.62)) end } }, -- 256 at i = .05
    plan = function(p) return { { op = "quantize", levels = p.levels } } end,
  }
  augmentation {
    name = "Solarize", family = "digital", weight = 0.5,
    doc = "Invert every sample above a threshold.",
    params = { threshold = { unit = "of full scale", off = 1, full = 0, lo = 0, hi = 1 } },
    plan = function(p) return { { op = "solarize", threshold = p.threshold } } end,
  }
  augmentation {
    name = "Superpixels", family = "digital", weight = 0.5,
    doc = "Paint each segment of similar colour with its mean, at the picture's own resolution.",
    source = "Achanta et al. 2012 (SLIC)",
    params = {
      size = { unit = "of short side", doc = "side of a segment beyond one pixel", off = 0, full = 0.8, lo = 0, hi = 1, law = 2 },
      share = { unit = "of the segments", doc = "how many are painted", value = 1, lo = 0, hi = 1 },
    },
    plan = function(p, ctx)
      local step = { op = "superpixels", size = 1 + p.size * ctx.short_side, replace = p.share }
      if p.share < 1 then step.key = ctx.rng:key() end
      return { step }
    end,
  }
  augmentation {
    name = "PatchShuffle", family = "digital", weight = 0.5,
    doc = "Transplant square patches elsewhere in the picture.",
    params = {
      share = { unit = "of the area", off = 0, full = 1, lo = 0, hi = 1 },
      size = { unit = "of short side", value = 0.12, lo = 0.01, hi = 0.5 },
    },
    plan = function(p, ctx)
      return { { op = "patch_shuffle", size = math.max(1, p.size * ctx.short_side), share = p.share, key = ctx.rng:key() } }
    end,
  }
end
