--- Synthesis: new labelled pictures inside the boundaries a search found.
--
--   aug:synthesize("photos", { realism = 0.5, count = 1000, output = "generated" })
--   for sample in aug:stream("photos", { realism = 0.5 }) do ... end
--
-- Picture n is made by draw n, and a draw depends on the settings and its number
-- alone (synth/draw.lua): not on threads, shards, or where a run was cut short.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local bounds = require "brink.synth.bounds"
local core = require "brink.core"
local diff = require "brink.diff"
local draw = require "brink.synth.draw"
local guard = require "brink.synth.guard"
local identity = require "brink.identity"
local labels = require "brink.labels"
local manifest = require "brink.synth.manifest"
local map = require "brink.map"
local model_module = require "brink.model"
local names = require "brink.synth.names"
local nearest = require "brink.nearest"
local progress = require "brink.progress"
local shown = require "brink.shown"
local study_module = require "brink.study"

local M = {}

local SHARED = { "accept", "contrast", "labels", "max_augmentations", "max_predicted_diff_error", "min_augmentations", "min_predicted_diff_error",
  "predict", "readable", "realism", "rows", "rules", "seed", "study", "tries" }
local FOLDER = { "count", "folders", "format", "label_format", "name", "output", "preview", "progress", "quality", "shard", "total" }
local STREAM = { "ahead", "first" }

local function check_names(opts, level, ...)
  local known = {}
  for _, list in ipairs { ... } do table.move(list, 1, #list, #known + 1, known) end
  local unknown, hint = nearest.unknown(opts, known)
  if unknown then error("synthesize: no option " .. unknown .. hint, level) end
end

-- Levels: the one at which error, called where the level stands as an argument, blames the user.
local function fail(level, format, ...) error("synthesize: " .. format:format(...), level) end

local function integer(opts, name, default, lo, hi, level)
  local v = opts[name]
  if v == nil then return default end
  if math.type(v) ~= "integer" or v < lo or v > hi then fail(level + 1, "%s: an integer in %d..%d expected, got %s", name, lo, hi, tostring(v)) end
  return v
end

local function number(opts, name, lo, hi, level)
  local v = opts[name]
  if v == nil then return nil end
  if type(v) ~= "number" or not (v >= lo and v <= hi) then fail(level + 1, "%s: a number in %g..%g expected, got %s", name, lo, hi, tostring(v)) end
  return v
end

local function optional(opts, name, kind, level)
  local v = opts[name]
  if v ~= nil and type(v) ~= kind then fail(level + 1, "%s: a %s expected, got a %s", name, kind, type(v)) end
  return v
end

local function realism_of(opts, level)
  local r = opts.realism
  if r == nil then return 0.5 end
  if type(r) ~= "number" or r ~= r or r > 1 or r == -math.huge then fail(level + 1, "realism: a number up to 1 expected, got %s", tostring(r)) end
  return r
end

-- The study: given, by path, or the augmenter's own.
local function study_of(spec, opts, level)
  local s = opts.study
  if s == nil then return spec.study end
  if type(s) ~= "string" then
    if type(s) ~= "table" or type(s.bounds) ~= "function" then fail(level + 1, "study: a study or its path expected, got a %s", type(s)) end
    return s
  end
  local opened, message, code = study_module.open(s)
  return manifest.try(opened, message, code)
end

-- Rows by name: those asked for, the augmenter's, those of the study, or all.
local function rows_of(spec, opts, study)
  local list = opts.rows or spec.augmentations
  if not list and study and study.names then
    list = {}
    for _, name in ipairs(study:names()) do list[#list + 1] = augment.find(name) end
  end
  if not list or #list == 0 then return augment.list() end
  local wanted, out = {}, {}
  for _, r in ipairs(list) do wanted[augment.get(r)] = true end
  for _, row in ipairs(augment.list()) do if wanted[row] then out[#out + 1] = row end end
  return out
end

-- The rules for labels: kept as given when they move labels of one's own kind, else checked, with the rows they forbid.
local function add_rules(run, given, level)
  if given == nil then return end
  if type(given) ~= "table" then fail(level + 1, "rules: a table expected, got a %s", type(given)) end
  run.rules, run.rules_identity = given, identity.of(given)
  if given.transform and getmetatable(given) == nil then return end
  run.rules = labels.rules(given)
  run.refused = function(row, sample) return run.rules:excluded(sample.label, row.name) ~= nil end
end

-- Everything a draw needs, checked.
local function prepare(spec, data, opts, level)
  level = level + 1
  local run = {
    data = data, seed = opts.seed == nil and spec.seed or opts.seed or 1, realism = realism_of(opts, level), passes = {},
    least = integer(opts, "min_augmentations", 3, 0, 1000, level), tries = integer(opts, "tries", 50, 1, 1000000, level),
    min_error = number(opts, "min_predicted_diff_error", 0, 1, level), max_error = number(opts, "max_predicted_diff_error", 0, 1, level),
    accept = optional(opts, "accept", "function", level), contrast = optional(opts, "contrast", "boolean", level) ~= false,
    readable = optional(opts, "readable", "boolean", level) or false,
  }
  if math.type(run.seed) ~= "integer" and type(run.seed) ~= "string" then fail(level, "seed: an integer or a text expected") end
  run.most = integer(opts, "max_augmentations", math.max(6, run.least), 0, 1000, level)
  if run.least > run.most then fail(level, "min_augmentations: %d is above max_augmentations, %d", run.least, run.most) end
  if run.min_error and run.max_error and run.min_error > run.max_error then
    fail(level, "min_predicted_diff_error: %g is above max_predicted_diff_error, %g", run.min_error, run.max_error)
  end
  add_rules(run, opts.rules, level)
  if #data == 0 then manifest.try(nil, "synthesize: the data set is empty", "empty") end
  run.study = study_of(spec, opts, level)
  run.rows, run.weights = bounds.rows(rows_of(spec, opts, run.study), spec.weights or {})
  if #run.rows == 0 and run.most > 0 then fail(level, "rows: no augmentation with a weight above 0") end
  run.bounds, run.notes = bounds.of { rows = run.rows, study = run.study, realism = run.realism, realisms = spec.realism or {},
    ranges = spec.ranges or {}, limit = guard.limit(data, run.seed) }
  run.predicts = optional(opts, "predict", "boolean", level) or run.min_error ~= nil or run.max_error ~= nil
  if run.predicts then
    run.model = spec.model or model_module.open(nil)
    if run.model.bind then run.model = run.model:bind(data, run.seed) end
    run.diff = spec.diff_error or run.model.diff_error or diff.equal
    run.label_free = opts.labels == false or (opts.labels == nil and spec.labels == false)
  end
  return run
end

-- "2/4" or { 2, 4 } -> 2, 4.
local function shard_of(opts, level)
  local s = opts.shard
  if s == nil then return 1, 1 end
  local k, n
  if type(s) == "string" then k, n = s:match "^(%d+)/(%d+)$" elseif type(s) == "table" then k, n = s[1], s[2] end
  k, n = math.tointeger(tonumber(k)), math.tointeger(tonumber(n))
  if not k or not n or k < 1 or k > n then fail(level + 1, "shard: \"k/n\" with k in 1..n expected, got %s", tostring(s)) end
  return k, n
end

-- Whether a folder, or the one it is going to be made in, is `root` or lies in it.
local function lies_in(path, root)
  local target = core.file.info(root)
  if not target or target.type ~= "dir" then return false end
  local at = path
  while (core.file.info(at) or { type = "missing" }).type == "missing" do at = at:match "^(.+)/[^/]*$" or at:match "^/" or "." end
  local info = core.file.info(at)
  while true do
    if info.ino == target.ino and info.dev == target.dev then return true end
    at = at .. "/.."
    local above = core.file.info(at)
    if not above or above.type ~= "dir" or (above.ino == info.ino and above.dev == info.dev) then return false end
    info = above
  end
end

local function folder_options(run, opts, level)
  level = level + 1
  run.output = opts.output
  if type(run.output) ~= "string" or run.output == "" then fail(level, "output: the path of a folder expected, got %s", tostring(run.output)) end
  run.output = run.output:gsub("(.)/+$", "%1")
  if type(run.data.path) == "string" and lies_in(run.output, run.data.path) then
    fail(level, "output: %s lies in the data, %s: its pictures would be taken for sources; a folder outside expected", run.output, run.data.path)
  end
  local count = opts.count
  if count ~= math.huge and (math.type(count) ~= "integer" or count < 0) then fail(level, "count: an integer from 0, or math.huge, expected, got %s", tostring(count)) end
  run.count, run.total = count, optional(opts, "total", "boolean", level) or opts.shard ~= nil
  run.format = opts.format or "png"
  if run.format ~= "png" and run.format ~= "jpeg" then fail(level, "format: png or jpeg expected, got %s", tostring(opts.format)) end
  run.quality = run.format == "jpeg" and integer(opts, "quality", 95, 1, 100, level) or nil
  if opts.folders ~= nil and opts.folders ~= "class" and opts.folders ~= false then fail(level, "folders: \"class\" expected, got %s", tostring(opts.folders)) end
  run.folders, run.name = opts.folders or nil, optional(opts, "name", "function", level)
  run.shard, run.shards = shard_of(opts, level)
  if opts.label_format ~= nil then
    local why
    if run.folders then fail(level, "folders: the label format says where pictures go") end
    run.labelled, why = require("brink.synth.labelled").new(opts.label_format, run.data)
    if not run.labelled then fail(level, "%s", why) end
  end
end

-- What the pictures follow from, as data: written beside them, and compared when a run goes on.
local function settings_of(run)
  local parts, ranges, rows = {}, {}, {}
  for k = 1, #run.data do parts[k] = run.data[k].relative or run.data[k].name end
  for k, row in ipairs(run.rows) do
    rows[k] = { name = row.name, weight = run.weights[k], identity = identity.of { row.name, row.make } }
    for _, b in ipairs(run.bounds[row.name]) do
      ranges[#ranges + 1] = { name = b.name, side = b.side, lo = b.lo, hi = b.hi, from = b.from, to = b.to, source = b.source, realism = b.realism }
    end
  end
  return {
    data = ("%d samples %s"):format(#run.data, core.file.hash_text(table.concat(parts, "\n"))), seed = run.seed, realism = run.realism,
    augmentations = core.json.array(rows), bounds = core.json.array(ranges), notes = core.json.array(run.notes),
    min_augmentations = run.least, max_augmentations = run.most, tries = run.tries, contrast = run.contrast, readable = run.readable,
    accept = run.accept and identity.of(run.accept) or false, name = run.name and identity.of(run.name) or false,
    min_predicted_diff_error = run.min_error or false, max_predicted_diff_error = run.max_error or false,
    model = run.predicts and tostring(run.model.identity) or false, format = run.format, quality = run.quality or false,
    folders = run.folders or false, label_format = run.labelled and run.labelled.name or false, rules = run.rules_identity or false, shard = ("%d/%d"):format(run.shard, run.shards), version = core.plan.result_version,
  }
end

--- The manifest line of an item as a table. `bytes`: the encoded picture.
local function record_of(run, item, log, bytes)
  local s, applied = item.sample, {}
  for k, a in ipairs(item.augmentations) do applied[k] = { name = a.name, i = a.i + 0.0, params = a.params } end
  local record = {
    n = item.n, try = item.try, name = names.of(run, item), seed = run.seed, sample = s.id, key = item.key,
    source = manifest.source(s), plan = core.json.array(core.plan.new(item.plan):steps()),
    augmentations = core.json.array(applied), pixels = item.image:hash(), file = core.file.hash_text(bytes), format = run.format,
    quality = run.quality, width = item.image.width, height = item.image.height, error = item.error, version = core.plan.result_version,
    rejected = next(log.rejected) and log.rejected or nil, failed = #log.failed > 0 and log.failed or nil, label_events = item.events,
    split = rawget(s, "split"),
  }
  local beside = run.labelled and rawget(s, "read_beside")
  record.beside = beside and beside(s) or nil
  if item.label_in ~= nil then record.label_in = labels.record(item.label_in) end
  if item.label ~= nil then record.label = labels.record(item.label) end
  local ok, why = pcall(core.json.encode, record)
  if not ok then error(("%s: the label cannot be written as JSON: %s"):format(s.path, why), 0) end
  return record
end

--- Encode as the manifest says; `record` needs format and quality.
function M.encode(image, record)
  return image:encode(record.format, record.quality and { quality = record.quality } or nil)
end

-- One draw, its picture written to where it waits.
local function work(run, folder, n)
  local item, log = draw.make(run, n)
  if not item then return { n = n, log = log } end
  local bytes, message, code = M.encode(item.image, run)
  manifest.try(bytes, message, code)
  local record = record_of(run, item, log, bytes)
  local files = run.labelled and run.labelled:files(item, record, bytes)
  manifest.try(core.file.write(folder:waiting(n), bytes, { durable = false }))
  local shared = item.image == rawget(item.sample, "pixels")
  if not shared then item.image:close() end
  return { n = n, record = record, files = files }
end

-- Draw numbers of this run, in order: its shard's part of first..last.
local function numbers(run, first, last)
  local n = first - 1
  return function()
    repeat n = n + 1 until n > last or (n - 1) % run.shards == run.shard - 1
    return n <= last and n or nil
  end
end

--- Consecutive draws without a picture that end a run: twice over the data, at least 20.
local function patience(run) return math.max(20, 2 * #run.data) end

local function reason_of(log)
  local best, count
  for reason, k in pairs(log.rejected) do
    if not count or k > count or (k == count and reason < best) then best, count = reason, k end
  end
  return best or (log.failed[1] and ("%s: %s"):format(log.failed[1].path, log.failed[1].reason)) or "nothing to try"
end

local STOP = {} -- raised to end the taking of draws

local function fill(run, folder, bar)
  local first = folder.last + 1
  local last = run.count == math.huge and math.huge or (run.total and run.count or folder.last + run.count)
  local row, limit = 0, patience(run)
  local ok, err = pcall(map.each, numbers(run, first, last), function(n) return work(run, folder, n) end, { each = function(result)
    if result.record then
      row = 0
      folder:add(result.record, result.files)
    else
      row = row + 1
      folder:skip { n = result.n, rejected = result.log.rejected, failed = #result.log.failed > 0 and result.log.failed or nil }
      if row >= limit then
        run.stopped = ("no picture in %d draws one after another; the last: %s"):format(row, reason_of(result.log))
        error(STOP, 0)
      end
    end
    bar:add()
  end })
  if ok or err == STOP then return folder:commit() end
  -- what is made stays made: after an interruption too, which is forgotten for the moment that takes
  local message, code = manifest.failure(err)
  local interruption = core.async.interruption()
  if interruption and (code == "cancelled" or not message) then
    core.async.clear()
    pcall(folder.commit, folder)
    error(interruption, 0)
  end
  if not message then pcall(folder.commit, folder) end
  error(err, 0)
end

local function run_folder(spec, data, opts, level)
  local run = prepare(spec, data, opts, level + 1)
  folder_options(run, opts, level + 1)
  local folder <close> = manifest.open(run.output, settings_of(run), run.total)
  local most = run.count == math.huge and 0 or run.total and math.max(0, run.count - folder.last) or run.count
  local before = folder.count
  local bar = progress.new("pictures", math.ceil(most / run.shards), { quiet = opts.progress == false })
  for _, note in ipairs(run.notes) do bar:say("%s", note) end
  if folder.missing > 0 then bar:say("%s of the manifest no longer there; brink replay makes them again", shown.count(folder.missing, "picture")) end
  fill(run, folder, bar)
  if run.labelled then run.labelled:finish(run.output) end
  local summary = require("brink.synth.summary").of(run.output)
  manifest.try(core.file.write(run.output .. "/summary.json", summary:json()))
  if opts.preview ~= false then
    manifest.try(core.file.write(run.output .. "/preview.html", require("brink.synth.preview").page(run.output, summary)))
  end
  bar:done(folder.count - before)
  if run.stopped then bar:say("stopped: %s", run.stopped) end
  summary.stopped, summary.made = run.stopped, folder.count
  return summary
end

--- Make labelled pictures in a folder. `spec`: an augmenter; `data`: a data set.
--
-- opts: output (folder) and count (draws of this call, or math.huge; with total = true the draws the folder shall hold, so that
-- the call can be repeated until it is done). realism (.5): intensities lie between (1-r) onset and (1-r) break of the
-- study; 1 hardly changes anything, 0 goes to the edge, below 0 past it. study (a study or its path; default the
-- augmenter's own; without one intensities lie in 0 .. .3 (1-r)). seed, rows (names; default the augmenter's, else the
-- study's, else all). min_augmentations (3), max_augmentations (6). tries (50): pictures a draw may reject before it is skipped. contrast (true): reject pictures
-- with next to no contrast left; readable (false): reject what the plausibility guard calls unreadable.
-- min_predicted_diff_error, max_predicted_diff_error: the model's error on the new picture, against the label that goes with
-- it; predict (false): measure it even without them. accept: function(image, sample, item) -> true | false, reason.
-- rules: what happens to the parts of a label that suffer (labels/rules.lua), or { transform = function(label, warp) }.
-- name: function(sample, item, n) -> file name. format ("png", "jpeg"), quality (95), folders ("class"). label_format: a format
-- of dataset.writer, or "same" as the data has: label files, splits and class names are written, so that the folder is a
-- complete set of that format.
-- shard ("k/n"): this part of the draws; implies total. preview (true), progress (true).
--
-- A draw whose every try is rejected is skipped and listed, so the folder may hold fewer pictures than draws; twice over the
-- data without one ends the run. Returns a summary (synth/summary.lua: `made`, `skipped`, `stopped`, text), or nil,
-- message, code when the world fails; raises on misuse and on errors in the user's functions.
function M.run(spec, data, opts)
  if type(opts) ~= "table" then error("synthesize: options: a table expected, got " .. type(opts), 3) end
  check_names(opts, 3, SHARED, FOLDER)
  local result = table.pack(pcall(run_folder, spec, data, opts, 4))
  if result[1] then return result[2] end
  local message, code = manifest.failure(result[2])
  if message then return nil, message, code end
  error(result[2], 0)
end

-- What a stream gives for an item.
local function sample_of(run, item)
  return { image = item.image, label = item.label, plan = item.plan, name = names.of(run, item), source = item.sample.path, sample = item.sample,
    n = item.n, augmentations = item.augmentations, error = item.error }
end

--- Labelled pictures without end: for sample in aug:stream(data, opts) do.
-- opts: those of run that do not concern a folder, first (1: number of the first draw) and ahead (pictures made at a time;
-- default 2 x threads + 2). Each sample: { image, label, plan, name, source, sample, n, augmentations, error }. The order and
-- the pictures do not depend on threads. Skipped draws are passed over; when twice the data give nothing, an error says why.
-- Returns an iterator and, as fourth value, what closes it.
function M.stream(spec, data, opts)
  opts = opts or {}
  if type(opts) ~= "table" then error("stream: options: a table expected, got " .. type(opts), 3) end
  check_names(opts, 3, SHARED, STREAM)
  local ok, run = pcall(prepare, spec, data, opts, 4)
  if not ok then error(type(run) == "string" and run or tostring(run), 0) end
  run.format = "png"
  local ahead = integer(opts, "ahead", 2 * core.async.threads() + 2, 1, 100000, 3)
  local next_draw, empty = integer(opts, "first", 1, 1, math.maxinteger, 3), 0
  local ready, at, closed = {}, 1, false
  local function refill()
    local block = {}
    for k = 1, ahead do block[k] = next_draw + k - 1 end
    next_draw = next_draw + ahead
    ready, at = {}, 1
    local made = map.map(block, function(n)
      local item, log = draw.make(run, n)
      return { item = item, log = log }
    end, { inflight = ahead })
    for _, r in ipairs(made) do
      if r.item then
        ready[#ready + 1], empty = r.item, 0
      else
        empty = empty + 1
        if empty >= patience(run) and #ready == 0 then
          error(("stream: no picture in %d draws one after another; the last: %s"):format(empty, reason_of(r.log)), 0)
        end
      end
    end
  end
  local function following()
    if closed then return nil end
    while at > #ready do refill() end
    local item = ready[at]
    ready[at], at = nil, at + 1
    return sample_of(run, item)
  end
  local closer = setmetatable({}, { __close = function()
    closed = true
    for k = at, #ready do
      if ready[k].image ~= rawget(ready[k].sample, "pixels") then ready[k].image:close() end
    end
    ready = {}
  end })
  return following, nil, nil, closer
end

return M
