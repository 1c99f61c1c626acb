--- A study: what a search measured, from the search itself or from its file.
--
-- study:curve(name, side) and study:bounds(name) answer most questions; everything
-- there is stands in study.analysis (the table behind analysis.json) and, result by
-- result, in study:results(name, side).
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local core = require "brink.core"
local labels = require "brink.labels"
local measure = require "brink.search.measure"
local nearest = require "brink.nearest"
local sample = require "brink.sample"
local shown = require "brink.shown"

local M = {}

local Study = { __name = "brink.StudyView" }
Study.__index = Study

--- From a store (core.study or search/memory.lua) and an analysis. `extra`: data (the data set), samples (those searched, by
-- number), when the pictures are at hand.
function M.new(store, analysis, extra)
  extra = extra or {}
  return setmetatable({ store = store, analysis = analysis, data = extra.data, sample_list = extra.samples,
    baseline = analysis.baseline, settings = analysis.settings, failures = analysis.failures, classes = analysis.classes }, Study)
end

--- Open a study file to read. Returns a study, or nil, message, code: also when the search that writes it has not finished.
-- `data`: the data set it was made from, needed only to show pictures.
function M.open(path, data)
  if type(path) ~= "string" then error("study.open: a path expected, got " .. type(path), 2) end
  local store, message, code = core.study.read(path)
  if not store then return nil, message, code end
  local text
  text, message, code = store:meta("analysis")
  if not text then
    store:close()
    return nil, message or (path .. ": the search has not finished; run it again to go on"), code or "unfinished"
  end
  local analysis
  analysis, message = core.json.decode(text)
  if not analysis then return nil, ("%s: analysis: %s"):format(path, message), "damaged" end
  return M.new(store, analysis, { data = data })
end

local function names_of(self)
  local list = {}
  for _, c in ipairs(self.analysis.curves) do
    if list[#list] ~= c.name then list[#list + 1] = c.name end
  end
  return list
end

--- Names of the rows in the study, in catalogue order.
function Study:names() return names_of(self) end

-- All curves of a row (one, or two for a signed row).
local function curves_of(self, name, level)
  local row = augment.find(name)
  local wanted, list = row and row.name or name, {}
  for _, c in ipairs(self.analysis.curves) do if c.name == wanted then list[#list + 1] = c end end
  if #list == 0 then error(("study: no augmentation %s in it%s"):format(tostring(name), nearest.hint(tostring(name), names_of(self))), level + 1) end
  return list
end

local function curve_of(self, name, side, level)
  local list = curves_of(self, name, level + 1)
  if side == nil then return list[1] end
  for _, c in ipairs(list) do
    if c.side == side or (side == "+" and c.side == "") then return c end
  end
  error(("study: %s has no side %q"):format(name, tostring(side)), level + 1)
end

--- The curve: list of { i, n, mean (rise), error, rise, lo, hi, params, complete, inferred } from i = 0 on. side: "+" or "-" for a
-- signed row (default "+"). lo, hi: 95 % limits of the population's mean rise. The mean is over n measured samples and `inferred`
-- more (nil for none) whose answers follow from those at neighbouring intensities; complete: over all.
function Study:curve(name, side)
  local out = {}
  for k, p in ipairs(curve_of(self, name, side, 2).points) do
    out[k] = { i = p.i, n = p.n, mean = p.rise, rise = p.rise, error = p.error, lo = p.lo, hi = p.hi, params = p.params or {}, complete = p.complete,
      inferred = p.inferred }
  end
  return out
end

--- The bounds: one entry per side { side, onset, onset_lo, onset_hi, onset_found, break_, break_lo, break_hi, break_found, islands,
-- cliff }. onset and break_ are 1 when never reached (found = false); lo..hi is a 95 % interval.
function Study:bounds(name)
  local out = {}
  for k, c in ipairs(curves_of(self, name, 2)) do
    local b = { side = c.side, name = c.name }
    for _, field in ipairs { "onset", "onset_lo", "onset_hi", "onset_found", "onset_open", "break_", "break_lo", "break_hi", "break_found",
      "break_open", "islands", "cliff" } do b[field] = c.bounds[field] end
    out[k] = b
  end
  return out
end

--- Everything about one side as the analysis has it: points, bounds, per_class, first_failure, last_success, predictions.
function Study:side(name, side) return curve_of(self, name, side, 2) end

--- Curves per class of one side: list of { name, n, baseline, onset, break_, points = { { i, n, error } } }; empty without classes.
function Study:per_class(name, side) return curve_of(self, name, side, 2).per_class or {} end

--- All sides, most fragile first: by break, then onset, then name.
function Study:fragility()
  local list = table.move(self.analysis.curves, 1, #self.analysis.curves, 1, {})
  table.sort(list, function(a, b)
    if a.bounds.break_ ~= b.bounds.break_ then return a.bounds.break_ < b.bounds.break_ end
    if a.bounds.onset ~= b.bounds.onset then return a.bounds.onset < b.bounds.onset end
    if a.name ~= b.name then return a.name < b.name end
    return a.side < b.side
  end)
  return list
end

--- Iterator over stored results of one side: { row, side, i, sample, error or failure, label (prediction, JSON), params (JSON),
-- hash }, in order of intensity and sample. name nil: the clean pixels.
function Study:results(name, side)
  if name == nil then return self.store:results(measure.CLEAN, "") end
  local c = curve_of(self, name, side, 2)
  return self.store:results(c.name, c.side)
end

--- Samples of the study by number: list of { n, id, path, label (JSON), failure }.
function Study:samples()
  local list = {}
  for s in self.store:samples() do list[#list + 1] = s end
  return list
end

-- The file a sample came from, when it is still there with the same content.
local function stored_sample(self, n, id)
  if not self.paths then
    self.paths = {}
    for s in self.store:samples() do self.paths[s.n] = s.path end
  end
  if not self.paths[n] then return nil, "the study was opened without its data" end
  local s = sample.new { path = self.paths[n] }
  local found, message = s:identify()
  if not found then return nil, message end
  if found ~= id then return nil, s.path .. ": the file has changed since it was tested" end
  return s
end

--- The sample of a picture entry { sample = number, id = content }: from the data, or from the file the search read.
-- nil, message when neither has that content.
function Study:sample(entry)
  local list = self.sample_list
  if list and list[entry.sample] and list[entry.sample].id == entry.id then return list[entry.sample] end
  if not self.data then return stored_sample(self, entry.sample, entry.id) end
  if not self.by_id then
    self.by_id = {}
    for k = 1, #self.data do
      local s = self.data[k]
      if s.id and not self.by_id[s.id] then self.by_id[s.id] = s end
    end
  end
  if not self.by_id[entry.id] then return nil, "the data have no picture of content " .. tostring(entry.id) end
  return self.by_id[entry.id]
end

--- The pixels of a picture entry (first_failure, last_success, or any { row, side, i, sample, id, seed }) as they were tested.
-- Returns the image and the sample, or nil, message, code; also when they no longer have the stored hash.
function Study:picture(entry)
  local s, message = self:sample(entry)
  if not s then return nil, message, "missing" end
  local row = augment.find(entry.row)
  if not row then return nil, ("no augmentation %s here"):format(entry.row), "missing" end
  local image, why, code = measure.image(row, entry.side, entry.i, s, entry.seed or self.settings.seed)
  if not image then return nil, why, code end
  if entry.hash and image:hash() ~= entry.hash then
    return nil, ("%s: the pixels of %s at %g are not those that were tested"):format(s.name, entry.row, entry.i), "mismatch"
  end
  return image, s
end

--- The label that was true of the tested pixels of a picture entry: shapes moved as the pixels were, any other label as it is.
-- nil when it was lost on the way or cannot be worked out.
function Study:truth(entry)
  local label = entry.label
  if not labels.shapes.is(label) then return label end
  local s = self:sample(entry)
  if s and labels.shapes.is(s.label) then label = s.label end
  if entry.i == 0 then return label end
  local row = augment.find(entry.row)
  local source = s and row and s:image()
  if not source then return nil end
  local image, _, plan = measure.image(row, entry.side, entry.i, s, entry.seed or self.settings.seed, source)
  return image and labels.transport(label, plan, source, image) or nil
end

--- The text of analysis.json.
function Study:json() return core.json.encode(self.analysis, { indent = 2 }) .. "\n" end

local function bound_text(found, x, lo, hi, open)
  if not found then return "never" .. (lo < 1 and (" (%.2f..1+)"):format(lo) or "") end
  return ("%.3f (%.2f..%s)"):format(x, lo, open and "1+" or ("%.2f"):format(hi))
end

-- From so many pictures on, and when this share of them gets one answer, the model probably does not see them as it should.
local ONE_ANSWER = { pictures = 10, share = 0.8 }

--- A sentence when nearly all untouched pictures get the same answer and nothing says that it is right; else nil. Wrong
-- preprocessing is no error anywhere, it only looks like this.
function Study:one_answer()
  local a = self.analysis
  local c = a.commonest
  if not c or a.set_size < ONE_ANSWER.pictures or c.n < ONE_ANSWER.share * a.set_size then return nil end
  return ("%d of %d untouched pictures get the same answer, %s: are they prepared as the model expects?"):format(c.n, a.set_size, shown.text(c.answer))
end

--- A table of all sides, most fragile first, as text.
function Study:summary()
  local a = self.analysis
  local out = { ("%s, baseline error %.3f, %s (%s, step %g)%s"):format(shown.count(a.set_size, "image"), a.baseline, shown.count(a.predictions, "prediction"), a.settings.strategy,
    a.settings.step, a.settings.label_free and ", against the clean prediction" or "") }
  if a.baseline > 1 - a.settings.break_at then
    out[1] = out[1] .. "\nthe untouched pictures are judged wrong so often that a break cannot be seen"
  end
  out[#out + 1] = self:one_answer()
  out[#out + 1] = ("%-24s %-22s %-22s %s"):format("augmentation", "onset (95 %)", "break (95 %)", "notes")
  for _, c in ipairs(self:fragility()) do
    local b, notes = c.bounds, {}
    if b.cliff then notes[#notes + 1] = "cliff" end
    for _, i in ipairs(b.islands) do notes[#notes + 1] = (i.to - i.from < 0.005 and "safe again at %.2f" or "safe again %.2f..%.2f"):format(i.from, i.to) end
    out[#out + 1] = (("%-24s %-22s %-22s %s"):format(c.name .. (c.side ~= "" and " " .. c.side or ""),
      bound_text(b.onset_found, b.onset, b.onset_lo, b.onset_hi, b.onset_open), bound_text(b.break_found, b.break_, b.break_lo, b.break_hi, b.break_open),
      table.concat(notes, ", "))):gsub("%s+$", "")
  end
  if #a.failures > 0 then out[#out + 1] = ("%s, the first: %s: %s"):format(shown.count(#a.failures, "failure"), shown.text(a.failures[1].path), shown.text(a.failures[1].reason)) end
  return table.concat(out, "\n") .. "\n"
end

--- Write the report page into a folder. See brink.report.
function Study:report(dir, opts) return require("brink.report").write(self, dir, opts) end

--- Close the file. The analysis stays readable.
function Study:close() return self.store:close() end

function Study:__tostring() return self:summary() end

return M
