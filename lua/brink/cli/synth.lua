--- brink synth: new labelled pictures inside the boundaries.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local dataset = require "brink.dataset"
local exit = require "brink.cli.exit"
local options = require "brink.cli.options"
local output = require "brink.cli.output"
local setup = require "brink.cli.setup"
local synthesize = require "brink.synthesize"

local M = {
  name = "synth",
  usage = "brink synth DATA -o FOLDER [--study STUDY] [--realism R] [options]",
  doc = "Make new labelled pictures inside the boundaries that a search found.",
  details = [[Every new picture is one of DATA with a few augmentations on it, each as strong as the study says the model bears: between (1-R) times its onset and (1-R) times its break. R = 1 hardly changes anything, 0 goes to the edge, below 0 past it. Without a study the effects are mild.

The folder gets the pictures, manifest.jsonl with a line per picture that says all there is to know, summary.json, synthesis.json with the settings, and preview.html to look at. With --total the same command may be repeated until it is done; without it each run adds COUNT. The same seed gives the same bytes, however often it was cut short and whatever --threads is.

A recipe's table `synth` may hold functions: accept = function(image, sample, item) return true end, name = function(sample, item, n) return "name" end.]],
  options = {
    { name = "output", short = "o", value = "FOLDER", doc = "where the pictures go; -: a WebDataset archive on standard output" },
    { name = "study", value = "FILE", doc = "what search stored (analysis.db)" },
    { name = "realism", short = "r", type = "number", hi = 1, default_text = "0.5", doc = "how near to the untouched picture" },
    { name = "count", short = "n", type = "count", lo = 0, default_text = "100", doc = "pictures to draw; inf: until stopped" },
    { name = "total", type = "flag", doc = "COUNT is what the folder shall hold in the end: go on where it stands" },
    (setup.options "model"), (setup.options "recipe"), (setup.options "diff"), (setup.options "augment"),
    { name = "min-augs", type = "integer", lo = 0, default_text = "3", doc = "least augmentations in a picture" },
    { name = "max-augs", type = "integer", lo = 0, default_text = "6", doc = "most" },
    { name = "realism-of", value = "NAME=R", many = true, doc = "another realism for one augmentation" },
    { name = "weight", value = "NAME=W", many = true, doc = "how often one is picked, relative to others; 0: never" },
    { name = "range", value = "NAME.FIELD=V", many = true, doc = "FIELD: min, max (intensities), multiplier, or only_shrink_max=1 (realism moves the upper end only)" },
    { name = "min-error", type = "number", lo = 0, hi = 1, doc = "keep a picture only if the model's error on it is at least this" },
    { name = "max-error", type = "number", lo = 0, hi = 1, doc = "at most this" },
    { name = "predict", type = "flag", doc = "note the model's error in the manifest even without these" },
    { name = "contrast", type = "flag", default = true, doc = "reject pictures with next to no contrast left; --no-contrast keeps them" },
    { name = "readable", type = "flag", doc = "reject pictures that are no longer readable" },
    { name = "tries", type = "integer", lo = 1, default_text = "50", doc = "rejected pictures after which a draw is skipped" },
    { name = "format", choices = { "png", "jpeg" }, default_text = "png", doc = "of the pictures" },
    { name = "quality", type = "integer", lo = 1, hi = 100, default_text = "95", doc = "of JPEG pictures" },
    { name = "folders", choices = { "class" }, doc = "class: a folder for every class" },
    { name = "label-format", value = "NAME", doc = "write a complete data set of this format (coco, yolo, voc, ...; same: as DATA)" },
    { name = "shard", value = "K/N", doc = "this part of the draws only; implies --total" },
    { name = "preview", type = "flag", default = true, doc = "write preview.html; --no-preview does not" },
    (setup.options "labels"),
    { name = "data-format", value = "NAME", doc = "how DATA is read; default: found out" },
    (setup.options "seed"), (setup.options "threads"), (options.common "json"),
  },
  examples = {
    { "brink synth photos/ --study analysis.db --realism 0.5 -n 1000 -o generated" },
    { "brink synth photos/ -o mild", "without a study: 100 pictures with mild effects" },
    { "brink synth photos/ --study a.db -o hard -r 0 --min-error 0.3 --recipe m.lua" },
    { "brink synth photos/ -o part2 -n 100000 --shard 2/8 --seed 7" },
    { "brink synth photos/ -n inf -o - | python3 train.py", "a WebDataset archive on standard output" },
    { "brink synth coco/ -o more --label-format same", "a COCO set like the one it was made from" },
    { "brink synth photos/ -o set --weight Hue=0 --range Rotate.max=0.2" },
  },
  json = {
    { "output", "the folder" },
    { "pictures", "pictures in it" },
    { "sources", "different pictures they were made from" },
    { "augmentations", "list of { name, side, count, least, mean, most, bins }: intensities, and pictures by tenth of intensity; side: + and - apart" },
    { "labels", "list of { label, count }" },
    { "label_events", "list of { event, count }: objects of labels that were clipped or dropped" },
    { "rejected", "list of { reason, count }: redrawn pictures" },
    { "skipped", "list of { n, rejected, failed }: draws that gave none" },
    { "failed", "list of { path, reason }: files that could not be used" },
    { "error", "mean predicted error, or null" },
    { "stopped", "why the run ended early, or null" },
  },
}

local PLAIN = { "realism", "count", "total", "predict", "contrast", "readable", "tries", "format", "quality", "folders", "shard", "preview", "output", "label_format" }
local RENAMED = { min_augs = "min_augmentations", max_augs = "max_augmentations", min_error = "min_predicted_diff_error", max_error = "max_predicted_diff_error" }

local function number_after(option, text, value)
  local v = tonumber(value)
  if not v then exit.with(exit.usage, "--%s %s: expected a number after =, got %q", option, text, tostring(value or "")) end
  return v
end

-- --weight, --realism-of and --range onto the augmenter.
local function adjust(aug, values)
  for _, way in ipairs { { "weight", values.weight, aug.set_weight }, { "realism-of", values.realism_of, aug.set_realism } } do
    for _, text in ipairs(way[2] or {}) do
      local name, value = text:match "^([^=]+)=(.*)$"
      exit.checked(way[3], aug, name or text, number_after(way[1], text, value))
    end
  end
  local ranges, order = {}, {}
  for _, text in ipairs(values.range or {}) do
    local name, field, value = text:match "^([^=.]+)%.([%w_]+)=(.*)$"
    if not name then exit.with(exit.usage, "--range %s: expected NAME.FIELD=VALUE", text) end
    if not ranges[name] then
      ranges[name] = {}
      order[#order + 1] = name
    end
    local v = number_after("range", text, value)
    if field == "only_shrink_max" then v = v ~= 0 end
    ranges[name][field] = v
  end
  for _, name in ipairs(order) do exit.checked(aug.set_range, aug, name, ranges[name]) end
end

local function settings(values, fields)
  local opts = setup.settings(fields, "synth")
  -- the flags that are on by default count only when the command line turns them off, so that a recipe can
  for _, name in ipairs(PLAIN) do
    local v = values[name]
    local off = (name == "contrast" or name == "preview") and v == true
    if v ~= nil and not off then opts[name] = v end
  end
  for name, option in next, RENAMED do
    if values[name] ~= nil then opts[option] = values[name] end
  end
  if opts.count == nil then opts.count = 100 end
  if opts.output == nil then exit.with(exit.usage, "synth: where to? (-o FOLDER)") end
  if values.quiet then opts.progress = false end
  if values.labels == "none" then opts.labels = false end
  return opts
end

local FOLDER_ONLY = { "count", "folders", "format", "label_format", "name", "output", "preview", "progress", "quality", "shard", "total" }

-- An archive on standard output (-o -), picture by picture. The reader may go at any time; that is no failure.
local function stream(aug, data, opts)
  for _, name in ipairs { "folders", "shard", "total", "name" } do
    if opts[name] then exit.with(exit.usage, "synth: -o - : --%s is for a folder", name) end
  end
  if opts.label_format and opts.label_format ~= "webdataset" then exit.with(exit.usage, "synth: -o - : only webdataset can be written to standard output") end
  local given, record = {}, { format = opts.format or "png", quality = opts.format == "jpeg" and (opts.quality or 95) or nil }
  for key, value in next, opts do given[key] = value end
  for _, name in ipairs(FOLDER_ONLY) do given[name] = nil end
  local ending = record.format == "jpeg" and ".jpg" or ".png"
  local out = dataset.writer("webdataset", "-", { classes = data.classes, meta = data.meta })
  local made = 0
  if opts.count > 0 then
    for s in exit.checked_options("stream: ", aug.stream, aug, data, given) do
      local bytes = exit.try(synthesize.encode(s.image, record))
      local at, message, word = out:add((s.name:gsub("%.%w+$", ending)), bytes, s.label)
      if not at and word == "closed" then return exit.ok end
      if not at then exit.with(word == "io" and exit.disk or exit.word(word), "standard output: %s", message) end
      made = made + 1
      if made >= opts.count then break end
    end
  end
  local ok, message, word = out:finish()
  if not ok and word ~= "closed" then exit.with(exit.disk, "%s", message) end
  return exit.ok
end

function M.run(values, operands)
  local aug, fields = setup.augmenter(values)
  local opts = settings(values, fields)
  adjust(aug, values)
  local data = setup.data("synth", operands, fields, { labels = values.labels, format = values.data_format })
  if values.study then opts.study = setup.study(values.study) end
  if opts.output == "-" then return stream(aug, data, opts) end
  local summary, message, word = exit.checked_options("synthesize: ", aug.synthesize, aug, data, opts)
  if not summary then exit.with(word == "io" and exit.disk or exit.word(word), "%s", tostring(message)) end
  if values.json then
    local null, out = core.json.null, { output = opts.output }
    for _, field in ipairs(M.json) do
      if field[1] ~= "output" then
        local v = summary[field[1]]
        out[field[1]] = v == nil and null or v
      end
    end
    output.json("synth", out)
  else
    io.write(summary:text(), opts.output, "\n")
  end
  return summary.stopped and exit.bad_inputs or exit.ok
end

return M
