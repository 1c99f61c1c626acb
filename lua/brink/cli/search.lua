--- brink search: at which intensity does the model begin to fail, and where does it break?
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local exit = require "brink.cli.exit"
local options = require "brink.cli.options"
local output = require "brink.cli.output"
local setup = require "brink.cli.setup"
local shown = require "brink.shown"
local strategies = require "brink.search.strategy"

local M = {
  name = "search",
  usage = "brink search DATA [--model MODEL] [--recipe FILE] [options]",
  doc = "Find the intensity at which each augmentation makes the model fail.",
  details = [[DATA is a folder of pictures or a data set some reader knows. Every prediction goes into the study (--store) before it counts. Ctrl-C stops and keeps all of it; the same command again goes on from there, and prints the result at once when it is finished. A study of other data, another model or other options is refused.

Pictures that cannot be read are listed at the end and cost nothing else.]],
  options = {
    (setup.options "model"), (setup.options "recipe"), (setup.options "diff"), (setup.options "augment"),
    { name = "step", type = "number", lo = 0.001, hi = 0.5, default_text = "0.05", doc = "distance of two intensities" },
    { name = "strategy", value = "NAME|FILE.lua", default_text = "adaptive", doc = "adaptive: only what decides; grid: everything; or a file that returns a strategy" },
    { name = "onset", type = "number", lo = 0, hi = 1, default_text = "0.02", doc = "rise of the error from which it counts" },
    { name = "break", type = "number", lo = 0, hi = 1, default_text = "0.49", doc = "rise of the error at which the model is broken" },
    { name = "samples", type = "integer", lo = 1, doc = "so many pictures only, picked by the seed" },
    (setup.options "labels"), (setup.options "format"),
    { name = "store", value = "FILE", default_text = "analysis.db", doc = "the study; none: in memory only" },
    { name = "out", short = "o", value = "FILE", doc = "the analysis as JSON; - for standard output, none for none; default: beside the study" },
    { name = "report", value = "FOLDER", doc = "write the report page too" },
    { name = "max-failures", type = "integer", lo = 0, doc = "stop when more predictions than this fail; default: never" },
    { name = "estimate", type = "flag", doc = "only say how many predictions it takes at most" },
    (setup.options "seed"), (setup.options "threads"), (options.common "json"),
  },
  examples = {
    { "brink search photos/", "with the recogniser built in; writes analysis.db and analysis.json" },
    { "brink search photos/ --recipe mine.lua --augment Hue --report page" },
    { "brink search photos/ --strategy grid --step 0.1 --samples 50 --store quick.db" },
    { "brink search photos/ --estimate" },
  },
  json = {
    { "estimate", "with --estimate: { at_most, samples, axes, ticks }; nothing else then" },
    { "store", "path of the study, or null" },
    { "analysis", "path of the analysis, or null" },
    { "report", "path of the page, or null" },
    { "images", "pictures that took part" },
    { "baseline", "mean error on the untouched pictures" },
    { "predictions", "predictions the result stands on" },
    { "sides", "most fragile first: { name, side, onset, onset_lo, onset_hi, onset_found, break, break_lo, break_hi, break_found, islands }" },
    { "failures", "list of { path, at, reason }" },
  },
}

local function strategy_of(text)
  if text and text:match "%.lua$" then
    local made = require "brink.cli.script".load(text)()
    exit.checked(strategies.get, made)
    return made
  end
  if text then exit.checked(strategies.get, text) end
  return text
end

--- Options of aug:search from the recipe, then from the command line.
local function search_options(values, fields)
  local opts = setup.settings(fields, "search")
  local given = { step = values.step, strategy = strategy_of(values.strategy), onset = values.onset, break_at = values["break"],
    samples = values.samples, max_failures = values.max_failures }
  for _, name in ipairs { "step", "strategy", "onset", "break_at", "samples", "max_failures" } do
    if given[name] ~= nil then opts[name] = given[name] end
  end
  if values.labels == "none" then opts.labels = false end
  opts.store = values.store or opts.store or "analysis.db"
  if opts.store == "none" then opts.store = nil end
  if values.out == "none" or values.out == "-" then opts.json = false
  elseif values.out then opts.json = values.out end
  if values.quiet then opts.progress = false end
  return opts
end

local function array_of(list, fn)
  local out = core.json.array {}
  for k, v in ipairs(list) do out[k] = fn(v) end
  return out
end

local function side_of(c)
  local b = c.bounds
  return { name = c.name, side = c.side, onset = b.onset, onset_lo = b.onset_lo, onset_hi = b.onset_hi, onset_found = b.onset_found,
    ["break"] = b.break_, break_lo = b.break_lo, break_hi = b.break_hi, break_found = b.break_found,
    islands = array_of(b.islands, function(i) return { from = i.from, to = i.to } end) }
end

local function json_of(study, files)
  local null, a = core.json.null, study.analysis
  return { store = files.store or null, analysis = files.analysis or null, report = files.report or null, images = a.set_size,
    baseline = a.baseline, predictions = a.predictions, sides = array_of(study:fragility(), side_of),
    failures = array_of(a.failures, function(f) return { path = f.path, at = f.at, reason = f.reason } end) }
end

-- The stored path of the analysis, as the search chooses it.
local function analysis_path(opts)
  if opts.json == false then return nil end
  if type(opts.json) == "string" then return opts.json end
  return opts.store and opts.store:gsub("%.db$", ""):gsub("%.sqlite$", "") .. ".json" or nil
end

-- Says how to go on when what follows is interrupted.
local function resume_note(opts)
  return setmetatable({}, { __close = function(_, err)
    local left = err ~= nil and exit.of(err)
    if left and (left.code == exit.interrupted or left.code == exit.terminated) then
      io.stderr:write(opts.store and ("\nbrink: %s holds what is done; run the same command again to go on\n"):format(opts.store)
        or "\nbrink: nothing is kept without --store\n")
    end
  end })
end

local function print_summary(study, files, values)
  local out = values.out == "-" and io.stderr or io.stdout
  local text = study:summary():gsub("\n(augmentation[^\n]*)", function(line) return "\n" .. output.bold(line, out == io.stdout and 1 or 2) end, 1)
  out:write(text)
  for _, name in ipairs { "store", "analysis", "report" } do
    if files[name] then out:write(("%-9s %s\n"):format(name, files[name])) end
  end
end

local function say_estimate(e, values)
  if values.json then return output.json("search", { estimate = e }) end
  io.write(("at most %s: %s, %s, %s each\n"):format(shown.count(e.at_most, "prediction"), shown.count(e.samples, "image"), shown.count(e.axes, "side"),
    shown.count(e.ticks, "intensity", "intensities")))
end

function M.run(values, operands)
  if values.json and values.out == "-" then exit.with(exit.usage, "search: --json and --out - would both write to standard output") end
  local aug, fields = setup.augmenter(values)
  local data = setup.data("search", operands, fields, values)
  local opts = search_options(values, fields)
  local asked = {}
  for key, value in next, opts do asked[key] = value end
  asked.estimate = true
  local estimate = exit.checked(aug.search, aug, data, asked) -- a wrong option shows before any work
  if values.estimate then return say_estimate(estimate, values) end
  local files = { store = opts.store, analysis = analysis_path(opts) }
  local study
  do
    local _ <close> = resume_note(opts)
    local message, word
    study, message, word = aug:search(data, opts)
    if not study then exit.with(word == "io" and exit.disk or exit.word(word), "%s", tostring(message)) end
    if values.report then files.report = exit.try(study:report(values.report)) end
  end
  if values.json then output.json("search", json_of(study, files)) else print_summary(study, files, values) end
  if values.out == "-" then io.write(study:json()) end
  study:close()
end

return M
