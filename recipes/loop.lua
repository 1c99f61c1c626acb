--- The whole job on a folder of pictures: where does it break, a report, new pictures inside the boundaries, a verdict.
--
--   brink recipes/loop.lua PHOTOS [OUT]         OUT: "brink-out"
--
-- Without a model: the recogniser built in says whether each picture is still known. With one, put it here; a function
-- from a picture to an answer is enough. Cut it short and run it again: it goes on.
-- SPDX-License-Identifier: MIT
local brink = require "brink"

local photos, out = arg[1], arg[2] or "brink-out"
if not photos then error("which photos? (brink recipes/loop.lua PHOTOS [OUT])", 0) end

local aug = brink.augmenter {
  -- predict = function(image) return "cat" end,     -- or brink.model "net.onnx"
  -- diff_error = brink.diff.confidence,
  -- augmentations = { "GaussianBlur", "Darken", "Rotate" },
  seed = 1,
}

local data = assert(brink.dataset(photos)) -- labels = "folder" when the folders are named after classes
local study = assert(aug:search(data, { step = 0.1, samples = 200, store = out .. "/analysis.db" }))
print(study:summary())

-- Half way to where each effect begins to hurt .. half way to where it breaks; never next to a mirror of the truth.
aug:set_realism({ "SafeRotate", "Rotate" }, 0.8)
local made = assert(aug:synthesize(data, { realism = 0.5, count = 100, total = true, output = out .. "/generated" }))
print(made:text())

print(aug:evaluate(assert(brink.dataset(out .. "/generated"))):text())
print(assert(study:report(out .. "/report")))
print(out .. "/generated/preview.html")
