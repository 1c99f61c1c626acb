--- From a study to one offline page: curves, first failures, last successes, film strips.
--
-- The pictures of first failure and last success are made again from their draw and
-- shown only when their pixels have the hash the search stored. The same study and
-- data give the same bytes.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local core = require "brink.core"
local html = require "brink.report.html"
local labels = require "brink.labels"
local map = require "brink.map"
local measure = require "brink.search.measure"
local overlay = require "brink.report.overlay"
local page = require "brink.report.page"

local M = {}

local STRIP, THUMB = 9, 132 -- frames; pixels of their longer side
local EXACT_PIXELS = 4e6    -- larger pictures are shown reduced, and the caption says so

-- A parameter's name and unit as words; "of the area" says already what "area" would.
local function words_of(name, p)
  local unit = p.unit or ""
  return unit == "of the " .. name and "" or name:gsub("_", " "), unit
end

--- A parameter as text: "sigma 0.012 of short side".
local function parameter(name, p, value)
  local word, unit = words_of(name, p)
  return (("%s %.3g %s"):format(word, value, unit):gsub("^ ", ""):gsub(" $", ""))
end

-- The parameters of a row at a signed intensity, those that move; nil when the row is no longer known.
local function physical(row, signed)
  if not row then return nil end
  local params, out = row:at(signed), {}
  for _, name in ipairs(row.param_names) do
    local p = row.params[name]
    if p.full and p.full ~= p.off then out[#out + 1] = parameter(name, p, params[name]) end
  end
  return #out > 0 and table.concat(out, ", ") or nil
end

-- Five values of the first moving parameter under the axis.
local function units(row, side)
  for _, name in ipairs(row and row.param_names or {}) do
    local p = row.params[name]
    if p.full and p.full ~= p.off then
      local word, unit = words_of(name, p)
      local out = { name = word == "" and "the share " .. unit or word .. (unit ~= "" and ", " .. unit or "") }
      for k = 0, 4 do out[k + 1] = ("%.3g"):format(row:at(measure.signed(side, k / 4))[name]) end
      return out
    end
  end
end

-- Any label or prediction as short text. The built-in recogniser answers with the identity of a sample: its name says more.
local function words(value, names)
  if value == nil then return "nothing" end
  if type(value) == "string" then return names[value] or value end
  local text = labels.text(value)
  return #text > 160 and text:sub(1, 157) .. "..." or text
end

local function encoded(image, format, opts)
  local bytes, message = image:encode(format, opts)
  if not bytes then error(message, 0) end
  return html.data_uri(format, bytes)
end

local function reduced(image, longest)
  local shrink = math.min(1, longest / math.max(image.width, image.height))
  if shrink == 1 then return image end
  return image:resize(math.max(1, math.floor(image.width * shrink + 0.5)), math.max(1, math.floor(image.height * shrink + 0.5)))
end

-- First failure or last success with its exact pixels, or without a picture and with the reason.
local function shown(study, entry, row, names)
  if not entry then return nil end
  local out = { i = entry.i, sample = entry.name or "?", label = words(entry.label, names), prediction = words(entry.prediction, names),
    hash = entry.hash or "", error = entry.error, physical = physical(row, measure.signed(entry.side, entry.i)) }
  local image, message = study:picture(entry)
  if not image then
    out.note, out.src = "no picture: " .. tostring(message), "data:,"
    return out
  end
  out.width, out.height = image.width, image.height
  out.overlay = overlay.svg(image.width, image.height, study:truth(entry), entry.prediction)
  if image.width * image.height > EXACT_PIXELS then
    out.note = ("shown reduced; %d x %d pixels were tested"):format(image.width, image.height)
    image = reduced(image, 1600)
  end
  out.src = encoded(image, "png", { level = 9 })
  return out
end

-- Error of one sample at each intensity measured on this side: list of { i, error }.
local function measured(study, curve, number)
  local list = {}
  for r in study:results(curve.name, curve.side) do
    if r.sample == number and r.error then list[#list + 1] = { i = r.i, error = r.error } end
  end
  return list
end

-- Frames from the untouched picture to intensity 1. A frame measured near its intensity is marked good or bad.
local function strip(study, curve, row, baseline)
  local entry = curve.first_failure or curve.last_success
  local sample = entry and row and study:sample(entry)
  local source = sample and sample:image()
  if not source then return nil end
  local known, base, seed = measured(study, curve, entry.sample), baseline[entry.sample] or 0, study.settings.seed
  local frames = {}
  for k = 0, STRIP - 1 do
    local i, best, ok = k / (STRIP - 1), 0.04, nil
    for _, m in ipairs(known) do
      if math.abs(m.i - k / (STRIP - 1)) < best then
        best, i, ok = math.abs(m.i - k / (STRIP - 1)), m.i, m.error - base < 0.5
      end
    end
    if k == 0 then i, ok = 0, true end
    local image = measure.image(row, curve.side, i, sample, seed, source)
    if image then frames[#frames + 1] = { i = i, ok = ok, src = encoded(reduced(image, THUMB), "jpeg", { quality = 82 }) } end
  end
  return frames
end

local function bound(curve, what, row)
  local b = curve.bounds
  if not b[what .. "_found"] then return nil end
  local x = b[what == "break" and "break_" or what]
  return { i = x, lo = b[what .. "_lo"], hi = b[what .. "_hi"], physical = physical(row, measure.signed(curve.side, x)) }
end

-- The band to draw. Where a search asked few samples its limits are wide; on a curve that rises they cannot exceed those of a
-- later point, nor fall below those of an earlier one. A curve with islands keeps its own limits.
local function band(points)
  local hi, lo = 1.0, 0.0
  for k = #points, 1, -1 do
    hi = math.min(hi, points[k].hi or 1.0)
    points[k].hi = hi
  end
  for _, p in ipairs(points) do
    lo = math.max(lo, p.lo or 0.0)
    p.lo = math.min(lo, p.hi)
  end
end

local function side_of(study, curve, names, baseline)
  local row = augment.find(curve.name)
  local points = {}
  for k, p in ipairs(curve.points) do points[k] = { i = p.i, rise = p.rise, lo = p.lo, hi = p.hi, n = p.n, few = not p.complete } end
  local islands = {}
  for k, s in ipairs(curve.bounds.islands or {}) do islands[k] = { s.from, s.to } end
  if #islands == 0 then band(points) end
  return {
    name = curve.name, side = curve.side, family = curve.family or "", doc = row and row.doc or "", curve = points, units = units(row, curve.side),
    onset = bound(curve, "onset", row), break_ = bound(curve, "break", row), islands = islands, per_class = curve.per_class,
    first_failure = shown(study, curve.first_failure, row, names), last_success = shown(study, curve.last_success, row, names),
    strip = strip(study, curve, row, baseline),
  }
end

local function plain(v) return type(v) == "number" and ("%.6g"):format(v) or tostring(v) end

local function settings_of(analysis)
  local list = {}
  for _, name in ipairs { "strategy", "step", "onset", "break_at", "seed", "label_free", "confidence" } do
    list[#list + 1] = { name, plain(analysis.settings[name]) }
  end
  for _, name in ipairs { "data", "labels", "model", "diff", "rows" } do
    if analysis.identity and analysis.identity[name] then list[#list + 1] = { name, analysis.identity[name] } end
  end
  list[#list + 1] = { "result version", plain(analysis.version) }
  return list
end

local function failures_of(analysis)
  local list = {}
  for k, f in ipairs(analysis.failures or {}) do list[k] = { f.path, (f.at and f.at .. ": " or "") .. f.reason } end
  return list
end

local function thousands(n)
  local s = ("%d"):format(n):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (s:gsub("^,", ""))
end

-- How many break the model, how many only cost it answers.
local function tally(rows)
  local counts, parts = { 0, 0, 0 }, {}
  for _, row in ipairs(rows) do
    local k = row.break_ and 1 or row.onset and 2 or 3
    counts[k] = counts[k] + 1
  end
  for k, verbs in ipairs { { "breaks it", "break it" }, { "only costs it answers", "only cost it answers" }, { "costs it next to nothing", "cost it next to nothing" } } do
    if counts[k] > 0 then parts[#parts + 1] = counts[k] .. " " .. verbs[counts[k] == 1 and 1 or 2] end
  end
  return ("Of %d tried, %s."):format(#rows, table.concat(parts, ", "))
end

local function model_of(study)
  local analysis, names, baseline = study.analysis, {}, {}
  for _, s in ipairs(study:samples()) do
    if s.id then names[s.id] = s.path:match("[^/]*$") end
  end
  for r in study:results() do baseline[r.sample] = r.error end
  local curves = study:fragility()
  local rows = map.map(curves, function(curve) return side_of(study, curve, names, baseline) end)
  local worst = rows[1] and (rows[1].break_ or rows[1].onset) and rows[1]

  local agree = analysis.settings.label_free and "Errors are measured against the model's own answer on the untouched picture"
    or ("The model is wrong on %.1f %% of the untouched pictures"):format(analysis.baseline * 100)
  return {
    title = "Where the model breaks", warning = study:one_answer(),
    lead = ("%s; below is how much worse it gets as each effect grows. %s"):format(agree, tally(rows)),
    facts = { { "pictures", thousands(analysis.set_size) }, { "baseline error", ("%.1f %%"):format(analysis.baseline * 100) },
      { "predictions", thousands(analysis.predictions) }, { "most fragile", worst and worst.name .. (worst.side ~= "" and " " .. worst.side or "") or "none" } },
    classes = analysis.classes or {}, rows = rows, failures = failures_of(analysis), settings = settings_of(analysis),
    settings_used = { onset = analysis.settings.onset, break_at = analysis.settings.break_at },
  }
end

--- Write the page into a folder (made when missing).
-- @param study brink.study's; opened with its data, or with the files still where they were, it shows pictures
-- @param dir folder
-- @return path of the page, or nil, message, code when it cannot be written
function M.write(study, dir)
  if type(dir) ~= "string" then error("report: a folder expected, got " .. type(dir), 2) end
  local ok, message, code = core.file.mkdirs(dir)
  if not ok then return nil, message, code end
  local path = dir .. "/index.html"
  ok, message, code = core.file.write(path, page.render(model_of(study)))
  if not ok then return nil, message, code end
  return path
end

return M
