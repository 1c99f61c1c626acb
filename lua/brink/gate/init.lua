--- Conditions on a study, for a build that is to fail when a model got worse.
--
--   GaussianBlur.break < 0.3            Hue.-.onset < 0.1 and Hue.+.onset < 0.1
--   any.onset < baseline - 0.05         blur.break < 0.9 * baseline
--   Rotate.error@0.5 > 0.2              clean > baseline + 0.01
--
-- WHAT.MEASURE or WHAT.SIDE.MEASURE. WHAT: an augmentation (or alias), a family (the worst of its rows), `any` or `all` (every row
-- and side in turn). SIDE: + or -; without it a signed row counts by its worse side. MEASURE: onset, break, error@I, rise@I,
-- auc (area under the error from 0 to 1), baseline (error on untouched pictures, also `clean` alone). The baseline study: `baseline` is
-- the same thing there, baseline.MEASURE another measure of it, baseline.WHAT.MEASURE anything. + - * / ( ) and numbers;
-- < <= > >=; `and` before `or`. An onset or break never reached is 1.
--
-- With `confident` every value is its 95 % interval and a condition holds only if it does for all of it.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local confidence = require "brink.search.confidence"
local core = require "brink.core"
local curve = require "brink.curve"
local expression = require "brink.gate.expression"
local nearest = require "brink.nearest"
local Verdict = require "brink.gate.verdict"

local M = {}

local fault = expression.fault

--- Read an expression: see lua/brink/gate/expression.lua.
M.parse = expression.parse

local function interval(x, lo, hi) return { x = x, lo = math.min(lo or x, x), hi = math.max(hi or x, x) } end

-- Error on untouched pictures with its interval.
local function clean_of(study)
  local errors = {}
  for r in study:results() do if r.error then errors[#errors + 1] = r.error end end
  local lo, hi = confidence.mean(errors, #errors, 0, 0, 0.05)
  return interval(study.analysis.baseline, math.max(0.0, lo), math.min(1.0, hi))
end

local function line(points, field)
  local out = {}
  for k, p in ipairs(points) do
    local y = p.error
    if field == "rise" then y = p.rise
    elseif field == "lo" or field == "hi" then y = math.max(0.0, math.min(1.0, p.error + p[field] - p.rise))
    elseif field == "rise_lo" then y = p.lo
    elseif field == "rise_hi" then y = p.hi end
    out[k] = { i = p.i, y = y }
  end
  return out
end

local function measured(study, c, node)
  local b, points = c.bounds, c.points
  if node.measure == "onset" then return interval(b.onset, b.onset_lo, b.onset_hi) end
  if node.measure == "break" then return interval(b.break_, b.break_lo, b.break_hi) end
  if node.measure == "error" then return interval(curve.at(line(points), node.i), curve.at(line(points, "lo"), node.i), curve.at(line(points, "hi"), node.i)) end
  if node.measure == "rise" then
    return interval(curve.at(line(points, "rise"), node.i), curve.at(line(points, "rise_lo"), node.i), curve.at(line(points, "rise_hi"), node.i))
  end
  if node.measure == "auc" then return interval(curve.area(line(points), 1.0), curve.area(line(points, "lo"), 1.0), curve.area(line(points, "hi"), 1.0)) end
  return clean_of(study)
end

local function title(c) return c.name .. (c.side ~= "" and "." .. c.side or "") end

-- The curves a name stands for: a row, an alias, a family; case counts only where it must.
local function curves_of(study, what, at, of)
  local row = augment.find(what)
  for _, test in ipairs {
    function(c) return c.name == what end, function(c) return row ~= nil and c.name == row.name end, function(c) return c.family == what end,
    function(c) return c.name:lower() == what:lower() end, function(c) return (c.family or ""):lower() == what:lower() end,
  } do
    local list = {}
    for _, c in ipairs(study.analysis.curves) do if test(c) then list[#list + 1] = c end end
    if #list > 0 then return list end
  end
  local names, seen = { "any", "all" }, {}
  for _, c in ipairs(study.analysis.curves) do
    for _, name in ipairs { c.name, c.family } do
      if not seen[name] then seen[name], names[#names + 1] = true, name end
    end
  end
  fault(at, "no augmentation or family %s in %s%s", what, of, nearest.hint(what, names))
end

-- The worst of several: lowest onset and break, highest of everything else. Returns it and its curve.
local function worst(study, list, node)
  local low = node.measure == "onset" or node.measure == "break"
  local out, which
  for _, c in ipairs(list) do
    local v = measured(study, c, node)
    if not out then out, which = v, c
    elseif low then
      if v.x < out.x then which = c end
      out = { x = math.min(out.x, v.x), lo = math.min(out.lo, v.lo), hi = math.min(out.hi, v.hi) }
    else
      if v.x > out.x then which = c end
      out = { x = math.max(out.x, v.x), lo = math.max(out.lo, v.lo), hi = math.max(out.hi, v.hi) }
    end
  end
  return out, which
end

-- A reference's value in a setting { new, baseline, names, current (curve), subject, confident }.
local function value_of(node, set)
  local study = set[node.study]
  if not study then fault(node.at, "baseline: no baseline study is given (--baseline)") end
  local spec = node
  if node.same then
    local s = set.subject
    spec = { what = s.what, what_at = node.at, side = s.side, measure = node.measure or s.measure, i = node.i or s.i, at = node.at }
  end
  if spec.what == nil then
    if spec.measure ~= "baseline" then fault(node.at, "%s of what? nothing else is named in this comparison", spec.measure) end
    return clean_of(study)
  end
  local list
  if spec.what == "any" or spec.what == "all" then
    list = {}
    for _, c in ipairs(study.analysis.curves) do
      if c.name == set.current.name and c.side == set.current.side then list[1] = c end
    end
    if #list == 0 then return nil end
  else
    list = curves_of(study, spec.what, spec.what_at, set.names[node.study])
    if spec.side then
      local kept = {}
      for _, c in ipairs(list) do if c.side == spec.side then kept[#kept + 1] = c end end
      if #kept == 0 then fault(spec.at, "%s has no side %s in %s", spec.what, spec.side, set.names[node.study]) end
      list = kept
    end
  end
  local v, which = worst(study, list, spec)
  if node == set.subject then set.which = which end
  return v
end

local function times(a, b)
  local p, q, r, s = a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi
  return { x = a.x * b.x, lo = math.min(p, q, r, s), hi = math.max(p, q, r, s) }
end

local function calculate(node, set)
  if node.kind == "number" then return interval(node.value) end
  if node.kind == "value" then return value_of(node, set) end
  local a = calculate(node[1], set)
  if not a then return nil end
  if node.kind == "minus" then return { x = -a.x, lo = -a.hi, hi = -a.lo } end
  local b = calculate(node[2], set)
  if not b then return nil end
  if node.kind == "+" then return { x = a.x + b.x, lo = a.lo + b.lo, hi = a.hi + b.hi } end
  if node.kind == "-" then return { x = a.x - b.x, lo = a.lo - b.hi, hi = a.hi - b.lo } end
  if node.kind == "*" then return times(a, b) end
  if b.x == 0 then fault(node.at, "division by 0") end
  if b.lo <= 0 and b.hi >= 0 then return { x = a.x / b.x, lo = -math.huge, hi = math.huge } end
  local r = times(a, { x = 1 / b.x, lo = 1 / b.hi, hi = 1 / b.lo })
  r.x = a.x / b.x
  return r
end

local HOLDS = {
  ["<"] = function(a, b) return a < b end, ["<="] = function(a, b) return a <= b end,
  [">"] = function(a, b) return a > b end, [">="] = function(a, b) return a >= b end,
}

local function holds(op, a, b, confident)
  if not confident then return HOLDS[op](a.x, b.x) end
  if op == "<" or op == "<=" then return HOLDS[op](a.hi, b.lo) end
  return HOLDS[op](a.lo, b.hi)
end

-- One comparison: whether it holds, and a list of what was looked at { name, left, right, holds }.
local function compared(node, set)
  set.subject = node.subject
  local seen, any, all = {}, false, true
  local function look(current)
    set.current, set.which = current, nil
    local a, b = calculate(node[1], set), calculate(node[2], set)
    if not a or not b then
      seen[#seen + 1] = { name = title(current), missing = true }
      return
    end
    local h = holds(node.op, a, b, set.confident)
    any, all = any or h, all and h
    local which = current or set.which
    seen[#seen + 1] = { name = which and title(which) or "clean", left = a, right = b, op = node.op, holds = h }
  end
  if node.every then
    local judged = 0
    for _, c in ipairs(set.new.analysis.curves) do
      if not node.every_side or node.every_side == c.side then look(c) end
    end
    if #seen == 0 then fault(node.at, "no augmentation in %s has a side %s", set.names.new, node.every_side or "") end
    for _, s in ipairs(seen) do if not s.missing then judged = judged + 1 end end
    if judged == 0 then fault(node.at, "%s has none of the augmentations of %s", set.names.baseline or "the baseline", set.names.new) end
  else
    look(nil)
  end
  if node.every == "all" then return all, seen end
  return any, seen
end

local function evaluate(node, set)
  if node.kind == "compare" then return compared(node, set) end
  local result, seen = node.kind == "and", {}
  for _, part in ipairs(node) do
    local h, s = evaluate(part, set)
    if node.kind == "and" then result = result and h else result = result or h end
    table.move(s, 1, #s, #seen + 1, seen)
  end
  return result, seen
end

local function number(v) return (("%.4f"):format(v):gsub("0+$", ""):gsub("%.$", "")) end

local function shown(v)
  if v.lo == v.x and v.hi == v.x then return number(v.x) end
  return ("%s (%s..%s)"):format(number(v.x), v.lo == -math.huge and "-inf" or number(v.lo), v.hi == math.huge and "inf" or number(v.hi))
end

-- What to say of a check: where it held if it failed the build, else the closest look.
local function reasons(seen, failed)
  local out = {}
  for _, s in ipairs(seen) do
    if not s.missing and (s.holds or not failed) then out[#out + 1] = ("%s: %s %s %s"):format(s.name, shown(s.left), s.holds and s.op or "is not " .. s.op, shown(s.right)) end
  end
  return out
end

-- Baseline and study must mean the same by onset and break.
local function belong(study, base, names)
  local notes = core.json.array {}
  if not base then return notes end
  local x, y = study.analysis, base.analysis
  for _, field in ipairs { "onset", "break_at", "label_free" } do
    if x.settings[field] ~= y.settings[field] then
      return nil, ("%s has %s %s, %s has %s: the same expected"):format(names.new, field, tostring(x.settings[field]), names.baseline, tostring(y.settings[field]))
    end
  end
  for _, field in ipairs { "data", "labels", "diff", "seed", "version" } do
    local p, q = (x.identity or {})[field], (y.identity or {})[field]
    if p ~= q then notes[#notes + 1] = ("%s and %s differ in %s: differences may not be the model's"):format(names.new, names.baseline, field) end
  end
  return notes
end

--- Check a study (brink.study.open) against conditions under which it fails: a text or a list of them (see above).
-- opts: baseline (a study), confident (false), name, baseline_name (for messages; default the files' names).
-- Returns { passed, confident, checks = list of { expression, failed, reasons = list of texts, seen = list of { name, left, right, op,
-- holds } }, notes }, with methods text(), json(), junit(). nil, message, "usage", column for an expression that cannot be
-- read or names what is not there; nil, message, "mismatch" for a baseline of other thresholds.
function M.check(study, expressions, opts)
  opts = opts or {}
  if type(study) ~= "table" or not study.analysis then error("check: a study expected, got " .. type(study), 2) end
  if type(expressions) == "string" then expressions = { expressions } end
  if type(expressions) ~= "table" or #expressions == 0 then error("check: a condition or a list of conditions expected", 2) end
  local function name_of(s, other) return s and (s.store:path() or other):match "[^/]*$" end
  local names = { new = opts.name or name_of(study, "the study"), baseline = opts.baseline_name or name_of(opts.baseline, "the baseline") }
  local notes, message = belong(study, opts.baseline, names)
  if not notes then return nil, message, "mismatch" end
  local out = setmetatable({ passed = true, confident = opts.confident == true, checks = core.json.array {}, notes = notes, name = names.new }, Verdict)
  for k, text in ipairs(expressions) do
    local tree, why, word, column = M.parse(text)
    if not tree then return nil, why, word, column end
    local set = { new = study, baseline = opts.baseline, names = names, confident = opts.confident == true }
    local result
    result, why, word, column = expression.caught(text, function()
      local failed, seen = evaluate(tree, set)
      return { expression = text, failed = failed, seen = core.json.array(seen), reasons = core.json.array(reasons(seen, failed)) }
    end)
    if not result then return nil, why, word, column end
    out.checks[k] = result
    out.passed = out.passed and not result.failed
  end
  return out
end

return M
