--- The search: at which intensity of each augmentation does the model begin to fail, and where does it break?
--
-- The clean pixels come first: the baseline. Then rounds: every axis (one side of
-- one row) asks its strategy for questions, all questions of the round are
-- answered in parallel, and the next round follows from the answers alone. Every
-- answer is in the store before it counts for anything; what the store holds is
-- not asked again, so a run that was cut short goes on as if it had not been.
-- SPDX-License-Identifier: MIT
local analysis = require "brink.search.analysis"
local augment = require "brink.augment"
local axis = require "brink.search.axis"
local core = require "brink.core"
local diff = require "brink.diff"
local identity = require "brink.identity"
local map = require "brink.map"
local measure = require "brink.search.measure"
local memory = require "brink.search.memory"
local model_module = require "brink.model"
local nearest = require "brink.nearest"
local progress = require "brink.progress"
local sample = require "brink.sample"
local strategies = require "brink.search.strategy"
local rows = require "brink.augment.row"
local shapes = require "brink.labels.shapes"
local shown = require "brink.shown"
local study = require "brink.study"

local M = { strategy = strategies }

rows.blame_caller(debug.getinfo(1, "S").source)
-- Misuse names the file and line of the recipe.
local function blame(text) error(rows.caller() .. ": " .. text, 0) end

local DEFAULTS = { step = 0.05, strategy = "adaptive", onset = 0.02, break_at = 0.49, seed = 1 }
local OPTIONS = { "step", "strategy", "onset", "break_at", "seed", "store", "json", "rows", "samples", "labels", "max_failures", "progress",
  "estimate" }
M.options = OPTIONS
local CHUNK = { least = 8, most = 64 } -- questions that share one decoded picture

local function number(opts, name, lo, hi)
  local v = opts[name]
  if v == nil then return DEFAULTS[name] end
  if type(v) ~= "number" or not (v > lo and v <= hi) then
    blame(("search: %s: %s is outside %g..%g"):format(name, tostring(v), lo, hi))
  end
  return v
end

local function settings_of(given)
  local unknown, hint = nearest.unknown(given, OPTIONS)
  if unknown then blame("search: no option " .. unknown .. hint) end
  local opts = {}
  for key, value in next, given do opts[key] = value end
  opts.step = number(given, "step", 0.0009, 0.5)
  opts.onset = number(given, "onset", 0, 1)
  opts.break_at = number(given, "break_at", 0, 1)
  if opts.onset > opts.break_at then blame(("search: onset: %s is above break_at, %s"):format(opts.onset, opts.break_at)) end
  opts.seed = given.seed == nil and DEFAULTS.seed or given.seed
  if math.type(opts.seed) ~= "integer" and type(opts.seed) ~= "string" then blame("search: seed: an integer or a text expected") end
  if given.samples ~= nil and (math.type(given.samples) ~= "integer" or given.samples < 1) then
    blame("search: samples: an integer from 1 expected, got " .. tostring(given.samples))
  end
  opts.strategy, opts.strategy_name = strategies.get(given.strategy or DEFAULTS.strategy)
  return opts
end

--- Rows from names or rows; the whole catalogue when nil. In catalogue order, each once.
local function rows_of(list)
  if list == nil then return augment.list() end
  local wanted, out = {}, {}
  for _, r in ipairs(type(list) == "table" and getmetatable(list) == nil and list or { list }) do wanted[augment.get(r)] = true end
  for _, row in ipairs(augment.list()) do if wanted[row] then out[#out + 1] = row end end
  return out
end

-- The part of a set that takes part: `count` samples by key, in their own order.
local function subset(data, count, seed)
  local picked, out = {}, {}
  if count and count < #data then
    local numbers = {}
    for k = 1, #data do numbers[k] = k end
    local order = core.rng(seed, "search samples"):shuffle(numbers)
    for k = 1, count do picked[order[k]] = true end
  end
  for k = 1, #data do if not next(picked) or picked[k] then out[#out + 1] = data[k] end end
  return out
end

-- What fails here is the store or a file to be written: an "io" of theirs is told apart from that of an input.
local function try(value, message, code)
  if code == "io" then code = "disk" end
  if value == nil then error(setmetatable({ message = message, code = code }, { __tostring = function(e) return e.message end }), 0) end
  return value
end

-- Which label counts for a sample. Label-free: nil, the clean prediction takes its place.
local function label_of(run, s)
  if run.label_free then return nil end
  if run.model.label then return run.model:label(s) end
  return s.label
end

local function row_identity(row)
  local params = {}
  for k, name in ipairs(row.param_names) do
    local p = row.params[name]
    params[k] = { name, p.off, p.full, p.minus or false, p.value or false, p.lo, p.hi, p.whole, p.law or false }
  end
  return identity.of { row.name, row.signed, params, row.make }
end

local function identity_of(run)
  local ids, labels, kinds = {}, {}, {}
  for k, s in ipairs(run.samples) do
    ids[k] = s.id or "unreadable " .. s.name
    local label = label_of(run, s)
    labels[k] = sample.label_text(label)
  end
  for k, row in ipairs(run.rows) do kinds[k] = row.name .. " " .. core.file.hash_text(row_identity(row)):sub(1, 16) end
  local o = run.opts
  return {
    data = ("%d samples %s"):format(#ids, core.file.hash_text(table.concat(ids, "\n"))),
    labels = run.label_free and "none: the clean prediction" or core.file.hash_text(table.concat(labels, "\n")),
    model = tostring(run.model.identity),
    diff = run.diff_identity,
    rows = table.concat(kinds, ", "), -- a refusal shows where two such texts part
    seed = tostring(o.seed),
    options = ("step %.10g, onset %.10g, break %.10g, %s"):format(o.step, o.onset, o.break_at,
      o.strategy_name == "own" and "own " .. identity.of(o.strategy) or o.strategy_name .. (o.strategy.version and " " .. o.strategy.version or "")),
    version = tostring(core.plan.result_version or 0),
  }
end

-- The answer in the store as far as it matters; a stored failure is one again.
local function stored(run, row, side, i, n)
  local r, message, code = run.store:get(row, side, i, n)
  if not r and message then try(nil, message, code) end
  return r
end

local function put(run, row, side, i, n, result)
  result.row, result.side, result.i, result.sample = row, side, i, n
  try(run.store:put(result))
end

-- A reason in one line: its first, and the last of what a worker wrote before its end.
local function brief(reason)
  local first, rest = reason:match "^([^\n]*)\n(.*)$"
  return first and first .. " " .. (rest:match "([^\n]*)%s*$" or "") or reason
end

local function say_failures(run)
  if #run.failures == 0 then return end
  run.bar:say("%s:", shown.count(#run.failures, "failure"))
  for k = 1, math.min(#run.failures, 20) do
    local f = run.failures[k]
    run.bar:say("  %s: %s%s", shown.text(f.path), f.at and f.at .. ": " or "", shown.text(brief(f.reason)))
  end
  if #run.failures > 20 then run.bar:say("  and %d more", #run.failures - 20) end
  if run.passing > 0 then run.bar:say("%d of them are not kept: the model was not there, or memory; the same search again asks for them", run.passing) end
end

local function failed(run, s, where, reason, unread)
  run.failed_count = run.failed_count + 1
  run.model_failed = run.model_failed or not unread
  run.failures[#run.failures + 1] = { path = s.relative or s.name, at = where, reason = reason }
  local most = run.opts.max_failures
  if most and run.failed_count > most then
    say_failures(run)
    try(nil, ("%s, at most %d allowed; the last: %s: %s"):format(shown.count(run.failed_count, "failure"), most, shown.text(s.path), brief(reason)), unread and "failures" or "model")
  end
end

-- The clean pixels of every sample. Fills run.valid: samples that take part, with their E(0) and label.
local function baseline(run)
  run.valid = {}
  local function work(s, n)
    local old = stored(run, measure.CLEAN, "", 0, n)
    if old then return old, true end
    if not s.id then
      local _, message, code = s:identify()
      return { failure = shown.reason(s.path, message), code = code, unread = true, passing = code == "memory" or nil }
    end
    local image, message, code = s:image()
    if not image then return { failure = shown.reason(s.path, message), code = code, unread = true, passing = code == "memory" or nil } end
    local label = label_of(run, s)
    if label == nil and not run.label_free then return { failure = "no label", unread = true } end
    return (measure.run { model = run.model, diff = run.diff, seed = run.opts.seed, sample = s, label = label, image = image })
  end
  map.each(run.samples, work, { each = function(result, n)
    local s = run.samples[n]
    if not stored(run, measure.CLEAN, "", 0, n) then
      local label = label_of(run, s)
      try(run.store:put_sample { n = n, id = s.id or "", path = s.path, label = label ~= nil and sample.label_text(label) or nil,
        failure = result.failure })
      if not result.passing then put(run, measure.CLEAN, "", 0, n, { error = result.error, failure = result.failure, label = result.label, hash = result.hash }) end
    end
    if result.failure then
      if result.passing then run.passing = run.passing + 1 end
      failed(run, s, nil, result.failure, result.unread or result.hash == nil)
    else
      local label = label_of(run, s)
      if run.label_free then label = result.label and shapes.revive(core.json.decode(result.label)) end
      run.valid[#run.valid + 1] = { n = n, sample = s, baseline = result.error, label = label }
    end
    run.bar:add()
  end })
  if #run.valid == 0 then
    local first = run.failures[1]
    say_failures(run)
    try(nil, "search: no sample could be measured" .. (first and ("; the first: %s: %s"):format(shown.text(first.path), brief(first.reason)) or ": the data set is empty"),
      run.model_failed and "model" or "failures")
  end
end

local function sides(row) return row.signed and { "+", "-" } or { "" } end

local function axes_of(run, count)
  local base, order = {}, {}
  for k = 1, count do
    base[k] = run.valid and run.valid[k].baseline or 0.0
    order[k] = k
  end
  order = core.rng(run.opts.seed, "search order"):shuffle(order)
  local list = {}
  for _, row in ipairs(run.rows) do
    for _, side in ipairs(sides(row)) do
      local a = axis.new { name = row.name, side = side, step = run.opts.step, onset = run.opts.onset, break_at = run.opts.break_at,
        baseline = base, order = order }
      a.row = row
      list[#list + 1] = a
    end
  end
  return list
end

--- Predictions at most, baseline included.
local function at_most(run, axes, count)
  local total = count
  for _, a in ipairs(axes) do
    local bound = run.opts.strategy.at_most
    total = total + (bound and bound(a) or count * a.tick_count * a.fine)
  end
  return total
end

-- The questions of one round, sample by sample: { entry of run.valid, list of { axis, question, k } }.
local function tasks_of(run, round)
  local by_sample, total = {}, 0
  for _, q in ipairs(round) do
    for k, s in ipairs(q.question.samples) do
      by_sample[s] = by_sample[s] or {}
      table.insert(by_sample[s], { axis = q.axis, question = q.question, k = k })
      total = total + 1
    end
  end
  local size = math.max(CHUNK.least, math.min(CHUNK.most, total // (8 * core.async.threads())))
  local tasks = {}
  for s = 1, #run.valid do
    local list = by_sample[s]
    for from = 1, list and #list or 0, size do
      tasks[#tasks + 1] = { entry = run.valid[s], list = table.move(list, from, math.min(from + size - 1, #list), 1, {}) }
    end
  end
  return tasks
end

-- Answer one task: a list of results, those found in the store marked old.
local function answer(run, task)
  local entry, out, image, message, code = task.entry, {}, nil, nil, nil
  for k, t in ipairs(task.list) do
    local old = stored(run, t.axis.name, t.axis.side, t.question.i, entry.n)
    if old then
      out[k] = { error = old.error, failure = old.failure, old = true }
    else
      if not image and not message then image, message, code = entry.sample:image() end
      if image then
        out[k] = measure.run { model = run.model, diff = run.diff, seed = run.opts.seed, sample = entry.sample, label = entry.label,
          image = image, row = t.axis.row, side = t.axis.side, i = t.question.i }
      else
        out[k] = { failure = tostring(message), passing = code == "memory" or nil }
      end
      if not out[k].passing then put(run, t.axis.name, t.axis.side, t.question.i, entry.n, out[k]) end -- at once: an interruption loses only what is under way
    end
    run.bar:add()
  end
  return out
end

-- Consecutive tasks whose predictions may share runs of the model, for models that take batches. Enough of them at once to keep
-- the threads busy.
local function gangs(run)
  local batch = run.model.batch
  if math.type(batch) ~= "integer" or batch < 2 then return nil end
  return batch, batch * (core.async.threads() + 1)
end

local function do_round(run, round)
  local answers = {}
  for _, q in ipairs(round) do answers[q.question] = {} end
  local tasks = tasks_of(run, round)
  local gang, inflight = gangs(run)
  map.each(tasks, function(task) return answer(run, task) end, { gang = gang, inflight = inflight, each = function(results, index)
    local task = tasks[index]
    for k, t in ipairs(task.list) do
      local r = results[k]
      answers[t.question][t.k] = r.error or false
      if r.failure then
        if r.passing then run.passing = run.passing + 1 end
        failed(run, task.entry.sample, ("%s%s at %g"):format(t.axis.name, t.axis.side, t.question.i), r.failure)
      end
    end
  end })
  for _, q in ipairs(round) do q.axis:record(q.question, answers[q.question]) end
end

local function rounds(run)
  local strategy = run.opts.strategy
  local open = run.axes
  while #open > 0 do
    local round, still = {}, {}
    for _, a in ipairs(open) do
      local questions = strategy.next(a) or {}
      if #questions > 0 then still[#still + 1] = a end
      for _, q in ipairs(questions) do
        if type(q) ~= "table" or not q.position or not q.samples then error("strategy: questions of axis:ask expected", 0) end
        round[#round + 1] = { axis = a, question = q }
      end
    end
    if #round > 0 then do_round(run, round) end
    open = still
  end
end

local function failures_of(data)
  local out = {}
  for k, f in ipairs(data.failures or {}) do out[k] = { path = f.path, reason = f.reason } end
  return out
end

local function json_path(opts)
  if opts.json == false then return nil end
  if type(opts.json) == "string" then return opts.json end
  return opts.store and (opts.store:gsub("%.db$", ""):gsub("%.sqlite$", "") .. ".json") or nil
end

local function prepare(spec, data, given)
  local run = { opts = settings_of(given), failed_count = 0, passing = 0, failures = failures_of(data) }
  run.rows = rows_of(run.opts.rows or spec.augmentations)
  if #run.rows == 0 then blame("search: rows: no augmentation given") end
  run.samples = subset(data, run.opts.samples, run.opts.seed)
  run.model = spec.model or model_module.open(nil)
  if run.model.bind then run.model = run.model:bind(run.samples, run.opts.seed) end
  local labels = run.opts.labels
  if labels == nil then labels = spec.labels end
  local any = run.model.label ~= nil
  for _, s in ipairs(run.samples) do any = any or s.label ~= nil end
  run.label_free = labels == false or not any
  run.diff = spec.diff_error or run.model.diff_error or diff.equal
  run.diff_identity = spec.diff_error and identity.of(spec.diff_error) or run.model.diff_error and "the model's own" or "equal"
  return run
end

--- Search. `spec`: { model, diff_error, labels, augmentations } as an augmenter has them; `data`: a data set.
-- opts: step (.05), strategy ("adaptive", "grid", or a function, see strategy.lua), seed (1), store (path of the study; without
-- one it is kept in memory), json (path of the analysis; default beside the store; false: none), rows (names; default all),
-- samples (at most so many, by key), labels = false (agreement with the clean prediction), onset (.02), break_at (.49),
-- max_failures (none), progress (true, false), estimate (true: only say how many predictions it takes at most).
-- Returns a study (study.lua); with estimate a table { at_most, samples, axes, ticks }. nil, message, code when the store
-- cannot be opened or belongs to something else. Raises on misuse, when diff_error gives no number in 0..1, and when
-- no sample can be measured.
function M.run(spec, data, given)
  local run = prepare(spec, data, given or {})
  local guess = axes_of({ rows = run.rows, opts = run.opts }, #run.samples)
  local most = at_most(run, guess, #run.samples)
  if run.opts.estimate then
    return { at_most = most, samples = #run.samples, axes = #guess, ticks = guess[1].tick_count }
  end
  map.each(run.samples, function(s) s:identify() end)
  local store, message, code
  if run.opts.store then
    local folder = run.opts.store:match "^(.+)/[^/]*$"
    if folder then
      local ok, why, word = core.file.mkdirs(folder)
      if not ok then return nil, why, word end
    end
    store, message, code = core.study.open(run.opts.store, identity_of(run))
    if not store then return nil, message, code end
  else
    store = memory.new()
  end
  run.store = store
  local quiet = run.opts.progress == false
  run.bar = progress.new("predictions", most, { at_most = true, quiet = quiet })
  run.bar:say("%s, %s, %s: at most %s (%s)", shown.count(#run.samples, "image"), shown.count(#run.rows, "augmentation"), shown.count(#guess, "side"),
    shown.count(most, "prediction"), run.opts.strategy_name)
  local guard <close> = setmetatable({}, { __close = function() if not run.finished then store:close() end end })
  baseline(run)
  run.axes = axes_of(run, #run.valid)
  rounds(run)
  local result = analysis.of(run, identity_of(run))
  local text = core.json.encode(result, { indent = 2 }) .. "\n"
  try(store:meta("analysis", text))
  try(store:flush())
  local path = json_path(run.opts)
  if path then try(core.file.write(path, text, { durable = true })) end
  run.bar:done()
  say_failures(run)
  run.finished = true
  return study.new(store, result, { data = data, samples = run.samples })
end

return M
