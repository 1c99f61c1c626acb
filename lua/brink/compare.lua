--- Two studies of the same pictures: which model holds out longer, by how much, and how sure is that?
--
-- Both must have tested the very same pixels; the stored hashes say whether they
-- did. Then every figure is paired. Intervals of differences come from drawing the
-- samples again (bootstrap, percentiles; Efron 1979), each draw used for both
-- studies and for all ticks. Measured on 80 samples a study whose limits are
-- spread over the axis, 100 seeds each: the break's held the truth 100 times (grid)
-- and 100 (adaptive), the onset's 95 and 98 times. Where every error is 0 or 1, McNemar's exact test
-- says at each shared tick whether the models differ (brink.metrics.mcnemar).
-- SPDX-License-Identifier: MIT
local boundaries = require "brink.search.boundaries"
local axis = require "brink.search.axis"
local core = require "brink.core"
local curve = require "brink.curve"
local mcnemar = require "brink.metrics.mcnemar"
local nearest = require "brink.nearest"
local progress = require "brink.progress"
local shown = require "brink.shown"

local M = {}

local Comparison = { __name = "brink.Comparison" }
Comparison.__index = Comparison

local OPTIONS = { "replicates", "seed", "names", "trust_errors", "progress" }
local REPLICATES = 500
local ALPHA = 0.05

-- Leaves run() with nil, message, "mismatch".
local Refusal = {}
local function refuse(format, ...) error(setmetatable({ message = format:format(...) }, Refusal), 0) end

local function plain(v) return type(v) == "number" and ("%.6g"):format(v) or tostring(v) end

local function check_settings(a, b, names)
  local x, y = a.analysis, b.analysis
  local function same(what, p, q)
    if p ~= q then refuse("%s has %s %s, %s has %s: the same expected", names[1], what, plain(p), names[2], plain(q)) end
  end
  same("result version", x.version, y.version)
  same("seed", x.settings.seed, y.settings.seed)
  same("label_free", x.settings.label_free, y.settings.label_free)
  same("onset at a rise of", x.settings.onset, y.settings.onset)
  same("break at a rise of", x.settings.break_at, y.settings.break_at)
end

local function check_identity(a, b, names, opts)
  local p, q = a.analysis.identity or {}, b.analysis.identity or {}
  if p.labels ~= q.labels then refuse("%s and %s have other labels: the same expected", names[1], names[2]) end
  if p.diff ~= q.diff and not opts.trust_errors then
    refuse("%s and %s measure the error by other functions: the same expected (trust_errors, --trust-errors, if they mean the same)", names[1], names[2])
  end
end

local function check_samples(a, b, names)
  local x, y = a:samples(), b:samples()
  if #x ~= #y then refuse("%s has %d samples, %s has %d: the same expected", names[1], #x, names[2], #y) end
  for k, s in ipairs(x) do
    local o = y[k]
    if s.n ~= o.n or s.id ~= o.id then
      refuse("sample %d is %s in %s and %s in %s: the same pictures expected", k, (s.path:match "[^/]*$"), names[1], (o.path:match "[^/]*$"), names[2])
    end
  end
  return x
end

-- Errors by tick: list of { tick, i, error = { sample number -> error }, hash = ..., n }.
local function ticks_of(study, c)
  local list, at = {}, nil
  for r in study:results(c and c.name, c and c.side) do
    local tick = math.tointeger((r.i * 1e6 + 0.5) // 1)
    if not at or at.tick ~= tick then
      at = { tick = tick, i = r.i, error = {}, hash = {}, n = 0 }
      list[#list + 1] = at
    end
    if r.error then at.error[r.sample], at.n = r.error, at.n + 1 end
    at.hash[r.sample] = r.hash
  end
  return list
end

local function check_pixels(x, y, what, samples, names)
  local by_tick = {}
  for _, t in ipairs(y) do by_tick[t.tick] = t end
  for _, t in ipairs(x) do
    local u = by_tick[t.tick]
    for _, s in ipairs(u and samples or {}) do
      local p, q = t.hash[s.n], u.hash[s.n]
      if p and q and p ~= q then
        refuse("%s at %g of %s: %s and %s tested other pixels: the same draws expected", what, t.i, (s.path:match "[^/]*$"), names[1], names[2])
      end
    end
  end
end

-- Samples with a clean answer in both: their numbers, and the two lists of errors.
local function baselines(a, b, samples, names)
  local x, y = ticks_of(a), ticks_of(b)
  check_pixels(x, y, "the untouched picture", samples, names)
  local out = { numbers = {}, a = {}, b = {} }
  for _, s in ipairs(samples) do
    local p, q = x[1] and x[1].error[s.n], y[1] and y[1].error[s.n]
    if p and q then
      local k = #out.numbers + 1
      out.numbers[k], out.a[k], out.b[k] = s.n, p, q
    end
  end
  if #out.numbers == 0 then refuse("%s and %s share no sample that both could measure", names[1], names[2]) end
  return out
end

local SWEEPS = 6 -- as the search's own guess

-- Fill what an adaptive search did not ask. A sample not seen at a tick is taken to be between what it showed at its nearest
-- ticks on both sides (0 at the start, wrong beyond the end), as far as the mean curve has come between them; repeated until
-- that is the mean curve (Turnbull 1976). `columns` of rises by tick; returns full ones.
local function filled(columns, base)
  local count, n, top = #columns, #base, 0.0
  local g, out = { [0] = 0.0 }, {}
  for c = 1, count do
    local seen, sum = 0, 0.0
    for _, v in ipairs(columns[c]) do if v then seen, sum = seen + 1, sum + v end end
    g[c] = math.max(g[c - 1], seen > 0 and sum / seen or 0.0)
    out[c] = {}
  end
  for s = 1, n do top = top + 1 - base[s] end
  top = top / n
  for _ = 1, SWEEPS do
    for s = 1, n do
      local from, value = 0, 0.0
      for c = 1, count + 1 do
        local rise = c <= count and columns[c][s]
        if rise or c > count then
          local reach = (rise and g[c] or top) - g[from]
          for k = from + 1, c - 1 do
            local share = reach > 0 and math.min(1.0, (g[k] - g[from]) / reach) or 0.5
            out[k][s] = value + ((rise or 1 - base[s]) - value) * share
          end
          if rise then out[c][s] = rise end
          from, value = c, rise or 0.0
        end
      end
    end
    for c = 1, count do
      local sum = 0.0
      for s = 1, n do sum = sum + out[c][s] end
      g[c] = math.max(g[c - 1], sum / n)
    end
  end
  return out
end

-- Columns of rises of one study, put after `columns`, and its ticks.
local function prepare(ticks, base, numbers, columns)
  local out, own, gaps = { first = #columns + 1, ticks = {} }, {}, false
  for _, t in ipairs(ticks) do
    local column, n, sum = {}, 0, 0.0
    for k, number in ipairs(numbers) do
      local e = t.error[number]
      column[k] = e and e - base[k] or false
      if e then n, sum = n + 1, sum + e - base[k] end
    end
    gaps = gaps or n < #numbers
    if n > 0 then
      own[#own + 1] = column
      out.ticks[#out.ticks + 1] = { i = t.i, n = n, rise = sum / n }
    end
  end
  if gaps then own = filled(own, base) end
  out.gaps = gaps
  table.move(own, 1, #own, #columns + 1, columns)
  return out
end

-- Points for boundaries.lua out of one draw; `means` are those of all columns.
local function points_of(study, means, n)
  local out = { { i = 0.0, rise = 0.0, n = n, low = 0.0, high = 0.0 } }
  for k, t in ipairs(study.ticks) do
    local rise = means[study.first + k - 1]
    out[k + 1] = { i = t.i, rise = rise, n = t.n, low = rise, high = rise }
  end
  return out
end

local function crossing(study, means, n, threshold, steep, settings, finest)
  local points = points_of(study, means, n)
  if #points == 1 then return 1.0 end
  return boundaries.settle(points, boundaries.crossing(points, threshold, steep), settings.step, finest).x
end

-- The curve of errors: the mean clean error and on it the mean rises.
local function errors_of(study, means, base)
  local out = { { i = 0.0, y = base } }
  for k, t in ipairs(study.ticks) do out[k + 1] = { i = t.i, y = base + means[study.first + k - 1] } end
  return out
end

-- Middle 95 % of a list, widened to hold `x`.
local function percentiles(list, x)
  table.sort(list)
  local lo = list[math.max(1, math.ceil(#list * ALPHA / 2))]
  local hi = list[math.max(1, math.ceil(#list * (1 - ALPHA / 2)))]
  return math.min(lo, x), math.max(hi, x)
end

local function means_of(columns)
  local out = {}
  for c, column in ipairs(columns) do
    local n, sum = 0, 0.0
    for _, v in ipairs(column) do if v then n, sum = n + 1, sum + v end end
    out[c] = n > 0 and sum / n or false
  end
  return out
end

local function never(x, y) return (not x and not y) and "both" or not x and "a" or not y and "b" or nil end

-- `loose`: what the two bounds themselves leave open, a variance.
local function difference(a, b, list, never_, loose)
  local r = { a = a, b = b, difference = b - a, never = never_ }
  r.lo, r.hi = percentiles(list, r.difference)
  if loose and loose > 0 then
    r.lo = r.difference - core.math.sqrt((r.difference - r.lo) ^ 2 + loose)
    r.hi = r.difference + core.math.sqrt((r.hi - r.difference) ^ 2 + loose)
  end
  return r
end

-- An adaptive search knows the bounds of its own samples to half a step only, a complete grid exactly.
local function looseness(run, sa, sb)
  local sum = 0.0
  for k, s in ipairs { sa, sb } do
    local step = (k == 1 and run.a or run.b).analysis.settings.step
    if s.gaps then sum = sum + (step / 2) ^ 2 end
  end
  return sum
end

-- Which of the two holds out longer, if the interval of the break tells; where neither breaks, the areas.
local function better(side)
  local b = side.break_
  if b.never ~= "both" then return b.lo > 0 and "b" or b.hi < 0 and "a" or nil end
  return side.area.lo > 0 and "a" or side.area.hi < 0 and "b" or nil
end

-- The curve to draw, with limits. Those of a rising curve cannot exceed a later point's nor fall below an earlier one's.
local function drawn(points, c)
  local out, limits = {}, {}
  for _, p in ipairs(c.points) do limits[math.tointeger((p.i * 1e6 + 0.5) // 1)] = p end
  for k, p in ipairs(points) do
    local l = limits[math.tointeger((p.i * 1e6 + 0.5) // 1)]
    out[k] = { i = p.i, error = p.y, lo = l and l.lo and l.lo - l.rise + p.y, hi = l and l.hi and l.hi - l.rise + p.y, n = l and l.n }
  end
  if #(c.bounds.islands or {}) > 0 then return out end
  local hi, lo = math.huge, -math.huge
  for k = #out, 1, -1 do
    hi = math.min(hi, out[k].hi or hi)
    if out[k].hi then out[k].hi = math.max(hi, out[k].error) end
  end
  for _, p in ipairs(out) do
    lo = math.max(lo, p.lo or lo)
    if p.lo then p.lo = math.min(lo, p.error) end
  end
  return out
end

local function compare_side(run, ca, cb)
  local base, settings = run.base, run.a.analysis.settings
  local xa, xb = ticks_of(run.a, ca), ticks_of(run.b, cb)
  check_pixels(xa, xb, ca.name .. ca.side, run.samples, run.names)
  local n, columns = #base.numbers, { base.a, base.b }
  local sa = prepare(xa, base.a, base.numbers, columns)
  local sb = prepare(xb, base.b, base.numbers, columns)
  local mean = means_of(columns)
  local ea, eb = errors_of(sa, mean, mean[1]), errors_of(sb, mean, mean[2])
  local upto = math.min(ea[#ea].i, eb[#eb].i)
  local onset, break_, area = {}, {}, {}
  for r, means in ipairs(core.resample(columns, n, run.replicates, run.seed)) do
    local function at(s, threshold, steep, study) return crossing(s, means, n, threshold, steep, settings, run.finest[study]) end
    onset[r] = at(sb, settings.onset, boundaries.STEEP.onset, 2) - at(sa, settings.onset, boundaries.STEEP.onset, 1)
    break_[r] = at(sb, settings.break_at, boundaries.STEEP.break_at, 2) - at(sa, settings.break_at, boundaries.STEEP.break_at, 1)
    area[r] = curve.between(errors_of(sa, means, means[1]), errors_of(sb, means, means[2]), upto)
  end
  local signed, absolute = curve.between(ea, eb, upto)
  local loose = looseness(run, sa, sb)
  local side = { name = ca.name, side = ca.side, family = ca.family,
    onset = difference(ca.bounds.onset, cb.bounds.onset, onset, never(ca.bounds.onset_found, cb.bounds.onset_found), loose),
    break_ = difference(ca.bounds.break_, cb.bounds.break_, break_, never(ca.bounds.break_found, cb.bounds.break_found), loose),
    area = { signed = signed, absolute = absolute, upto = upto }, crossovers = core.json.array(curve.crossovers(ea, eb, upto, settings.onset)),
    mcnemar = mcnemar.curve(xa, xb, base.numbers), curve_a = drawn(ea, ca), curve_b = drawn(eb, cb) }
  side.area.lo, side.area.hi = percentiles(area, signed)
  side.better = better(side)
  return side
end

local function clean(run)
  local base = run.base
  local mean = means_of { base.a, base.b }
  local list = {}
  for r, m in ipairs(core.resample({ base.a, base.b }, #base.numbers, run.replicates, run.seed)) do list[r] = m[2] - m[1] end
  local out = difference(mean[1], mean[2], list)
  local all = {}
  for k = 1, #base.numbers do all[k] = k end
  out.mcnemar = mcnemar.at(0.0, base.a, base.b, all)
  return out
end

local function key(c) return c.name .. "\0" .. c.side end

local function check(opts, level)
  if type(opts) ~= "table" then error("compare: options: a table expected, got " .. type(opts), level + 1) end
  local unknown, hint = nearest.unknown(opts, OPTIONS)
  if unknown then error("compare: no option " .. unknown .. hint, level + 1) end
  local r = opts.replicates
  if r ~= nil and (math.type(r) ~= "integer" or r < 40 or r > 1000000) then
    error(("compare: replicates: %s, an integer in 40..1000000 expected"):format(tostring(r)), level + 1)
  end
  if opts.seed ~= nil and math.type(opts.seed) ~= "integer" then error("compare: seed: an integer expected", level + 1) end
end

local function name_of(study, other)
  local path = study.store:path()
  return path and path:match "[^/]*$" or other
end

local function build(run)
  check_settings(run.a, run.b, run.names)
  run.samples = check_samples(run.a, run.b, run.names)
  check_identity(run.a, run.b, run.names, run.opts)
  run.base = baselines(run.a, run.b, run.samples, run.names)
  for k, s in ipairs { run.a, run.b } do
    local step = s.analysis.settings.step
    local _, fine = axis.ticks(step)
    run.finest[k] = step / fine
  end
  local out = setmetatable({ names = run.names, n = #run.base.numbers, sides = core.json.array {}, only_a = core.json.array {}, only_b = core.json.array {},
    clean = clean(run), settings = { onset = run.a.analysis.settings.onset, break_at = run.a.analysis.settings.break_at, replicates = run.replicates,
      seed = run.seed, label_free = run.a.analysis.settings.label_free }, models = {}, left_out = #run.samples - #run.base.numbers }, Comparison)
  for k, s in ipairs { run.a, run.b } do out.models[k] = tostring((s.analysis.identity or {}).model) end
  local others, shared = {}, 0
  for _, c in ipairs(run.b.analysis.curves) do others[key(c)] = c end
  for _, c in ipairs(run.a.analysis.curves) do shared = shared + (others[key(c)] and 1 or 0) end
  local bar = progress.new("sides", shared, { quiet = not run.opts.progress })
  for _, c in ipairs(run.a.analysis.curves) do
    local o = others[key(c)]
    others[key(c)] = nil
    if o then
      out.sides[#out.sides + 1] = compare_side(run, c, o)
      bar:add()
    else
      out.only_a[#out.only_a + 1] = c.name .. c.side
    end
  end
  for _, c in ipairs(run.b.analysis.curves) do if others[key(c)] then out.only_b[#out.only_b + 1] = c.name .. c.side end end
  bar:done()
  if #out.sides == 0 then refuse("%s and %s have no augmentation in common", run.names[1], run.names[2]) end
  return out
end

--- Compare two studies (brink.study.open). opts: replicates (500), seed (1) of the draws, names = { text, text } of the two
-- (default: their files' names), trust_errors (false; true: although the error functions differ), progress (false; true: a bar on
-- standard error).
--
-- Returns a table { names, n, clean = { a, b, difference, lo, hi, mcnemar }, sides = list of { name, side, onset and break_ = { a, b,
-- difference (b - a), lo, hi (95 %), never = "a", "b", "both" or nil }, area = { signed, lo, hi, absolute, upto }, crossovers =
-- list of { i, before, after }, mcnemar = list of { i, n, a_only, b_only, p, p_adjusted } or nil, better = "a", "b" or nil } },
-- only_a, only_b }, sides by the difference of the break, with methods text(), json(), report(path). nil, message,
-- "mismatch" when the two do not belong together, with what differs.
function M.run(a, b, opts)
  opts = opts or {}
  check(opts, 2)
  for k, s in ipairs { a, b } do
    if type(s) ~= "table" or not s.analysis then error(("compare: argument %d: a study expected, got %s"):format(k, type(s)), 2) end
  end
  local names = opts.names or { name_of(a, "a"), name_of(b, "b") }
  if names[1] == names[2] then names = { "a: " .. names[1], "b: " .. names[2] } end
  local run = { a = a, b = b, opts = opts, names = names, replicates = opts.replicates or REPLICATES, seed = opts.seed or 1, finest = {} }
  local ok, out = pcall(build, run)
  if not ok then
    if getmetatable(out) == Refusal then return nil, out.message, "mismatch" end
    error(out, 0)
  end
  table.sort(out.sides, function(p, q)
    if p.break_.difference ~= q.break_.difference then return p.break_.difference < q.break_.difference end
    if p.onset.difference ~= q.onset.difference then return p.onset.difference < q.onset.difference end
    if p.name ~= q.name then return p.name < q.name end
    return p.side < q.side
  end)
  return out
end

--- Name and side as people read it.
function M.title(side) return side.name .. (side.side ~= "" and " " .. side.side or "") end

local function at(x, absent) return absent and "never" or ("%.3f"):format(x) end

local function change(d)
  if d.never == "both" then return "-" end
  return ("%+.3f (%+.2f..%+.2f)"):format(d.difference, d.lo, d.hi)
end

--- The smallest adjusted p-value of a side and where, or nil.
function M.strongest(side)
  local best
  for _, r in ipairs(side.mcnemar or {}) do if not best or r.p_adjusted < best.p_adjusted then best = r end end
  return best
end

--- As text to read.
function Comparison:text()
  local out = { ("a = %s, b = %s: %s in both; positive: b holds out longer"):format(self.names[1], self.names[2], shown.count(self.n, "sample")) }
  local c = self.clean
  out[2] = ("clean error %.3f and %.3f, b - a %+.3f (%+.3f..%+.3f)%s"):format(c.a, c.b, c.difference, c.lo, c.hi,
    c.mcnemar and (", McNemar p = %.3g"):format(c.mcnemar.p) or "")
  if self.left_out > 0 then out[#out + 1] = shown.count(self.left_out, "sample") .. " could not be measured in both" end
  out[#out + 1] = ("%-24s %-7s %-7s %-22s %-22s %-8s %s"):format("augmentation", "break a", "b", "b - a (95 %)", "onset b - a (95 %)", "area", "notes")
  for _, s in ipairs(self.sides) do
    local notes, p = {}, M.strongest(s)
    if s.better then notes[1] = s.better .. " better" end
    for _, x in ipairs(s.crossovers) do notes[#notes + 1] = ("crossover %.2f"):format(x.i) end
    if p and p.p_adjusted < ALPHA then notes[#notes + 1] = ("p = %.2g at %.2f"):format(p.p_adjusted, p.i) end
    local n = s.break_.never
    out[#out + 1] = (("%-24s %-7s %-7s %-22s %-22s %+.3f   %s"):format(M.title(s), at(s.break_.a, n == "a" or n == "both"), at(s.break_.b, n == "b" or n == "both"),
      change(s.break_), change(s.onset), s.area.signed, table.concat(notes, ", "))):gsub("%s+$", "")
  end
  for k, list in ipairs { self.only_a, self.only_b } do
    if #list > 0 then out[#out + 1] = ("only in %s: %s"):format(self.names[k], table.concat(list, ", ")) end
  end
  return table.concat(out, "\n") .. "\n"
end
Comparison.__tostring = Comparison.text

--- As plain data, the table behind json().
function Comparison:data()
  local sides = core.json.array {}
  for k, s in ipairs(self.sides) do
    sides[k] = { name = s.name, side = s.side, family = s.family, onset = s.onset, ["break"] = s.break_, area = s.area, crossovers = s.crossovers,
      mcnemar = s.mcnemar, better = s.better }
  end
  return { names = self.names, models = self.models, n = self.n, left_out = self.left_out, clean = self.clean, sides = sides, only_a = self.only_a,
    only_b = self.only_b, settings = self.settings }
end

--- As JSON text.
function Comparison:json() return core.json.encode(self:data(), { indent = 2 }) .. "\n" end

--- Write the page, both curves of each row in one chart, into a folder. Returns the path of its index.html, or nil, message, code.
function Comparison:report(dir) return require("brink.report.compare").write(self, dir) end

return M
