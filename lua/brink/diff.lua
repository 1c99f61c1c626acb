--- How wrong a prediction is: functions (label, prediction, sample, confidence) -> number in [0,1], 0 right, 1 wrong.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

local M = {}

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  return core.json.encode(a) == core.json.encode(b)
end

--- 0 when the two are equal (tables by content), else 1. The default.
function M.equal(label, prediction) return same(label, prediction) and 0.0 or 1.0 end

--- 1 when they differ, else 1 - confidence (the second result of predict; none means sure).
function M.confidence(label, prediction, _, confidence)
  if not same(label, prediction) then return 1.0 end
  return 1.0 - (confidence or 1.0)
end

--- The checked value of a user's function: a number in [0,1], or an error that names sample and value.
function M.checked(fn, label, prediction, sample, confidence)
  local e = fn(label, prediction, sample, confidence)
  if type(e) ~= "number" or not (e >= 0 and e <= 1) then
    error(("%s: diff_error gave %s, a number in 0..1 expected"):format(sample.path or sample.name, type(e) == "string" and ("%q"):format(e) or tostring(e)), 0)
  end
  return e + 0.0
end

return M
