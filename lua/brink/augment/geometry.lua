--- Geometry: pixels move, labels with them.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

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

-- n numbers in [-1,1], the largest in size exactly 1: which way and how much of each.
local function directions(rng, n)
  local out, most = {}, 0
  for k = 1, n do
    out[k] = rng:uniform(-1, 1)
    most = math.max(most, math.abs(out[k]))
  end
  if most == 0 then return table.move({ 1 }, 1, 1, 1, out) end
  for k = 1, n do out[k] = out[k] / most end
  return out
end

-- Row-major 2 x 2 times 2 x 2.
local function times(a, b)
  return { a[1] * b[1] + a[2] * b[3], a[1] * b[2] + a[2] * b[4], a[3] * b[1] + a[4] * b[3], a[3] * b[2] + a[4] * b[4] }
end

-- The part x, y, w, h enlarged to the whole canvas, in one resampling.
local function enlarge(x, y, w, h, ctx)
  local kx, ky = ctx.width / w, ctx.height / h
  return { { op = "affine", matrix = { kx, 0, -kx * x, 0, ky, -ky * y }, border = "replicate" } }
end

-- The hull of the boxes of a label: x0, y0, x1, y1 inside the frame; nil without boxes.
local function hull(boxes, ctx)
  local x0, y0, x1, y1 = ctx.width, ctx.height, 0, 0
  for _, b in ipairs(boxes) do
    x0, y0 = math.min(x0, math.max(0, b[1])), math.min(y0, math.max(0, b[2]))
    x1, y1 = math.max(x1, math.min(ctx.width, b[1] + b[3])), math.max(y1, math.min(ctx.height, b[2] + b[4]))
  end
  if x0 < x1 and y0 < y1 then return x0, y0, x1, y1 end
end

-- What is done as a whole or not at all is done from intensity 0.5 on: a search finds it safe (never breaking) or not
-- (breaking at 0.5), and synthesis, which draws intensities inside the boundaries, then does it to every second picture or to none.
local WHOLE = "done as a whole from intensity 0.5 on, not at all below"

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
      return enlarge(x, y, (1 - p.loss) * ctx.width, (1 - p.loss) * ctx.height, ctx)
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
  augmentation {
    name = "HorizontalFlip", family = "geometry", weight = 0.5, discrete = true, not_monotone = WHOLE,
    doc = "Mirror left and right, from intensity 0.5 on.",
    params = { flipped = { unit = "", off = 0, full = 1, lo = 0, hi = 1, whole = true } },
    plan = function() return { { op = "flip", axis = "h" } } end,
  }
  augmentation {
    name = "VerticalFlip", family = "geometry", weight = 0.25, discrete = true, not_monotone = WHOLE,
    doc = "Mirror top and bottom, from intensity 0.5 on.",
    params = { flipped = { unit = "", off = 0, full = 1, lo = 0, hi = 1, whole = true } },
    plan = function() return { { op = "flip", axis = "v" } } end,
  }
  augmentation {
    name = "Transpose", family = "geometry", weight = 0.25, discrete = true, not_monotone = WHOLE,
    changes_size = "width and height change places",
    doc = "Mirror about the main diagonal, from intensity 0.5 on.",
    params = { transposed = { unit = "", off = 0, full = 1, lo = 0, hi = 1, whole = true } },
    plan = function() return { { op = "transpose" } } end,
  }
  augmentation {
    name = "Rotate90", family = "geometry", weight = 0.25, signed = true, discrete = true,
    not_monotone = "a quarter turn from intensity 0.25 on, a half turn from 0.75 on", changes_size = "a quarter turn swaps width and height",
    doc = "Quarter turns, counter-clockwise on the positive side: one from intensity 0.25 on, two from 0.75 on.",
    params = { turns = { unit = "quarter turns", off = 0, full = 2, lo = -3, hi = 3, whole = true } },
    plan = function(p) return { { op = "rotate90", k = p.turns } } end,
  }
  augmentation {
    name = "Translate", family = "geometry", weight = 1,
    doc = "Shift somewhere: the further of the two ways goes the whole distance; edges are continued.",
    params = { shift = { unit = "of each side", off = 0, full = 0.6, lo = 0, hi = 1, law = 1.5 } },
    plan = function(p, ctx)
      local way = directions(ctx.rng, 2)
      return { { op = "translate", x = way[1] * p.shift * ctx.width, y = way[2] * p.shift * ctx.height, border = "replicate" } }
    end,
  }
  augmentation {
    name = "Scale", family = "geometry", weight = 1, signed = true, conflicts = { "CenterCrop" },
    doc = "Zoom about the centre on the same canvas: in on the positive side, out on the negative, where edges are continued.",
    params = { factor = { unit = "times", off = 1, full = 4, minus = 0.25, lo = 0.02, hi = 50, law = "geometric" } },
    plan = function(p) return { { op = "scale", factor = p.factor, border = "replicate" } } end,
  }
  augmentation {
    name = "Shear", family = "geometry", weight = 1, signed = true,
    doc = "Slant about the centre, upright or level lines as drawn; edges are continued.",
    params = { angle = { unit = "degrees", off = 0, full = 50, lo = -80, hi = 80, law = 1.5 } },
    plan = function(p, ctx)
      return { { op = "shear", [ctx.rng:uniform() < 0.5 and "x" or "y"] = p.angle, border = "replicate" } }
    end,
  }
  augmentation {
    name = "Affine", family = "geometry", weight = 1, aliases = { "ShiftScaleRotate" }, conflicts = { "Rotate", "Scale", "Shear", "Translate" },
    doc = "Turn, zoom, slant and shift together, each by a share of its range that is drawn, one of them by all of it.",
    params = {
      turn = { unit = "degrees", off = 0, full = 60, lo = 0, hi = 180, law = 1.5 },
      zoom = { unit = "times", off = 1, full = 2, lo = 1, hi = 20, law = "geometric" },
      slant = { unit = "degrees", off = 0, full = 25, lo = 0, hi = 80, law = 1.5 },
      shift = { unit = "of each side", off = 0, full = 0.3, lo = 0, hi = 1, law = 1.5 },
    },
    plan = function(p, ctx)
      local share, m = directions(ctx.rng, 5), core.math
      local turn, slant = share[1] * p.turn * m.pi / 180, share[3] * p.slant * m.pi / 180
      local zoom, c, s = m.pow(p.zoom, share[2]), m.cos(turn), m.sin(turn)
      local a = times({ zoom * c, zoom * s, -zoom * s, zoom * c }, { 1, m.tan(slant), 0, 1 })
      local x, y = ctx.width / 2, ctx.height / 2
      return { { op = "affine", border = "replicate", matrix = {
        a[1], a[2], x - a[1] * x - a[2] * y + share[4] * p.shift * ctx.width,
        a[3], a[4], y - a[3] * x - a[4] * y + share[5] * p.shift * ctx.height } } }
    end,
  }
  augmentation {
    name = "RandomResizedCrop", family = "geometry", weight = 1, conflicts = { "CenterCrop", "RandomSizedCrop", "Scale" },
    doc = "Keep a part somewhere, of other proportions, stretched back to the full size; place and proportions are drawn.",
    source = "Szegedy et al. 2015",
    params = {
      loss = { unit = "of the area", off = 0, full = 0.98, lo = 0, hi = 0.999 },
      stretch = { unit = "times", doc = "most by which width over height changes, either way", off = 1, full = 1.5, lo = 1, hi = 10, law = "geometric" },
    },
    plan = function(p, ctx)
      local stretch = core.math.pow(p.stretch, ctx.rng:uniform(-1, 1))
      local w = math.min(1, math.sqrt((1 - p.loss) * stretch)) * ctx.width
      local h = math.min(1, math.sqrt((1 - p.loss) / stretch)) * ctx.height
      return enlarge(ctx.rng:uniform() * (ctx.width - w), ctx.rng:uniform() * (ctx.height - h), w, h, ctx)
    end,
  }
  augmentation {
    name = "BBoxSafeCrop", family = "geometry", weight = 0.5, aliases = { "RandomSizedBBoxSafeCrop" },
    conflicts = { "CenterCrop", "RandomSizedCrop", "RandomResizedCrop", "Scale" },
    doc = "Keep a part somewhere, in the picture's own proportions, never less than the boxes of the label need; without boxes as RandomSizedCrop.",
    params = { loss = { unit = "of each side", off = 0, full = 0.8, lo = 0, hi = 0.99, law = 1.5 } },
    plan = function(p, ctx)
      local keep, u, v = 1 - p.loss, ctx.rng:uniform(), ctx.rng:uniform()
      local x0, y0, x1, y1 = hull(ctx.boxes(), ctx)
      if x0 then keep = math.max(keep, (x1 - x0) / ctx.width, (y1 - y0) / ctx.height) end
      if keep >= 1 then return {} end
      local w, h = keep * ctx.width, keep * ctx.height
      -- the left edge lies between these
      local left, right = x0 and math.max(0, x1 - w) or 0, math.min(x0 or ctx.width, ctx.width - w)
      local top, bottom = y0 and math.max(0, y1 - h) or 0, math.min(y0 or ctx.height, ctx.height - h)
      return enlarge(left + u * (right - left), top + v * (bottom - top), w, h, ctx)
    end,
  }
  augmentation {
    name = "Pad", family = "geometry", weight = 0.25, changes_size = "the canvas grows",
    doc = "A black margin around the picture, more on one side than on the other as drawn.",
    params = { margin = { unit = "of each side", doc = "both margins of a side together", off = 0, full = 1, lo = 0, hi = 10 } },
    plan = function(p, ctx)
      local w, h = math.ceil(p.margin * ctx.width), math.ceil(p.margin * ctx.height)
      local left, top = math.floor(ctx.rng:uniform() * w + 0.5), math.floor(ctx.rng:uniform() * h + 0.5)
      return { { op = "pad", left = left, top = top, right = w - left, bottom = h - top } }
    end,
  }
  augmentation {
    name = "Letterbox", family = "geometry", weight = 0.25, changes_size = "the canvas grows",
    doc = "Grey bars above and below a wide picture, left and right of a tall one.",
    params = { bars = { unit = "of short side", doc = "both bars together", off = 0, full = 1, lo = 0, hi = 10 } },
    plan = function(p, ctx)
      local bars = math.ceil(p.bars * ctx.short_side)
      local first, wide = bars // 2, ctx.width >= ctx.height
      return { { op = "pad", left = wide and 0 or first, right = wide and 0 or bars - first, top = wide and first or 0,
        bottom = wide and bars - first or 0, fill = 114, fill_alpha = 255 } }
    end,
  }
  augmentation {
    name = "GridDistortion", family = "geometry", weight = 1, conflicts = { "ElasticTransform" },
    doc = "The crossings of a grid pushed about, the picture bent smoothly between them; the frame's edge stays.",
    params = {
      push = { unit = "of a cell", doc = "farthest along each axis", off = 0, full = 0.4, lo = 0, hi = 0.5 },
      cells = { unit = "a side", value = 5, lo = 1, hi = 64, whole = true },
    },
    plan = function(p, ctx)
      return { { op = "grid_distort", cols = p.cells, rows = p.cells, amount = p.push, key = ctx.rng:key() } }
    end,
  }
  augmentation {
    name = "OpticalDistortion", family = "geometry", weight = 1, signed = true, source = "Brown 1966",
    doc = "A lens that is not straight: barrel on the positive side, pincushion on the negative; edges are continued.",
    params = { k = { unit = "", doc = "share by which the corners' distance from the centre is off", off = 0, full = 1.2, minus = -0.3, lo = -0.33, hi = 4 } },
    plan = function(p) return { { op = "optical", k1 = p.k, border = "replicate" } } end,
  }
  augmentation {
    name = "Fisheye", family = "geometry", weight = 0.5, conflicts = { "OpticalDistortion" }, source = "Brown 1966",
    doc = "A very wide lens: the middle large, the outside crowded together inside a black rim.",
    params = { k = { unit = "", doc = "strength, felt most towards the corners", off = 0, full = 2, lo = 0, hi = 4 } },
    plan = function(p) return { { op = "optical", k1 = 0.4 * p.k, k2 = 0.6 * p.k } } end,
  }
  augmentation {
    name = "ThinPlateSpline", family = "geometry", weight = 1, conflicts = { "ElasticTransform", "GridDistortion" }, source = "Bookstein 1989",
    doc = "Bent like a thin plate by a few points pushed about, the frame's own among them.",
    params = {
      push = { unit = "of short side", doc = "farthest along each axis", off = 0, full = 0.14, lo = 0, hi = 0.4 },
      cells = { unit = "a side", value = 3, lo = 1, hi = 8, whole = true },
    },
    plan = function(p, ctx)
      return { { op = "thin_plate", cols = p.cells, rows = p.cells, amount = p.push * ctx.short_side, key = ctx.rng:key(), border = "replicate" } }
    end,
  }
  augmentation {
    name = "PiecewiseAffine", family = "geometry", weight = 1, conflicts = { "ElasticTransform", "GridDistortion", "ThinPlateSpline" },
    doc = "The crossings of a grid pushed about, every triangle between them stays flat; the frame's edge stays.",
    params = {
      push = { unit = "of a cell", doc = "farthest along each axis", off = 0, full = 0.33, lo = 0, hi = 0.45 },
      cells = { unit = "a side", value = 4, lo = 1, hi = 64, whole = true },
    },
    plan = function(p, ctx)
      return { { op = "piecewise_affine", cols = p.cells, rows = p.cells, amount = p.push, key = ctx.rng:key() } }
    end,
  }
end
