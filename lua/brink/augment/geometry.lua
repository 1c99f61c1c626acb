--- Geometry: pixels move, labels with them.
-- SPDX-License-Identifier: MIT
return function(augmentation)
  augmentation {
    name = "Rotate", family = "geometry", weight = 1, signed = true, conflicts = { "SafeRotate" },
    doc = "Turn about the centre, clockwise on the positive side; corners leave the frame and the edge continues.",
    params = { angle = { unit = "degrees", off = 0, full = 180, lo = -180, hi = 180, law = 2 } },
    plan = function(p) return { { op = "rotate", angle = p.angle } } end,
  }
  augmentation {
    name = "SafeRotate", family = "geometry", weight = 1, signed = true,
    doc = "Turn about the centre and shrink so that nothing leaves the frame.",
    params = { angle = { unit = "degrees", off = 0, full = 180, lo = -180, hi = 180, law = 2 } },
    plan = function(p) return { { op = "rotate_fit", angle = p.angle } } end,
  }
  augmentation {
    name = "CenterCrop", family = "geometry", weight = 1, conflicts = { "RandomSizedCrop" },
    doc = "Keep the middle, in the picture's own proportions, resized back to the full size.",
    params = { loss = { unit = "of each side", off = 0, full = 0.9, lo = 0, hi = 0.99 } },
    plan = function(p, ctx)
      local w, h = ctx.width * (1 - p.loss), ctx.height * (1 - p.loss)
      return {
        { op = "crop", x = (ctx.width - w) / 2, y = (ctx.height - h) / 2, width = w, height = h },
        { op = "resize", width = ctx.width, height = ctx.height },
      }
    end,
  }
  augmentation {
    name = "RandomSizedCrop", family = "geometry", weight = 1, conflicts = { "ElasticTransform" },
    doc = "Keep a part somewhere, in the picture's own proportions, resized back to the full size.",
    params = { loss = { unit = "of each side", off = 0, full = 0.9, lo = 0, hi = 0.99 } },
    plan = function(p, ctx)
      local w, h = ctx.width * (1 - p.loss), ctx.height * (1 - p.loss)
      local x, y = ctx.rng:uniform(), ctx.rng:uniform()
      return {
        { op = "crop", x = x * (ctx.width - w), y = y * (ctx.height - h), width = w, height = h },
        { op = "resize", width = ctx.width, height = ctx.height },
      }
    end,
  }
  augmentation {
    name = "Perspective", family = "geometry", weight = 1,
    doc = "Seen from the side: pull the corners inwards, each its own way.",
    params = { shift = { unit = "of each side", off = 0, full = 0.4, lo = 0, hi = 0.49 } },
    plan = function(p, ctx)
      return { { op = "perspective", shift = p.shift } }
    end,
  }
  augmentation {
    name = "ElasticTransform", family = "geometry", weight = 1,
    doc = "Seen through uneven glass: displace every pixel by a smooth random field.", source = "Simard et al. 2003",
    params = {
      displacement = { unit = "of short side, rms", off = 0, full = 0.05, lo = 0, hi = 0.2 },
      smoothness = { unit = "of short side", value = 0.04, lo = 0.005, hi = 0.5 },
    },
    plan = function(p, ctx)
      return { { op = "elastic", rms = p.displacement * ctx.short_side, sigma = p.smoothness * ctx.short_side, key = ctx.rng:key() } }
    end,
  }
end
