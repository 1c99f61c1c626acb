--- brink eval: how a model does on a data set.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local exit = require "brink.cli.exit"
local metrics = require "brink.metrics"
local options = require "brink.cli.options"
local output = require "brink.cli.output"
local setup = require "brink.cli.setup"

local M = {
  name = "eval",
  usage = "brink eval DATA [--model MODEL] [--recipe FILE] [options]",
  doc = "Say how a model does on labelled pictures: average error, what differs, per class.",
  details = [[DATA may be the folder of `brink synth`: its labels come from the manifest, and without a model the recogniser built in looks whether each picture is still known as the one it was made from. Where the manifest has no labels, a model is held against its own answer on the untouched picture.

Pictures that cannot be read, have no label, or on which the model fails are listed with the reason and are no part of the average.]],
  options = {
    (setup.options "model"), (setup.options "recipe"), (setup.options "diff"), (setup.options "labels"), (setup.options "format"),
    { name = "differs", type = "number", lo = 0, hi = 0.999999, default_text = "0.02", doc = "an error above this is a differing output" },
    { name = "metric", many = true, value = "NAME", choices = metrics.names(), doc = "figures over all pictures too: detection (COCO average precision of boxes), oriented (of oriented ones), masks, keypoints, segmentation, classification, regression" },
    { name = "max-failures", type = "integer", lo = 0, doc = "stop when more pictures than this fail; default: never" },
    { name = "out", short = "o", value = "FILE", doc = "write the result as JSON too" },
    (setup.options "seed"), (setup.options "threads"), (options.common "json"),
  },
  examples = {
    { "brink eval photos/ --labels folder --recipe mine.lua" },
    { "brink eval generated/", "pictures of synth, with the recogniser built in" },
    { "brink eval test/ --model net.onnx -o eval.json --json" },
  },
  json = {
    { "n", "pictures judged" },
    { "mean, lo, hi", "average error and its 95 % interval" },
    { "count, differs", "differing outputs, and the error above which one counts" },
    { "differing", "list of { path, label, prediction, error }" },
    { "per_class", "list of { class, n, mean, lo, hi, differing }" },
    { "failures", "list of { path, reason }" },
    { "metrics", "list of { name, figures } asked for by --metric" },
    { "by_source", "pictures of synth without a label, held against the model's own answer on what they were made from" },
    { "model", "what judged them" },
  },
}

function M.run(values, operands)
  local aug, fields = setup.augmenter(values)
  local data = setup.data("eval", operands, fields, values)
  local opts = setup.settings(fields, "eval")
  if values.differs then opts.differs = values.differs end
  if values.metric then opts.metrics = values.metric end
  if values.max_failures then opts.max_failures = values.max_failures end
  if values.quiet then opts.progress = false end
  local result = exit.checked_options("evaluate: ", aug.evaluate, aug, data, opts)
  if values.out then
    local ok, message = core.file.write(values.out, result:json(), { durable = true })
    if not ok then exit.with(exit.disk, "%s", message) end
  end
  if values.json then output.json("eval", core.json.decode(result:json())) else io.write(result:text()) end
  return result.n == 0 and exit.bad_inputs or exit.ok
end

return M
