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
local nearest = require "brink.nearest"

local M = {}

local MEASURES = { "onset", "break", "error", "rise", "auc", "baseline", "clean" }
local SYMBOLS = { "<=", ">=", "<", ">", "+", "-", "*", "/", "(", ")", ".", "@" }

-- What is wrong with an expression, and where; caught in parse and check.
local Fault = {}
local function fault(at, format, ...) error(setmetatable({ at = at, message = format:format(...) }, Fault), 0) end

-- Tokens { kind = "name", "number", "symbol" or "end", text, value, at }.
local function lex(text)
  local out, at = {}, 1
  local function put(kind, part, value)
    out[#out + 1] = { kind = kind, text = part, value = value, at = at }
    at = at + #part
  end
  while true do
    at = text:find("%S", at) or #text + 1
    local before = out[#out]
    local joined = before and before.at + #before.text == at and before.kind == "name"
    local number = text:match("^%d+%.?%d*[eE][+-]?%d+", at) or text:match("^%.%d+[eE][+-]?%d+", at) or text:match("^%d+%.?%d*", at)
      or not joined and text:match("^%.%d+", at) or nil
    local name = text:match("^[%a_\128-\255][%w_\128-\255]*", at)
    local quoted = text:match('^"[^"]*"', at) or text:match("^'[^']*'", at)
    if at > #text then
      put("end", "")
      return out
    elseif number then
      local v = tonumber(number)
      if v == math.huge then fault(at, "%s is too large", number) end
      put("number", number, v + 0.0)
    elseif name then put("name", name, name)
    elseif quoted then put("name", quoted, quoted:sub(2, -2))
    else
      local symbol
      for _, s in ipairs(SYMBOLS) do if text:sub(at, at + #s - 1) == s then symbol = s break end end
      if not symbol then
        local c = text:sub(at, at)
        if c == "=" or c == "!" then fault(at, "%s: one of < <= > >= expected", c) end
        fault(at, "unexpected %s", c)
      end
      put("symbol", symbol)
    end
  end
end

local function said(token) return token.kind == "end" and "the end" or token.text end

local Parser = {}
Parser.__index = Parser
function Parser:peek(k) return self.tokens[math.min(self.at + (k or 0), #self.tokens)] end
function Parser:next()
  local token = self:peek()
  self.at = self.at + 1
  return token
end
function Parser:symbol(...)
  local token = self:peek()
  for _, s in ipairs { ... } do
    if token.kind == "symbol" and token.text == s then return self:next() end
  end
end
function Parser:word(text)
  local token = self:peek()
  if token.kind == "name" and token.text == text then return self:next() end
end

local function is_measure(word)
  for _, m in ipairs(MEASURES) do if m == word then return true end end
  return false
end

-- A measure; `@ number` belongs to error and rise.
local function measure(p, node)
  local token = p:next()
  if token.kind ~= "name" then fault(token.at, "%s: a measure expected: %s", said(token), table.concat(MEASURES, ", ")) end
  if not is_measure(token.text) then fault(token.at, "no measure %s%s", token.text, nearest.hint(token.text, MEASURES)) end
  node.measure = token.text == "clean" and "baseline" or token.text
  if node.measure == "error" or node.measure == "rise" then
    if not p:symbol "@" then fault(p:peek().at, "%s needs an intensity: %s@0.5", token.text, token.text) end
    local i = p:next()
    if i.kind ~= "number" or i.value > 1 then fault(i.at, "%s: an intensity in 0..1 expected", said(i)) end
    node.i = i.value
  end
  return node
end

-- After WHAT: [. side] . measure
local function rest_of_reference(p, node)
  local dot = p:symbol "."
  if not dot then fault(p:peek().at, "%s: .MEASURE expected after %s", said(p:peek()), node.what) end
  local side = p:symbol("+", "-")
  if side then
    node.side = side.text
    if not p:symbol "." then fault(p:peek().at, "%s: .MEASURE expected after the side", said(p:peek())) end
  end
  return measure(p, node)
end

local function reference(p)
  local token = p:next()
  local node = { kind = "value", at = token.at, study = "new" }
  if token.text == "baseline" then
    node.study = "baseline"
    if p:peek().text ~= "." or p:peek().kind ~= "symbol" then
      node.same = true
      return node
    end
    p:next()
    token = p:peek()
    if token.kind ~= "name" then fault(token.at, "%s: an augmentation or a measure expected", said(token)) end
    local after = p:peek(1)
    if is_measure(token.text) and not (after.kind == "symbol" and after.text == ".") then
      node.same = token.text ~= "clean"
      return measure(p, node)
    end
    p:next()
  elseif token.text == "clean" then
    node.measure = "baseline"
    return node
  end
  node.what, node.what_at = token.value, token.at
  return rest_of_reference(p, node)
end

local sum

local function factor(p)
  local token = p:peek()
  if p:symbol "-" then return { kind = "minus", at = token.at, factor(p) } end
  if p:symbol "(" then
    local inner = sum(p)
    if not p:symbol ")" then fault(p:peek().at, "%s: ) expected", said(p:peek())) end
    return inner
  end
  if token.kind == "number" then
    p:next()
    return { kind = "number", at = token.at, value = token.value }
  end
  if token.kind == "name" and token.text ~= "and" and token.text ~= "or" then return reference(p) end
  fault(token.at, "%s: a number or WHAT.MEASURE expected", said(token))
end

local function product(p)
  local left = factor(p)
  while true do
    local op = p:symbol("*", "/")
    if not op then return left end
    left = { kind = op.text, at = op.at, left, factor(p) }
  end
end

function sum(p)
  local left = product(p)
  while true do
    local op = p:symbol("+", "-")
    if not op then return left end
    left = { kind = op.text, at = op.at, left, product(p) }
  end
end

local function walk(node, fn)
  fn(node)
  for _, part in ipairs(node) do walk(part, fn) end
end

-- The first reference to the new study: what `baseline` alone is about.
local function comparison(p)
  local at = p:peek().at
  local left = sum(p)
  local op = p:symbol("<", "<=", ">", ">=")
  if not op then fault(p:peek().at, "%s: one of < <= > >= expected", said(p:peek())) end
  local node = { kind = "compare", at = at, op = op.text, left, sum(p) }
  walk(node, function(n)
    if n.kind == "value" and n.study == "new" and not node.subject then node.subject = n end
    if n.kind == "value" and (n.what == "any" or n.what == "all") then
      if node.every and node.every ~= n.what then fault(n.at, "any and all in one comparison") end
      if node.every and node.every_side ~= n.side then fault(n.at, "%s of two sides in one comparison", n.what) end
      node.every, node.every_side = n.what, n.side
    end
  end)
  walk(node, function(n)
    if n.same and not node.subject then fault(n.at, "baseline: of what? nothing else is named in this comparison") end
  end)
  return node
end

local function joined(p, word, part)
  local list = { kind = word, part(p) }
  while p:word(word) do list[#list + 1] = part(p) end
  return #list == 1 and list[1] or list
end

local function condition(p)
  return joined(p, "or", function() return joined(p, "and", comparison) end)
end

local function where(text, f) return ("%q, column %d: %s\n  %s\n  %s^"):format(text, f.at, f.message, text, (" "):rep(f.at - 1)) end

local function caught(text, fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return result end
  if getmetatable(result) ~= Fault then error(result, 0) end
  return nil, where(text, result), "usage", result.at
end

--- Read an expression. Returns its tree, or nil, message, "usage", column (from 1, in bytes).
function M.parse(text)
  if type(text) ~= "string" then error("gate.parse: a text expected, got " .. type(text), 2) end
  return caught(text, function()
    local p = setmetatable({ tokens = lex(text), at = 1 }, Parser)
    local tree = condition(p)
    local left = p:peek()
    if left.kind ~= "end" then fault(left.at, "%s: the end, and or or expected", said(left)) end
    return tree
  end)
end

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

local Verdict = { __name = "brink.Verdict" }
Verdict.__index = Verdict

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
    result, why, word, column = caught(text, function()
      local failed, seen = evaluate(tree, set)
      return { expression = text, failed = failed, seen = core.json.array(seen), reasons = core.json.array(reasons(seen, failed)) }
    end)
    if not result then return nil, why, word, column end
    out.checks[k] = result
    out.passed = out.passed and not result.failed
  end
  return out
end

--- As text to read.
function Verdict:text()
  local out = {}
  for _, c in ipairs(self.checks) do
    out[#out + 1] = (c.failed and "FAIL " or "ok   ") .. c.expression
    for k = 1, math.min(#c.reasons, c.failed and 20 or 3) do out[#out + 1] = "       " .. c.reasons[k] end
  end
  for _, n in ipairs(self.notes) do out[#out + 1] = "note: " .. n end
  return table.concat(out, "\n") .. "\n"
end
Verdict.__tostring = Verdict.text

local function limits(v) return { value = v.x, lo = v.lo > -math.huge and v.lo or nil, hi = v.hi < math.huge and v.hi or nil } end

--- As plain data.
function Verdict:data()
  local checks = core.json.array {}
  for k, c in ipairs(self.checks) do
    local seen = core.json.array {}
    for j, s in ipairs(c.seen) do
      seen[j] = s.missing and { name = s.name, missing = true } or { name = s.name, left = limits(s.left), right = limits(s.right), op = s.op, holds = s.holds }
    end
    checks[k] = { expression = c.expression, failed = c.failed, reasons = c.reasons, seen = seen }
  end
  return { passed = self.passed, confident = self.confident, study = self.name, checks = checks, notes = self.notes }
end

--- As JSON text.
function Verdict:json() return core.json.encode(self:data(), { indent = 2 }) .. "\n" end

-- Text that XML 1.0 can hold.
local function xml(s)
  s = require("brink.report.html").escape(s):gsub("\u{FFFE}", "\u{FFFD}"):gsub("\u{FFFF}", "\u{FFFD}")
  return (s:gsub("[\t\n\r]", { ["\t"] = "&#9;", ["\n"] = "&#10;", ["\r"] = "&#13;" }))
end

--- As JUnit XML: a test case per condition.
function Verdict:junit()
  local failures, out = 0, {}
  for _, c in ipairs(self.checks) do if c.failed then failures = failures + 1 end end
  local counts = ('tests="%d" failures="%d" errors="0"'):format(#self.checks, failures)
  out[1] = '<?xml version="1.0" encoding="UTF-8"?>'
  out[2] = ('<testsuites name="brink check" %s>'):format(counts)
  out[3] = ('  <testsuite name="%s" %s skipped="0">'):format(xml(self.name), counts)
  for _, c in ipairs(self.checks) do
    local head = ('    <testcase classname="brink.check" name="%s"'):format(xml(c.expression))
    if c.failed then
      out[#out + 1] = head .. ">"
      out[#out + 1] = ('      <failure type="condition" message="%s">%s</failure>'):format(xml(c.reasons[1] or c.expression), xml(table.concat(c.reasons, "; ")))
      out[#out + 1] = "    </testcase>"
    else
      out[#out + 1] = head .. "/>"
    end
  end
  out[#out + 1] = "  </testsuite>"
  out[#out + 1] = "</testsuites>"
  return table.concat(out, "\n") .. "\n"
end

return M
