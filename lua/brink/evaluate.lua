--- How a model does on a data set: average error with its interval, what differs, class by class.
-- SPDX-License-Identifier: MIT
local confidence = require "brink.search.confidence"
local core = require "brink.core"
local diff = require "brink.diff"
local labels = require "brink.labels"
local map = require "brink.map"
local measure = require "brink.search.measure"
local metrics = require "brink.metrics"
local model_module = require "brink.model"
local nearest = require "brink.nearest"
local progress = require "brink.progress"
local sample = require "brink.sample"
local shown = require "brink.shown"

local M = {}

local OPTIONS = { "differs", "labels", "max_failures", "metrics", "progress", "seed" }
local DIFFERS = 0.02 -- an error above this counts as a differing output: what the search calls non-negligible

local Evaluation = { __name = "brink.Evaluation" }
Evaluation.__index = Evaluation

local function check(opts, level)
  if type(opts) ~= "table" then error("evaluate: options: a table expected, got " .. type(opts), level + 1) end
  local unknown, hint = nearest.unknown(opts, OPTIONS)
  if unknown then error("evaluate: no option " .. unknown .. hint, level + 1) end
  local d = opts.differs
  if d ~= nil and not (type(d) == "number" and d >= 0 and d < 1) then error(("evaluate: differs: a number from 0, below 1, expected, got %s"):format(tostring(d)), level + 1) end
end

-- Synthetic pictures are recognised as what they were made from: the sources, by the order they are first named.
local function sources_of(data)
  local list, by_id = {}, {}
  for k = 1, #data do
    local source = data[k].source
    if not source then return nil end
    if not by_id[source.id] then
      local s = sample.new { path = source.path, name = source.name }
      by_id[source.id] = s
      list[#list + 1] = s
    end
  end
  return list, by_id
end

-- Metrics asked for: a name, or a list of names and of { name = ..., options of metrics.new }.
local function metrics_of(given, level)
  local out = {}
  if type(given) == "string" or type(given) == "table" and given.name then given = { given } end
  if given ~= nil and type(given) ~= "table" then error("evaluate: metrics: names expected, got " .. type(given), level + 1) end
  for k, entry in ipairs(given or {}) do
    local name, opts = entry, {}
    if type(entry) == "table" then
      name = entry.name
      for key, v in next, entry do if key ~= "name" then opts[key] = v end end
    end
    local ok, metric = pcall(metrics.new, name, opts)
    if not ok then error("evaluate: " .. tostring(metric):gsub("^[^\n:]+:%d+: ", ""), level + 1) end
    out[k] = { name = name, metric = metric }
  end
  return out
end

-- Add a picture to the metrics; what they cannot read is said with its path.
local function measure_with(list, r, s)
  for _, m in ipairs(list) do
    local ok, why = pcall(m.metric.add, m.metric, r.raw_label, r.raw_prediction, s, r.sure)
    if not ok then error(type(why) == "string" and ("%s: %s: %s"):format(s.path, m.name, why) or why, 0) end
  end
end

local function recorded(value)
  local ok = pcall(core.json.encode, value)
  if ok then return value end
  return "(" .. type(value) .. ")"
end

local function changed(source) return source.path .. ": the source has changed since the picture was made" end

-- The label of a synthetic picture that has none: what the model says of the untouched one, moved with its pixels. `clean`:
-- answers by source. nil, reason when it cannot be had.
local function clean_label(model, clean, s, image)
  local source = sample.new { path = s.source.path, name = s.source.name }
  local id, message = source:identify()
  if not id then return nil, message end
  if id ~= s.source.id then return nil, changed(source) end
  local known = clean[id]
  if known ~= nil and not labels.shapes.is(known) then return known end
  local untouched
  untouched, message = source:image()
  if not untouched then return nil, message end
  local held <close> = setmetatable({}, { __close = function() untouched:close() end })
  if known == nil then
    local ok
    ok, known = measure.ask(model, untouched, source)
    if not ok then return nil, known end
    clean[id] = known
  end
  return labels.transport(known, s.plan, untouched, image)
end

-- The model, its idea of error, and the sample and label each picture is judged by.
local function judge(spec, data, opts)
  local model = spec.model or model_module.open(nil)
  local by_id
  if model.bind then
    local sources
    sources, by_id = sources_of(data)
    model = model:bind(sources or data, opts.seed or spec.seed or 1)
  end
  local run = { model = model, diff = spec.diff_error or model.diff_error or diff.equal, clean = {} }
  -- What people see of a label: the recogniser's own are content hashes, shown as the names of the pictures.
  local named
  function run.shown(value)
    if not model.label then return recorded(value) end
    if not named then
      named = {}
      for k = 1, #data do
        local s = by_id and by_id[data[k].source.id] or data[k]
        if s.id then named[s.id] = named[s.id] or s.name end
      end
    end
    return named[value] or recorded(value)
  end
  function run.of(s)
    local subject = s
    if by_id then
      subject = by_id[s.source.id]
      local id, message = subject:identify()
      if not id then return nil, message end
      if id ~= s.source.id then return nil, changed(subject) end
    elseif not s.id then
      return nil, select(2, s:identify())
    end
    if model.label then return subject, nil, model:label(subject) end
    if s.label == nil and not (s.source and s.plan) then return nil, "no label" end
    return subject, nil, s.label
  end
  return run
end

local function one(run, s)
  local subject, message, label = run.of(s)
  if not subject then return { failure = tostring(message) } end
  local image
  image, message = s:image()
  if not image then return { failure = shown.reason(s.path, message) } end
  local by_source = label == nil
  if by_source then label, message = clean_label(run.model, run.clean, s, image) end
  local ok, prediction, sure = label ~= nil, message, nil
  if ok then ok, prediction, sure = measure.ask(run.model, image, subject) end
  if not rawget(s, "pixels") and not rawget(s, "loader") then image:close() end
  if not ok then return { failure = prediction } end
  return { by_source = by_source, error = diff.checked(run.diff, label, prediction, s, sure), label = run.shown(label), prediction = run.shown(prediction),
    raw_label = label, raw_prediction = prediction, sure = sure }
end

local function group() return { errors = {}, sum = 0.0, differing = 0 } end

local function add(g, e, differs)
  g.errors[#g.errors + 1], g.sum = e, g.sum + e
  if e > differs then g.differing = g.differing + 1 end
end

local function figures(g)
  local n = #g.errors
  local lo, hi = confidence.mean(g.errors, n, 0, 0, 0.05)
  return { n = n, mean = n > 0 and g.sum / n or core.json.null, lo = math.max(0.0, lo), hi = math.min(1.0, hi), differing = g.differing }
end

--- Evaluate. `spec`: an augmenter; `data`: a data set. opts: differs (.02: an error above it is a differing output), seed,
-- max_failures (none), progress (true), labels, metrics (names as of brink.metrics.new, or tables { name = ..., options }).
--
-- Returns a table { n, mean, lo, hi (95 % interval of the mean error), differing = list of { path, label, prediction, error },
-- per_class = list of { class, n, mean, lo, hi, differing }, failures = list of { path, reason }, metrics = list
-- of { name, figures }, by_source, model }, with methods
-- text() and json(). Every file counts once, by its path. A picture that cannot be read, has no label, or on which the model
-- fails is a failure with its reason and no part of the mean. Pictures of a synthesis (brink.dataset of its folder)
-- are held by the built-in recogniser against what they were made from; by other models those without a label
-- (`by_source` of them) against the model's own answer on what they were made from. Raises when diff_error gives no number
-- in 0..1, and above max_failures.
function M.run(spec, data, opts)
  opts = opts or {}
  check(opts, 3)
  local asked = metrics_of(opts.metrics, 3)
  local run = judge(spec, data, opts)
  local differs = opts.differs or DIFFERS
  local out = setmetatable({ differing = core.json.array {}, failures = core.json.array {}, per_class = core.json.array {}, differs = differs,
    model = tostring(run.model.identity), by_source = 0 }, Evaluation)
  for _, f in ipairs(data.failures or {}) do out.failures[#out.failures + 1] = { path = f.path, reason = f.reason } end
  local all, classes, names = group(), {}, {}
  local bar = progress.new("predictions", #data, { quiet = opts.progress == false })
  map.each(data, function(s) return one(run, s) end, { each = function(r, k)
    local s = data[k]
    bar:add()
    if r.failure then
      out.failures[#out.failures + 1] = { path = s.path, reason = shown.reason(s.path, r.failure) }
      if opts.max_failures and #out.failures > opts.max_failures then
        error(("evaluate: %s, at most %d allowed; the last: %s: %s"):format(shown.count(#out.failures, "failure"), opts.max_failures, s.path, shown.reason(s.path, r.failure)), 0)
      end
      return
    end
    add(all, r.error, differs)
    if r.by_source then out.by_source = out.by_source + 1 end
    measure_with(asked, r, s)
    local name = labels.class(s.label)
    if name then
      if not classes[name] then
        classes[name] = group()
        names[#names + 1] = name
      end
      add(classes[name], r.error, differs)
    end
    if r.error > differs then
      out.differing[#out.differing + 1] = { path = s.path, label = r.label, prediction = r.prediction, error = r.error }
    end
  end })
  bar:done()
  local total = figures(all)
  out.n, out.mean, out.lo, out.hi = total.n, total.mean, total.lo, total.hi
  table.sort(names)
  for k, name in ipairs(names) do
    out.per_class[k] = figures(classes[name])
    out.per_class[k].class = name
  end
  out.metrics = core.json.array {}
  for k, m in ipairs(asked) do out.metrics[k] = { name = m.name, figures = m.metric:result() } end
  return out
end

--- As JSON text.
function Evaluation:json()
  return core.json.encode({ n = self.n, mean = self.mean, lo = self.lo, hi = self.hi, count = #self.differing, differing = self.differing,
    per_class = self.per_class, failures = self.failures, differs = self.differs,
    metrics = self.metrics, by_source = self.by_source, model = self.model }, { indent = 2 }) .. "\n"
end

local SHOWN = 20 -- entries of a list in the text

local function some(out, list, line)
  for k = 1, math.min(SHOWN, #list) do out[#out + 1] = "  " .. shown.text(line(list[k])) end
  if #list > SHOWN then out[#out + 1] = ("  and %d more"):format(#list - SHOWN) end
end

--- As text to read.
function Evaluation:text()
  local out = {}
  if self.n == 0 then out[1] = "no picture could be judged"
  else
    out[1] = ("average error %.4f (95 %%: %.4f to %.4f) over %s"):format(self.mean, self.lo, self.hi, shown.count(self.n, "picture"))
    if self.by_source > 0 then
      out[#out + 1] = ("%s without a label, held against the model's own answer on what it was made from"):format(shown.count(self.by_source, "picture"))
    end
    out[#out + 1] = ("%d %s (error above %g)"):format(#self.differing, #self.differing == 1 and "differs" or "differ", self.differs)
    some(out, self.differing, function(d)
      local label, prediction = labels.text(d.label), labels.text(d.prediction)
      if label == prediction and type(d.label) ~= "table" then return ("%s: %s as expected, but not sure: error %.3f"):format(d.path, label, d.error) end
      return ("%s: expected %s, got %s, error %.3f"):format(d.path, label, prediction, d.error)
    end)
  end
  if #self.per_class > 1 then
    out[#out + 1] = ("%-28s %6s %8s %18s %8s"):format("class", "n", "error", "95 %", "differ")
    for _, c in ipairs(self.per_class) do
      out[#out + 1] = ("%-28s %6d %8.4f %8.4f..%-8.4f %8d"):format(shown.text(c.class), c.n, c.mean, c.lo, c.hi, c.differing)
    end
  end
  for _, m in ipairs(self.metrics) do out[#out + 1] = m.name .. "\n  " .. metrics.text(m.figures):gsub("\n$", ""):gsub("\n", "\n  ") end
  if #self.failures > 0 then
    out[#out + 1] = shown.count(#self.failures, "failure") .. ":"
    some(out, self.failures, function(f) return f.path .. ": " .. f.reason end)
  end
  return table.concat(out, "\n") .. "\n"
end
Evaluation.__tostring = Evaluation.text

return M
