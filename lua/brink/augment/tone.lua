--- Tone: how light and how contrasty the picture is. Colours keep their hue.
-- SPDX-License-Identifier: MIT
return function(augmentation)
  augmentation {
    name = "Brighten", family = "tone", weight = 0.5, conflicts = { "Darken", "Brightness" },
    doc = "More light everywhere: add the same amount to every colour; highlights clip.",
    params = { amount = { unit = "of full scale", off = 0, full = 0.8, lo = 0, hi = 1 } },
    plan = function(p) return { { op = "gain_offset", offset = p.amount } } end,
  }
  augmentation {
    name = "Darken", family = "tone", weight = 0.5, conflicts = { "Brightness" },
    doc = "Less light: scale every colour down; hue and saturation stay.",
    params = { loss = { unit = "of the light", off = 0, full = 0.97, lo = 0, hi = 1 } },
    plan = function(p) return { { op = "gain_offset", gain = 1 - p.loss } } end,
  }
  augmentation {
    name = "Brightness", family = "tone", weight = 0.5, signed = true,
    doc = "Exposure as a factor: multiply every colour, up on the positive side, down on the negative.",
    params = { factor = { unit = "times", off = 1, full = 4, minus = 0.05, lo = 0, hi = 16, law = "geometric" } },
    plan = function(p) return { { op = "gain_offset", gain = p.factor } } end,
  }
  augmentation {
    name = "Contrast", family = "tone", weight = 0.5, conflicts = { "Decontrast" },
    doc = "More contrast about the picture's mean, which stays where nothing clips.",
    params = { factor = { unit = "times", off = 1, full = 8, lo = 1, hi = 20, law = "geometric" } },
    plan = function(p) return { { op = "contrast", gain = p.factor } } end,
  }
  augmentation {
    name = "Decontrast", family = "tone", weight = 0.5,
    doc = "Less contrast about the picture's mean, which stays.",
    params = { factor = { unit = "times", off = 1, full = 0.02, lo = 0, hi = 1 } },
    plan = function(p) return { { op = "contrast", gain = p.factor } } end,
  }
  augmentation {
    name = "Gamma", family = "tone", weight = 0.5, signed = true,
    doc = "Gamma: raise to a power; above 1 the middle tones sink, below 1 they rise, black and white stay.",
    params = { exponent = { unit = "", off = 1, full = 6, lo = 0.1, hi = 10, law = "geometric" } },
    plan = function(p) return { { op = "gamma", gamma = p.exponent } } end,
  }
end
