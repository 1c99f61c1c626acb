--- One draw of a synthesis: which picture, which effects, how strong, and whether the result will do.
--
-- A draw is a function of the run's settings and its own number alone. It may
-- redraw a number of times, and turns to another sample when the one it began
-- with cannot be read or gives nothing; it never takes more than `tries`
-- pictures. What was tried in vain is counted with its reason.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local bounds = require "brink.synth.bounds"
local core = require "brink.core"
local diff = require "brink.diff"
local guard = require "brink.synth.guard"
local labels = require "brink.labels"
local measure = require "brink.search.measure"
local pick = require "brink.synth.pick"
local shown = require "brink.shown"

local M = {}

local CANDIDATES = 16 -- samples a draw turns to at most
local SHARES = 4      -- a sample gets this part of the tries before the next one

--- The generator's draw word: other effects and other placement for every draw and try.
function M.key(n, try) return ("synthesis %d %d"):format(n, try) end

-- The sample number of candidate c (0, 1, ...) of draw n, none of `seen`.
local function candidate(run, n, c, seen)
  local count = #run.data
  local k
  if c == 0 then k = pick.sample(run.passes, core, run.seed, count, n)
  else k = core.rng(run.seed, "synthesis other", n, c):integer(1, count) end
  while seen[k] do k = k % count + 1 end
  seen[k] = true
  return k
end

local function reject(log, reason)
  log.rejected[reason] = (log.rejected[reason] or 0) + 1
  return nil
end

-- The label the model's answer is held against; the clean prediction where there is none.
local function expected(run, source, label)
  if run.model.label then return run.model:label(source.sample) end
  if label ~= nil and not run.label_free then return label end
  if source.clean == nil then
    local ok, prediction = measure.ask(run.model, source.image, source.sample)
    if not ok then return nil, prediction end
    source.clean = prediction
  end
  return source.clean
end

-- The model's error on the new picture; nil, reason when it fails or lies outside what is wanted.
local function predicted(run, source, out, label)
  local want, reason = expected(run, source, label)
  if want == nil then return nil, reason end
  local ok, prediction, confidence = measure.ask(run.model, out, source.sample)
  if not ok then return nil, prediction end
  local e = diff.checked(run.diff, want, prediction, source.sample, confidence)
  if run.min_error and e < run.min_error then return nil, "predicted error below the minimum" end
  if run.max_error and e > run.max_error then return nil, "predicted error above the maximum" end
  return e
end

local function readable(run, source, out, list)
  if run.contrast then
    source.stats = source.stats or source.image:stats()
    local ok, why = guard.contrast(source.stats, out:stats())
    if not ok then return false, why end
  end
  if run.readable then
    local ok, why = guard.readable(source.image, list)
    if not ok then return false, why end
  end
  return true
end

local function accepted(run, out, source, item)
  local ok, why = run.accept(out, source.sample, item)
  if ok then return true end
  return false, "accept: " .. (why == nil and "no" or tostring(why))
end

-- Effects and intensities of one try.
local function effects(run, sample, rng)
  local refused = run.refused and function(row) return run.refused(row, sample) end
  local given = {}
  for k, row in ipairs(pick.rows(rng:fork("rows"), run.rows, run.weights, run.least, run.most, refused)) do
    given[k] = { row, bounds.draw(run.bounds[row.name], rng:fork(row.name)) }
  end
  return given
end

-- The rules with a log of their own for one try.
local function rules_of(run)
  if not run.rules or not run.rules.log then return run.rules end
  local own = {}
  for key, value in next, run.rules do own[key] = value end
  own.log = {}
  return setmetatable(own, getmetatable(run.rules))
end

-- One try. Returns an item, or nil with the reason counted in log.
local function attempt(run, source, n, try, log)
  local sample, image = source.sample, source.image
  local key = M.key(n, try)
  local given = effects(run, sample, core.rng(run.seed, sample.id, "synthesis", key))
  local list, applied = {}, {}
  if #given > 0 then list, applied = augment.compose(given, image, run.seed, sample.id, key, sample.label) end
  local out, why = image
  if #list > 0 then
    out, why = image:run(list)
    if not out then return reject(log, "plan: " .. tostring(why)) end
  end
  local item = { n = n, try = try, key = key, sample = sample, image = out, label_in = sample.label, augmentations = applied, plan = list }
  local function refuse(reason)
    if out ~= image then out:close() end
    return reject(log, reason)
  end
  if sample.label ~= nil then
    local rules = rules_of(run)
    item.label, why = labels.transport(sample.label, list, image, out, rules)
    if item.label == nil then return refuse("label: " .. tostring(why)) end
    item.events = rules and rules.log and next(rules.log) and rules.log or nil
  end
  local ok
  ok, why = readable(run, source, out, list)
  if not ok then return refuse(why) end
  if run.predicts then
    item.error, why = predicted(run, source, out, item.label)
    if not item.error then return refuse(why) end
  end
  if run.accept then
    ok, why = accepted(run, out, source, item)
    if not ok then return refuse(why) end
  end
  return item
end

-- The picture of a sample with what is worth keeping between tries.
local function open(sample)
  local id, message, code = sample:identify()
  if not id then return nil, message, code end
  local image
  image, message, code = sample:image()
  if not image then return nil, message, code end
  return { sample = sample, image = image, own = not (rawget(sample, "pixels") or rawget(sample, "loader")) }
end

--- Draw number n (1, 2, ...). Returns an item { n, try, key, sample, image, label, label_in, plan, augmentations, error }, or nil;
-- and in both cases a log { rejected = { reason = count }, failed = list of { path, reason } }. Errors in the user's own
-- functions are raised with the sample's name.
function M.make(run, n)
  local log = { rejected = {}, failed = {} }
  local used, seen = 0, {}
  local share = math.ceil(run.tries / SHARES)
  for c = 0, math.min(#run.data, CANDIDATES) - 1 do
    if used >= run.tries then break end
    local sample = run.data[candidate(run, n, c, seen)]
    local source, message = open(sample)
    if not source then
      log.failed[#log.failed + 1] = { path = sample.path, reason = shown.reason(sample.path, message) }
    else
      for _ = 1, math.min(share, run.tries - used) do
        used = used + 1
        local ok, item = xpcall(attempt, function(err)
          return type(err) == "string" and debug.traceback(("%s: %s"):format(sample.path, err), 2) or err
        end, run, source, n, used, log)
        if not ok then error(item, 0) end
        if item then
          if source.own and item.image ~= source.image then source.image:close() end
          return item, log
        end
      end
      if source.own then source.image:close() end
    end
  end
  return nil, log
end

return M
