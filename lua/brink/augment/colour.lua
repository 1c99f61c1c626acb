--- Colour: hue, saturation and single channels. Lightness moves as little as the effect allows.
-- SPDX-License-Identifier: MIT
return function(augmentation)
  augmentation {
    name = "Hue", family = "colour", weight = 0.5, conflicts = { "Dehue" },
    doc = "Turn the hue, red towards green.",
    params = { angle = { unit = "degrees", off = 0, full = 180, lo = 0, hi = 180 } },
    plan = function(p) return { { op = "hue", degrees = p.angle } } end,
  }
  augmentation {
    name = "Dehue", family = "colour", weight = 0.5,
    doc = "Turn the hue the other way, red towards blue.",
    params = { angle = { unit = "degrees", off = 0, full = 180, lo = 0, hi = 180 } },
    plan = function(p) return { { op = "hue", degrees = -p.angle } } end,
  }
  augmentation {
    name = "Saturate", family = "colour", weight = 0.5, conflicts = { "Desaturate" },
    doc = "Stronger colours: multiply the saturation; hue and value stay.",
    params = { factor = { unit = "times", off = 1, full = 8, lo = 1, hi = 16, law = "geometric" } },
    plan = function(p) return { { op = "saturation", factor = p.factor } } end,
  }
  augmentation {
    name = "Desaturate", family = "colour", weight = 0.5, aliases = { "Grayscale", "Greyscale" },
    doc = "Weaker colours, down to grey; hue and luma stay.",
    params = { factor = { unit = "times", off = 1, full = 0, lo = 0, hi = 1 } },
    plan = function(p) return { { op = "saturation", factor = p.factor, model = "luma" } } end,
  }
  augmentation {
    name = "Temperature", family = "colour", weight = 0.5, signed = true,
    doc = "Another light: warmer (candle) on the positive side, colder (blue sky) on the negative; white keeps its luma.",
    source = "Kim et al. 2002",
    params = { kelvin = { unit = "K", off = 6500, full = 1800, minus = 25000, lo = 1667, hi = 25000, law = "geometric" } },
    plan = function(p) return { { op = "temperature", kelvin = p.kelvin } } end,
  }
  for _, channel in ipairs { "Red", "Green", "Blue" } do
    local word, key = channel:lower(), channel:sub(1, 1):lower()
    augmentation {
      name = "More" .. channel, family = "colour", weight = 0.25, conflicts = { "Less" .. channel },
      doc = ("Add to the %s channel; the others stay as they are."):format(word),
      params = { amount = { unit = "of full scale", off = 0, full = 0.63, lo = 0, hi = 1 } },
      plan = function(p) return { { op = "shift_rgb", [key] = p.amount } } end,
    }
    augmentation {
      name = "Less" .. channel, family = "colour", weight = 0.25,
      doc = ("Take from the %s channel; the others stay as they are."):format(word),
      params = { amount = { unit = "of full scale", off = 0, full = 0.63, lo = 0, hi = 1 } },
      plan = function(p) return { { op = "shift_rgb", [key] = -p.amount } } end,
    }
  end
end
