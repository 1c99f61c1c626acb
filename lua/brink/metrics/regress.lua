--- Numbers: how far off, absolutely and relatively.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local read = require "brink.metrics.read"

local M = {}

local function both(label, prediction)
  local a, b = read.numbers(label, "label"), read.numbers(prediction, "prediction")
  if #a ~= #b then error(("prediction: %d numbers for %d of the label"):format(#b, #a), 0) end
  return a, b
end

local function mean(a, b, fn)
  local sum = 0.0
  for k = 1, #a do sum = sum + math.min(1.0, fn(a[k], b[k])) end
  return #a > 0 and sum / #a or 0.0
end

--- |difference| / scale, at most 1; of lists the mean.
function M.absolute(label, prediction, scale)
  local a, b = both(label, prediction)
  return mean(a, b, function(x, y) return math.abs(x - y) / scale end)
end

--- (difference / scale) squared, at most 1.
function M.squared(label, prediction, scale)
  local a, b = both(label, prediction)
  return mean(a, b, function(x, y) return ((x - y) / scale) ^ 2 end)
end

local function relative(x, y)
  if x == y then return 0.0 end
  return x == 0 and math.huge or math.abs(x - y) / math.abs(x)
end

--- |difference| / |label|, at most 1; a label of 0: 0 for exactly 0, else 1.
function M.relative(label, prediction)
  local a, b = both(label, prediction)
  return mean(a, b, relative)
end

local Total = {}
Total.__index = Total

--- Over a data set.
function M.new() return setmetatable({ n = 0, numbers = 0, abs = 0.0, square = 0.0, bias = 0.0, relative = 0.0, relatives = 0, sum = 0.0, sum2 = 0.0, worst = 0.0 }, Total) end

function Total:add(label, prediction)
  local a, b = both(label, prediction)
  self.n = self.n + 1
  for k = 1, #a do
    local d = b[k] - a[k]
    self.numbers = self.numbers + 1
    self.abs, self.square, self.bias = self.abs + math.abs(d), self.square + d * d, self.bias + d
    self.worst = math.max(self.worst, math.abs(d))
    -- Welford 1962: the spread of the truth
    local before = a[k] - self.sum
    self.sum = self.sum + before / self.numbers
    self.sum2 = self.sum2 + before * (a[k] - self.sum)
    if a[k] ~= 0 then self.relative, self.relatives = self.relative + math.abs(d) / math.abs(a[k]), self.relatives + 1 end
  end
end

--- { n, mae, rmse, bias, worst, relative (mean of |d|/|truth| where the truth is not 0), r2 }; undefined ones are absent.
function Total:result()
  local n = self.numbers
  if n == 0 then return { n = self.n } end
  return { n = self.n, mae = self.abs / n, rmse = core.math.sqrt(self.square / n), bias = self.bias / n, worst = self.worst,
    relative = self.relatives > 0 and self.relative / self.relatives or nil, r2 = self.sum2 > 0 and 1 - self.square / self.sum2 or nil }
end

return M
