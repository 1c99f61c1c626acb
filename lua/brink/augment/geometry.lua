--- Geometry: pixels move, labels with them.
-- SPDX-License-Identifier: MIT
local INWARDS = { 1, 1, -1, 1, -1, -1, 1, -1 } -- dx, dy of each corner, clockwise from the top left

-- Whether the outline stays convex when each corner moves inwards by its share of `shift`, with a little to spare.
local function convex(share, shift)
  local x, y = {}, {}
  for k = 0, 3 do
    x[k] = ((k == 1 or k == 2) and 1 or 0) + INWARDS[2 * k + 1] * shift * share[2 * k + 1]
    y[k] = (k >= 2 and 1 or 0) + INWARDS[2 * k + 2] * shift * share[2 * k + 2]
  end
  for k = 0, 3 do
    local a, b, c = (k + 3) % 4, k, (k + 1) % 4
    if (x[b] - x[a]) * (y[c] - y[b]) - (y[b] - y[a]) * (x[c] - x[b]) < 0.01 then return false end
  end
  return true
end

-- Eight shares in [0,1], the largest 1, drawn again until the outline stays convex over the whole legal range; after 32 tries
-- the far side alone shrinks.
local function shares(rng)
  for _ = 1, 32 do
    local share, most, fits = {}, 0, true
    for k = 1, 8 do
      share[k] = rng:uniform()
      most = math.max(most, share[k])
    end
    for k = 1, 8 do share[k] = share[k] / most end
    for step = 1, 10 do fits = fits and convex(share, 0.049 * step) end
    if fits then return share end
  end
  return { 1, 0, 1, 0, 0, 0, 0, 0 }
end

return function(augmentation)
  augmentation {
    name = "Rotate", family = "geometry", weight = 1, signed = true, conflicts = { "SafeRotate" },
    doc = "Turn about the centre, counter-clockwise on the positive side; corners leave the frame, edges are continued.",
    params = { angle = { unit = "degrees", off = 0, full = 180, lo = -180, hi = 180, law = 2 } },
    plan = function(p) return { { op = "rotate", degrees = p.angle, border = "replicate" } } end,
  }
  augmentation {
    name = "SafeRotate", family = "geometry", weight = 1, signed = true,
    doc = "Turn about the centre, counter-clockwise on the positive side, and shrink so that nothing leaves the frame.",
    params = { angle = { unit = "degrees", off = 0, full = 180, lo = -180, hi = 180, law = 2 } },
    plan = function(p) return { { op = "rotate_fit", degrees = p.angle, border = "replicate" } } end,
  }
  -- A crop that is enlarged to the old size is a zoom on the old canvas: one resampling, proportions kept exactly,
  -- also where the part is not a whole number of pixels.
  augmentation {
    name = "CenterCrop", family = "geometry", weight = 1, conflicts = { "RandomSizedCrop" },
    doc = "Keep the middle, in the picture's own proportions, enlarged back to the full size.",
    params = { loss = { unit = "of each side", off = 0, full = 0.9, lo = 0, hi = 0.99, law = 1.5 } },
    plan = function(p) return { { op = "scale", factor = 1 / (1 - p.loss), border = "replicate" } } end,
  }
  augmentation {
    name = "RandomSizedCrop", family = "geometry", weight = 1, conflicts = { "ElasticTransform" },
    doc = "Keep a part somewhere, in the picture's own proportions, enlarged back to the full size; its place is drawn.",
    params = { loss = { unit = "of each side", off = 0, full = 0.9, lo = 0, hi = 0.99, law = 1.5 } },
    plan = function(p, ctx)
      local x, y = ctx.rng:uniform() * p.loss * ctx.width, ctx.rng:uniform() * p.loss * ctx.height
      local zoom = 1 / (1 - p.loss)
      return { { op = "affine", matrix = { zoom, 0, -zoom * x, 0, zoom, -zoom * y }, border = "replicate" } }
    end,
  }
  augmentation {
    name = "Perspective", family = "geometry", weight = 1,
    doc = "Seen from the side: pull the corners inwards, each by its own share; the furthest by the whole shift.",
    params = { shift = { unit = "of each side", off = 0, full = 0.4, lo = 0, hi = 0.49, law = 1.5 } },
    plan = function(p, ctx)
      local share, corners = shares(ctx.rng), {}
      for k = 1, 8 do corners[k] = INWARDS[k] * p.shift * share[k] end
      return { { op = "perspective", corners = corners, border = "replicate" } }
    end,
  }
  augmentation {
    name = "ElasticTransform", family = "geometry", weight = 1,
    doc = "Seen through uneven glass: displace every pixel by a smooth random field.", source = "Simard et al. 2003",
    params = {
      displacement = { unit = "of short side", doc = "root mean square along each axis", off = 0, full = 0.05, lo = 0, hi = 0.2 },
      smoothness = { unit = "of short side", value = 0.04, lo = 0.005, hi = 0.5 },
    },
    plan = function(p, ctx)
      return { { op = "elastic", amplitude = p.displacement * ctx.short_side, sigma = math.max(0.5, p.smoothness * ctx.short_side), key = ctx.rng:key() } }
    end,
  }
end
