--- Classes of whole pictures: is the truth among the first k, and do confidences say how often it is right?
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local read = require "brink.metrics.read"

local M = {}

local function equal(a, b)
  if a == b then return true end
  return type(a) == "table" and type(b) == "table" and core.json.encode(a) == core.json.encode(b)
end

local function rank_of(label, prediction, confidence)
  local class = read.image_class(label, "label")
  local ranking = read.ranking(prediction, "prediction", confidence)
  for k, v in ipairs(ranking) do if equal(v.class, class) then return k, ranking, v.score end end
  return math.huge, ranking
end

local function unit(p, what)
  if p < 0 or p > 1 then error(("%s: %g is outside 0..1"):format(what, p), 0) end
  return p
end

--- 0 when the truth is among the first k answers, else 1.
function M.topk(k, label, prediction, confidence) return rank_of(label, prediction, confidence) <= k and 0.0 or 1.0 end

--- 1 - the probability given to the truth (one answer without a score counts as sure).
function M.probability(label, prediction, confidence)
  local rank, _, score = rank_of(label, prediction, confidence)
  if rank == math.huge then return 1.0 end
  return 1 - unit(score or 1.0, "prediction: probability")
end

local Total = {}
Total.__index = Total

local BINS = 15 -- Guo et al. 2017

--- Over a data set. opts: k (list of k, default {1, 5}), bins (15).
function M.new(opts)
  opts = opts or {}
  local self = setmetatable({ k = opts.k or { 1, 5 }, bins = opts.bins or BINS, n = 0, hits = {}, bin = {}, scored = 0, classes = {} }, Total)
  for i = 1, #self.k do self.hits[i] = 0 end
  for b = 1, self.bins do self.bin[b] = { n = 0, confidence = 0.0, right = 0 } end
  return self
end

function Total:add(label, prediction, _, confidence)
  local rank, ranking = rank_of(label, prediction, confidence)
  self.n = self.n + 1
  for i, k in ipairs(self.k) do if rank <= k then self.hits[i] = self.hits[i] + 1 end end
  local name = read.image_class(label, "label")
  name = type(name) == "string" and name or core.json.encode(name)
  local class = self.classes[name]
  if not class then
    class = { class = name, n = 0, right = 0 }
    self.classes[name] = class
  end
  class.n = class.n + 1
  if rank == 1 then class.right = class.right + 1 end
  local score = ranking[1] and ranking[1].score
  if not score then return end
  unit(score, "prediction: confidence")
  -- bins ]k/n, (k+1)/n], the lowest closed below
  local bin = self.bin[math.max(1, math.min(self.bins, math.ceil(score * self.bins)))]
  bin.n, bin.confidence, bin.right = bin.n + 1, bin.confidence + score, bin.right + (rank == 1 and 1 or 0)
  self.scored = self.scored + 1
end

--- { n, top1, top5, ... , ece, mce, bins, per_class }. ece: expected calibration error, the mean over pictures of |share right -
-- mean confidence| within bins of equal width; mce: the largest. Absent when no answer had a confidence.
function Total:result()
  local out = { n = self.n, per_class = core.json.array {} }
  if self.n == 0 then return out end
  for i, k in ipairs(self.k) do out["top" .. k] = self.hits[i] / self.n end
  local names = {}
  for name in pairs(self.classes) do names[#names + 1] = name end
  table.sort(names)
  for k, name in ipairs(names) do
    local c = self.classes[name]
    out.per_class[k] = { class = name, n = c.n, accuracy = c.right / c.n }
  end
  if self.scored == 0 then return out end
  out.ece, out.mce, out.bins = 0.0, 0.0, core.json.array {}
  for b, bin in ipairs(self.bin) do
    if bin.n > 0 then
      local gap = math.abs(bin.right - bin.confidence) / bin.n
      out.ece, out.mce = out.ece + gap * bin.n / self.scored, math.max(out.mce, gap)
      out.bins[#out.bins + 1] = { from = (b - 1) / self.bins, to = b / self.bins, n = bin.n, confidence = bin.confidence / bin.n, right = bin.right / bin.n }
    end
  end
  return out
end

return M
