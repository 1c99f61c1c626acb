--- One measurement: a sample, an effect at an intensity, the model's answer, its error.
--
-- The only place where the pixels of a search come about, so that a report or a
-- replay gets the very same ones: the draw is keyed by seed, sample, row and draw
-- 0, not by the intensity, so one sample's effect only grows along the axis.
-- SPDX-License-Identifier: MIT
local answer = require "brink.model.answer"
local augment = require "brink.augment"
local core = require "brink.core"
local diff = require "brink.diff"
local labels = require "brink.labels"

local M = {}

--- Row name under which the untouched pixels are stored.
M.CLEAN = "(clean)"

--- The signed intensity of a position on a side.
function M.signed(side, i) return side == "-" and -i or i end

--- Plan (list of primitives) and physical parameters of a row on `side` ("", "+", "-") at i >= 0 for a sample's picture.
function M.plan(row, side, i, sample, image, seed)
  return augment.plan(row, M.signed(side, i), augment.context(image, seed, sample.id, 0, augment.boxes(sample.label, {}, image)))
end

--- The pixels of a plan; the picture itself for the empty plan.
function M.pixels(image, plan)
  if #plan == 0 then return image end
  return image:run(plan)
end

--- The very picture that was tested: returns it and the physical parameters, or nil, message, code. `image` may be given when
-- it is already decoded.
function M.image(row, side, i, sample, seed, image)
  local message, code
  if not image then
    image, message, code = sample:image()
    if not image then return nil, message, code end
  end
  if i == 0 then return image, {} end
  local plan, params = M.plan(row, side, i, sample, image, seed)
  local out
  out, message, code = M.pixels(image, plan)
  if not out then return nil, message, code end
  return out, params, plan
end

-- Memory that ran out says nothing about the picture: as Lua, and as the engine, says it.
local function starved(text)
  return type(text) == "string" and (text:find "not enough memory$" or text:find "out of memory$") ~= nil
end

-- `whole`: with the pixels of masks, so that the answer can serve as the label of a search without labels.
local function json(value, whole)
  if value == nil then return nil end
  if labels.shapes.is(value) then value = labels.shapes.record(value, { pixels = whole }) end
  local ok, text = pcall(core.json.encode, value)
  if not ok and starved(text) then error(text, 0) end
  return ok and text or core.json.encode("(" .. type(value) .. ")")
end


local function kept(err)
  if type(err) ~= "string" then return err end
  return { text = err }
end

--- Ask the model. Returns true, label, confidence; or false, reason, whether the model was not there at all (so that the
-- failure says nothing about the picture). An interruption is raised again.
function M.ask(model, image, sample)
  local ok, label, confidence, code = xpcall(model.predict, kept, model, image, sample)
  if not ok then
    if type(label) == "table" and label.exit then error(label, 0) end
    local text = (type(label) == "table" and label.text or tostring(label)):gsub("\n.*", "")
    return false, "model: " .. text, starved(text)
  end
  if label == nil then
    local away = code == "unavailable" or code == "memory"
    local word = code and code ~= "model" and not away and " (" .. tostring(code) .. ")" or ""
    return false, "model: " .. tostring(confidence or "predict returned nothing") .. word, away
  end
  if answer.infinite(label) then return false, "model: " .. answer.NOT_FINITE end
  return true, label, confidence
end

--- Measure: returns a result for the store (without its key) { error or failure, label, params, hash }, and the prediction.
-- A failure with `passing` is not for the store, as it says nothing about the picture: the model was not there, or memory.
-- `job`: model, diff, seed, sample, label (nil: the prediction itself, when label-free), image, row (nil: clean), side, i.
function M.run(job)
  local image, params, plan = job.image
  if job.row then
    local ok
    ok, image, params, plan = pcall(M.image, job.row, job.side, job.i, job.sample, job.seed, job.image)
    if not ok then
      if type(image) == "table" and image.exit then error(image, 0) end
      image, params = nil, tostring(image):gsub("\n.*", ""):gsub("^[^\n:]*search/measure%.lua:%d+: ", "")
    end
    if not image then
      return { failure = tostring(params), passing = plan == "memory" or starved(tostring(params)) or nil }
    end
  end
  local result = { params = params and json(params), hash = image:hash() }
  local ok, prediction, confidence = M.ask(job.model, image, job.sample)
  if not ok then
    result.failure, result.passing = prediction, confidence or nil
    return result
  end
  local label = job.label
  if label == nil then label = prediction end
  if plan and labels.shapes.is(label) then
    -- what is true of the untouched picture moves with its pixels
    local moved, why = labels.transport(label, plan, job.image, image)
    if moved == nil then
      result.failure = "label: " .. tostring(why)
      return result
    end
    label = moved
  end
  result.error = diff.checked(job.diff, label, prediction, job.sample, confidence)
  result.label = json(prediction, not job.row)
  return result, prediction
end

return M
