--- Noise: each pixel drawn from a keyed stream, so a stronger noise is the same
-- grain with more amplitude, and a larger share contains the smaller one.
-- The grain is one pixel, as a sensor's is: a model that shrinks its input
-- averages some of it away, so boundaries hold for pictures of about one size.
-- SPDX-License-Identifier: MIT

--- A plan of one noise. f32 pictures are cut to 0..1 after it, as u8 ones are by nature.
local function noise(ctx, step)
  step.key = ctx.rng:key()
  return ctx.type == "f32" and { step, { op = "clamp" } } or { step }
end

local GRAIN = "the grain is one pixel"

return function(augmentation)
  augmentation {
    name = "GaussianNoise", family = "noise", weight = 0.5, per_pixel = GRAIN,
    doc = "Sensor noise: add normal noise to every channel.", source = "Hendrycks & Dietterich 2019",
    params = { std = { unit = "of full scale", off = 0, full = 0.5, lo = 0, hi = 2, law = 1.5 } },
    plan = function(p, ctx) return noise(ctx, { op = "gaussian_noise", std = p.std }) end,
  }
  augmentation {
    name = "ShotNoise", family = "noise", weight = 0.5, per_pixel = GRAIN,
    doc = "Too little light: count photons instead of measuring them.", source = "Hendrycks & Dietterich 2019",
    params = { photons = { unit = "at full white", off = 1e9, full = 1 / 1.2, lo = 0.1, hi = 1e9,
      law = function(i) return math.min(1e9, 1 / (1.2 * i * i)) end } },
    plan = function(p, ctx) return noise(ctx, { op = "shot_noise", photons = p.photons }) end,
  }
  augmentation {
    name = "MultiplicativeNoise", family = "noise", weight = 0.5, per_pixel = GRAIN, aliases = { "MultiplicitiveNoise" },
    doc = "Multiply every sample by its own number spread evenly about 1; the mean light stays where nothing clips.",
    params = { spread = { unit = "of the value", off = 0, full = 3, lo = 0, hi = 8, law = 1.5 } },
    plan = function(p, ctx) return noise(ctx, { op = "multiplicative_noise", spread = p.spread }) end,
  }
  augmentation {
    name = "Speckle", family = "noise", weight = 0.5, per_pixel = GRAIN,
    doc = "Grain that grows with the light: multiply by 1 plus normal noise.", source = "Hendrycks & Dietterich 2019",
    params = { std = { unit = "of the value", off = 0, full = 1.5, lo = 0, hi = 8, law = 1.5 } },
    plan = function(p, ctx) return noise(ctx, { op = "speckle", std = p.std }) end,
  }
  augmentation {
    name = "SaltAndPepper", family = "noise", weight = 0.5, per_pixel = GRAIN,
    doc = "Turn a share of the pixels white or black.",
    params = { share = { unit = "of the pixels", off = 0, full = 0.6, lo = 0, hi = 1, law = 1.5 } },
    plan = function(p, ctx) return noise(ctx, { op = "salt_pepper", amount = p.share }) end,
  }
  augmentation {
    name = "PixelDropout", family = "noise", weight = 0.5, per_pixel = GRAIN, conflicts = { "Downscale", "Superpixels" },
    doc = "Turn a share of the pixels black.",
    params = { share = { unit = "of the pixels", off = 0, full = 0.9, lo = 0, hi = 1, law = 2 } },
    plan = function(p, ctx) return noise(ctx, { op = "pixel_dropout", p = p.share }) end,
  }
end
