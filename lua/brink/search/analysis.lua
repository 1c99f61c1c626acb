--- From a finished run to analysis.json: plain tables, the original's shape first.
--
--   steps, set_size, augs, summaries     as the original wrote them: ticks step..1, number of images, errors per tick,
--                                        first and last intensity (1 when never)
--   augs_n                               of how many images each error was measured
--   curves                               per row and side everything else: see study.lua
-- The result depends on data, model, rows, options and seed only: no time, no host, no path of the run.
-- SPDX-License-Identifier: MIT
local boundaries = require "brink.search.boundaries"
local core = require "brink.core"
local labels = require "brink.labels"
local measure = require "brink.search.measure"

local M = {}

local array = core.json.array

--- Key of a row's side in augs and summaries: the name, with "-" after it for the negative side.
local function key(axis) return axis.side == "-" and axis.name .. "-" or axis.name end

-- Errors at the plain ticks; where none was measured, on the line between the neighbours (and flagged).
local function plain(axis, points, baseline)
  local errors, measured = array {}, array {}
  local at = {}
  for _, p in ipairs(points) do at[p.position] = p end
  local from = { position = 0, error = baseline }
  for k = 1, axis.tick_count do
    local position = k * axis.fine
    local p = at[position]
    if p then
      from = p
      errors[k], measured[k] = p.error, p.n - p.inferred
    else
      local to
      for _, q in ipairs(points) do if q.position > position then to = q break end end
      measured[k] = 0
      errors[k] = to and from.error + (to.error - from.error) * (position - from.position) / (to.position - from.position) or from.error
    end
  end
  return errors, measured
end

local function curve_of(axis, points, baseline)
  local out = array { { i = 0.0, n = axis.n, error = baseline, rise = 0.0, lo = 0.0, hi = 0.0, complete = true } }
  for k = 2, #points do
    local p = points[k]
    out[k] = { i = p.i, n = p.n - p.inferred, inferred = p.inferred > 0 and p.inferred or nil, error = p.error, rise = p.rise, lo = p.lo, hi = p.hi,
      complete = p.complete,
      failures = p.failures > 0 and p.failures or nil, params = axis.row:at(measure.signed(axis.side, p.i)) }
  end
  return out
end

-- The class of a label, when it is one for the whole image.
local function class_of(label)
  local kind = type(label)
  if kind == "string" then return label end
  if kind == "number" or kind == "boolean" then return tostring(label) end
end

-- Curves per class: what is known of its samples. An adaptive search knows little of rare classes; n says how little.
local function per_class(run, axis, members, names, points)
  local out = array {}
  for _, name in ipairs(names) do
    local class = { name = name, n = #members[name], points = array {} }
    local base = 0.0
    for _, k in ipairs(members[name]) do base = base + axis.baseline[k] end
    class.baseline = base / class.n
    local curve = { { i = 0.0, position = 0, rise = 0.0, n = class.n, low = 0.0, high = 0.0 } }
    for k = 2, #points do
      local t = axis.ticks[points[k].position]
      local n, sum, rise = 0, 0.0, 0.0
      for _, s in ipairs(members[name]) do
        local e = t.error[s]
        if e then n, sum, rise = n + 1, sum + e, rise + e - axis.baseline[s] end
      end
      if n > 0 then
        class.points[#class.points + 1] = { i = points[k].i, n = n, error = sum / n }
        curve[#curve + 1] = { i = points[k].i, position = points[k].position, rise = rise / n, n = n,
          low = n == class.n and rise / n or -1.0, high = n == class.n and rise / n or 1.0 }
      end
    end
    local on = boundaries.crossing(curve, run.opts.onset, 1)
    local br = boundaries.crossing(curve, run.opts.break_at, 1)
    class.onset, class.break_ = on.found and on.x or nil, br.found and br.x or nil
    out[#out + 1] = class
  end
  return out
end

local function classes_of(run)
  local members, names = {}, array {}
  for k, v in ipairs(run.valid) do
    local class = class_of(v.label)
    if not class or run.model.label and not run.label_free then return nil, array {} end
    if not members[class] then
      members[class] = {}
      names[#names + 1] = class
    end
    table.insert(members[class], k)
  end
  table.sort(names)
  if #names > 1000 then return nil, array {} end
  return members, names
end

-- The class that most untouched pictures get.
local function commonest_of(members, names)
  local most
  for _, name in ipairs(names) do
    if not most or #members[name] > most.n then most = { answer = name, n = #members[name] } end
  end
  return most
end

-- What a report needs to show the very pixels: result in the store, and what they are made from.
local function picture(run, axis, position, k)
  local entry, t = run.valid[k], axis.ticks[position]
  local r = run.store:get(axis.name, axis.side, t.i, entry.n)
  return { row = axis.name, side = axis.side, i = t.i, sample = entry.n, id = entry.sample.id, name = entry.sample.relative or entry.sample.name,
    seed = run.opts.seed, error = t.error[k], rise = t.error[k] - axis.baseline[k], hash = r and r.hash,
    prediction = r and r.label and core.json.decode(r.label) or nil,
    label = labels.record(entry.label), params = r and r.params and core.json.decode(r.params) or nil }
end

-- First failure: at the lowest intensity where a sample gets clearly worse, the one that gets worst. Last success: at the
-- highest intensity before the break where a sample is still as good as clean (and good), the first of them.
local function pictures(run, axis, points, bounds)
  local failure, success
  for _, enough in ipairs { 0.5, run.opts.onset } do
    for k = 2, #points do
      local t = axis.ticks[points[k].position]
      local worst, most = nil, enough
      for s = 1, axis.n do
        local rise = t.error[s] and not t.inferred[s] and t.error[s] - axis.baseline[s]
        if rise and rise > most then worst, most = s, rise end
      end
      if worst then failure = picture(run, axis, points[k].position, worst) break end
    end
    if failure then break end
  end
  for k = #points, 2, -1 do
    if points[k].i <= bounds.break_ then
      local t = axis.ticks[points[k].position]
      for s = 1, axis.n do
        local e = t.error[s]
        if e and not t.inferred[s] and e - axis.baseline[s] <= run.opts.onset and e < 0.5 then
          success = picture(run, axis, points[k].position, s)
          break
        end
      end
      if success then break end
    end
  end
  return failure, success
end

local function mean_baseline(run)
  local sum = 0.0
  for _, v in ipairs(run.valid) do sum = sum + v.baseline end
  return sum / #run.valid
end

local function failures_of(run)
  local out = array {}
  for k, f in ipairs(run.failures) do out[k] = { path = f.path, at = f.at, reason = f.reason } end
  return out
end

--- The analysis of a finished run (the table behind analysis.json).
function M.of(run, identity)
  local base = mean_baseline(run)
  local members, class_names = classes_of(run)
  local first = run.axes[1]
  local out = {
    format = 1, steps = array {}, set_size = #run.valid, augs = {}, augs_n = {}, summaries = {}, curves = array {},
    baseline = base, classes = class_names, failures = failures_of(run), identity = identity,
    settings = { step = run.opts.step, onset = run.opts.onset, break_at = run.opts.break_at, strategy = run.opts.strategy_name, seed = run.opts.seed,
      label_free = run.label_free, confidence = 0.95 },
    version = core.plan.result_version, predictions = #run.valid, commonest = run.label_free and members and commonest_of(members, class_names) or nil,
  }
  for k = 1, first.tick_count do out.steps[k] = first:intensity(k * first.fine) end
  for _, axis in ipairs(run.axes) do
    local points = axis:limits()
    local bounds = boundaries.bounds(points, { onset = run.opts.onset, break_at = run.opts.break_at, step = axis.step, finest = axis.finest })
    local name = key(axis)
    out.augs[name], out.augs_n[name] = plain(axis, points, base)
    out.summaries[name] = { first = bounds.onset, last = bounds.break_ }
    bounds.islands = array(bounds.islands)
    local failure, success = pictures(run, axis, points, bounds)
    out.predictions = out.predictions + axis.asked
    out.curves[#out.curves + 1] = { name = axis.name, side = axis.side, family = axis.row.family, predictions = axis.asked, points = curve_of(axis, points, base),
      bounds = bounds, per_class = members and #class_names > 1 and per_class(run, axis, members, class_names, points) or nil,
      first_failure = failure, last_success = success }
  end
  return out
end

return M
