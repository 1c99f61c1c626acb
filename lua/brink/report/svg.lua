--- Charts as static SVG: no script, so they print, diff and work everywhere.
-- All text is escaped; all numbers are written with fixed digits, so equal studies give equal bytes.
-- SPDX-License-Identifier: MIT
local html = require "brink.report.html"
local shown = require "brink.shown"

local M = {}

local function n1(v) return (("%.1f"):format(v):gsub("%.0$", "")) end

--- Path through points {x, y}.
local function path(points)
  local out = {}
  for k, p in ipairs(points) do out[k] = (k == 1 and "M" or "L") .. n1(p[1]) .. " " .. n1(p[2]) end
  return table.concat(out)
end

local function text(x, y, class, s)
  return ('<text x="%s" y="%s" class="%s">%s</text>'):format(n1(x), n1(y), class, html.escape(s))
end

local function line(x1, y1, x2, y2, class)
  return ('<line x1="%s" y1="%s" x2="%s" y2="%s" class="%s"/>'):format(n1(x1), n1(y1), n1(x2), n1(y2), class)
end

local W, H, LEFT, RIGHT, TOP, BOTTOM = 560, 316, 46, 16, 14, 58

--- Drawing area: intensity 0..1 across, rise from low to 1 up.
local function frame(low)
  local w, h = W - LEFT - RIGHT, H - TOP - BOTTOM
  return function(i) return LEFT + w * i end, function(r) return TOP + h * (1 - (math.max(low, math.min(1, r)) - low) / (1 - low)) end
end

local function grid(out, X, Y, low, units)
  for _, r in ipairs { 0, 0.25, 0.5, 0.75, 1 } do
    out[#out + 1] = line(LEFT, Y(r), W - RIGHT, Y(r), r == 0 and "axis" or "grid")
    out[#out + 1] = text(LEFT - 6, Y(r) + 4, "tick end", ("%d %%"):format(r * 100))
  end
  if low < 0 then out[#out + 1] = text(LEFT - 6, Y(low) + 4, "tick end", ("%.0f %%"):format(low * 100)) end
  for k = 0, 4 do
    out[#out + 1] = line(X(k / 4), Y(low), X(k / 4), Y(low) + 4, "axis")
    out[#out + 1] = text(X(k / 4), H - BOTTOM + 18, "tick mid", ("%.2f"):format(k / 4))
    if units and units[k + 1] then out[#out + 1] = text(X(k / 4), H - BOTTOM + 34, "tick mid unit", units[k + 1]) end
  end
  out[#out + 1] = text(X(0.5), H - (units and 4 or 16), "tick mid name", units and units.name and "intensity, and below it " .. units.name or "intensity")
end

--- A bound with its interval: a shaded stretch, a line and its name, `drop` pixels lower.
local function bound(out, X, Y, low, b, class, drop)
  if not b or not b.i then return end
  if b.lo and b.hi and b.hi > b.lo then
    out[#out + 1] = ('<rect x="%s" y="%s" width="%s" height="%s" class="%s-band"/>'):format(
      n1(X(b.lo)), n1(Y(1)), n1(X(b.hi) - X(b.lo)), n1(Y(low) - Y(1)), class)
  end
  out[#out + 1] = line(X(b.i), Y(1), X(b.i), Y(low), class)
  out[#out + 1] = text(X(b.i) + (b.i > 0.9 and -4 or 4), Y(1) + 11 + drop, "mark " .. class .. "-text" .. (b.i > 0.9 and " end" or ""), class)
end

-- Ticks where fewer pictures were asked say whether to look there, not where the curve is: neighbours count together.
local GLANCE = 8

local function kept(p, rise) return p.few and p.lo and math.max(p.lo, math.min(rise, p.hi)) or rise end

-- The points the line goes through, inside their band: ticks, and level stretches over ticks that were glanced at, where they
-- have enough pictures together. The first and the last tick always have one.
local function course(curve)
  local out, from, n, sum = {}, nil, 0, 0.0
  local function put(p, rise) out[#out + 1] = { i = p.i, rise = kept(p, rise), few = p.few } end
  for k, p in ipairs(curve) do
    if p.few and p.n and p.n < GLANCE then
      from, n, sum = from or p, n + p.n, sum + p.n * p.rise
      local enough = n >= GLANCE
      if enough and from ~= p then put(from, sum / n) end
      if enough or k == 1 or k == #curve then put(p, sum / n) end
      if enough then from, n, sum = nil, 0, 0.0 end
    else
      put(p, p.rise)
      from, n, sum = nil, 0, 0.0
    end
  end
  return out
end

--- The line through a curve: full where both ends were measured on every picture, thin where one was measured on few only.
local function trace(out, curve, X, Y)
  local paths = { [true] = {}, [false] = {} }
  local points = course(curve)
  for k = 2, #points do
    local a, b = points[k - 1], points[k]
    local list = paths[(a.few or b.few) and true or false]
    if list.last ~= k - 1 then list[#list + 1] = "M" .. n1(X(a.i)) .. " " .. n1(Y(a.rise)) end
    list[#list + 1] = "L" .. n1(X(b.i)) .. " " .. n1(Y(b.rise))
    list.last = k
  end
  if #paths[true] > 0 then out[#out + 1] = ('<path d="%s" class="line few"/>'):format(table.concat(paths[true])) end
  if #paths[false] > 0 then out[#out + 1] = ('<path d="%s" class="line"/>'):format(table.concat(paths[false])) end
end

--- The curve of one augmentation and side.
-- @param curve list of { i, rise, lo, hi, n, few = measured on n pictures only, not on all }, i ascending in 0..1
-- @param opts { title, onset = { i, lo, hi }, break_ = { ... }, onset_at, break_at, units = { five texts, name = } , islands = { {from, to} } }
-- @return SVG text
function M.curve(curve, opts)
  local low = 0
  for _, p in ipairs(curve) do low = math.min(low, p.rise) end
  low = low < -0.02 and -0.25 * math.ceil(-low / 0.25) or 0
  local X, Y = frame(low)
  local out = { ('<svg viewBox="0 0 %d %d" role="img" class="curve"><title>%s</title>'):format(W, H, html.escape(opts.title)) }
  grid(out, X, Y, low, opts.units)
  for _, island in ipairs(opts.islands or {}) do
    out[#out + 1] = ('<rect x="%s" y="%s" width="%s" height="5" class="island"><title>safe island %.2f to %.2f</title></rect>'):format(
      n1(X(island[1])), n1(Y(low) - 5), n1(X(island[2]) - X(island[1])), island[1], island[2])
  end
  bound(out, X, Y, low, opts.onset, "onset", 0)
  local close = opts.onset and opts.break_ and opts.break_.i - opts.onset.i < 0.15
  bound(out, X, Y, low, opts.break_, "break", close and 14 or 0)
  if opts.onset_at then out[#out + 1] = line(LEFT, Y(opts.onset_at), W - RIGHT, Y(opts.onset_at), "threshold") end
  if opts.break_at then out[#out + 1] = line(LEFT, Y(opts.break_at), W - RIGHT, Y(opts.break_at), "threshold") end
  local band = {}
  for _, p in ipairs(curve) do
    if p.hi then band[#band + 1] = { X(p.i), Y(p.hi) } end
  end
  for k = #curve, 1, -1 do
    if curve[k].lo then band[#band + 1] = { X(curve[k].i), Y(curve[k].lo) } end
  end
  if #band > 2 then out[#out + 1] = ('<path d="%sZ" class="band"/>'):format(path(band)) end
  trace(out, curve, X, Y)
  for _, p in ipairs(curve) do
    out[#out + 1] = ('<circle cx="%s" cy="%s" r="%s" class="%s"><title>intensity %.3f: rise %.3f%s%s</title></circle>'):format(
      n1(X(p.i)), n1(Y(p.rise)), p.few and "1.5" or "3", p.few and "dot few" or "dot", p.i, p.rise,
      p.lo and (" (%.3f to %.3f)"):format(p.lo, p.hi) or "", p.n and ", " .. shown.count(p.n, "image") or "")
  end
  out[#out + 1] = "</svg>"
  return table.concat(out, "\n")
end

local function mark(out, X, Y, m, class, row)
  if not m.i then return end
  out[#out + 1] = ('<path d="M%s %sV%s" class="%s %s-line"><title>%s: %s at %.3f</title></path>'):format(
    n1(X(m.i)), n1(Y(1)), n1(Y(0)), m.kind, class, html.escape(m.name), m.kind, m.i)
  out[#out + 1] = text(X(m.i) + (m.i > 0.9 and -4 or 4), Y(1) + 11 + 13 * row, "mark " .. class .. "-text" .. (m.i > 0.9 and " end" or ""), m.kind .. " " .. m.name)
end

--- Two curves of errors in one chart.
-- @param list two of { name, points = list of { i, error, lo, hi, n }, break_ = intensity or nil }
-- @param opts { title, crossovers = list of intensities, units as in curve }
-- @return SVG text
function M.curves(list, opts)
  local X, Y = frame(0)
  local out = { ('<svg viewBox="0 0 %d %d" role="img" class="curve"><title>%s</title>'):format(W, H, html.escape(opts.title)) }
  grid(out, X, Y, 0, opts.units)
  for k, c in ipairs(list) do
    local class = k == 1 and "first" or "second"
    local band, middle = {}, {}
    for _, p in ipairs(c.points) do
      if p.hi then band[#band + 1] = { X(p.i), Y(p.hi) } end
      middle[#middle + 1] = { X(p.i), Y(p.error) }
    end
    for j = #c.points, 1, -1 do
      if c.points[j].lo then band[#band + 1] = { X(c.points[j].i), Y(c.points[j].lo) } end
    end
    if #band > 2 then out[#out + 1] = ('<path d="%sZ" class="band %s-band"/>'):format(path(band), class) end
    if #middle > 1 then out[#out + 1] = ('<path d="%s" class="line %s-line"/>'):format(path(middle), class) end
    for _, p in ipairs(c.points) do
      out[#out + 1] = ('<circle cx="%s" cy="%s" r="2.5" class="%s-dot"><title>%s, intensity %.3f: error %.3f%s</title></circle>'):format(
        n1(X(p.i)), n1(Y(p.error)), class, html.escape(c.name), p.i, p.error, p.n and ", " .. shown.count(p.n, "image") or "")
    end
  end
  for k, c in ipairs(list) do mark(out, X, Y, { i = c.break_, kind = "break", name = k == 1 and "a" or "b" }, k == 1 and "first" or "second", k - 1) end
  for _, i in ipairs(opts.crossovers or {}) do
    out[#out + 1] = ('<path d="M%s %sV%s" class="crossover"><title>the curves change places at %.3f</title></path>'):format(n1(X(i)), n1(Y(1)), n1(Y(0)), i)
  end
  out[#out + 1] = "</svg>"
  return table.concat(out, "\n")
end

--- One bar of the overview: safe up to the onset, doubtful up to the break, broken beyond.
-- @param onset, break_ intensity or nil for "not within 0..1"
-- @param sure { lo, hi }: the interval of the break, drawn as a thin line; or nil
function M.range(onset, break_, title, sure)
  local o, b = onset or break_ or 1, break_ or 1
  if o > b then o = b end
  local function stretch(from, to, class)
    if to <= from then return "" end
    return ('<rect x="%s" y="0" width="%s" height="14" class="%s"/>'):format(n1(from * 400), n1((to - from) * 400), class)
  end
  return ('<svg viewBox="0 0 400 14" preserveAspectRatio="none" role="img" class="range"><title>%s</title>%s%s%s%s</svg>'):format(
    html.escape(title), stretch(0, o, "safe"), stretch(o, b, "doubt"), stretch(b, 1, "broken"), sure and sure[2] > sure[1]
      and ('<rect x="%s" y="6" width="%s" height="2" class="sure"/>'):format(n1(sure[1] * 400), n1((sure[2] - sure[1]) * 400)) or "")
end

return M
