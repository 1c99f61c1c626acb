--- The predictor for those who have no model: it says which training picture it is looking at, and how surely.
--
-- A picture is known by its local features (oriented corners with binary descriptors, engine/model/features.h). The
-- picture to judge is compared with the untouched sample and with a fixed number of others, always the same ones for one
-- sample, drawn by key from a gallery of at most 256 pictures of the data. So the cost grows with the number of
-- predictions and not with its square, and memory stays bounded: about 8 KB a picture.
--
-- Sureness. Let m be the number of features that agree with the best candidate beyond those that agree with the second,
-- and m0 the same for the untouched sample. confidence = s(m) / s(m0), at most 1, with s(m) = m / (m + 20): 1 on clean
-- pixels, half when some 20 features of 190 are left, 0 when two candidates are equal. Unrelated photographs agree on 1
-- to 5 features of 192 (measured on 61 ImageNet photographs, 3,660 pairs).
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local features, rng = core.features, core.rng

local M = {}

--- What predict answers when it recognises nothing. Never a sample's id.
M.UNRECOGNISED = "unrecognised"

local HALF_SURE = 20 -- features beyond the runner-up's; by taste, see the head of the file
local GALLERY, OTHERS, CACHE = 256, 12, 4096

local Builtin = {}
Builtin.__index = Builtin

local function whole(value, default, lo, hi, name)
  if value == nil then return default end
  if math.type(value) ~= "integer" or value < lo or value > hi then
    error(("%s: %s, a whole number in %d..%d expected"):format(name, tostring(value), lo, hi), 3)
  end
  return value
end

--- n different numbers of 1..size in the order drawn, all of them when n >= size.
local function pick(r, n, size)
  local list, taken = {}, {}
  if n >= size then
    for k = 1, size do list[k] = k end
    return list
  end
  while #list < n do
    local k = r:integer(1, size)
    if not taken[k] then
      taken[k] = true
      list[#list + 1] = k
    end
  end
  return list
end

--- A recogniser over `data` (a dataset or a list of samples).
-- options: data; seed (integer or text, default 1); others: how many other pictures each is told apart from, 1..255,
-- default 12; cache: samples whose features are kept, 1..1000000, default 4096. Returns a model: `predict`, `label`,
-- `identity`. Raises on bad options; pictures are read when they are first needed.
function M.new(options)
  if type(options) ~= "table" then error("builtin.new: a table expected, got " .. type(options), 2) end
  if type(options.data) ~= "table" and type(options.data) ~= "userdata" then error("builtin.new: data: a dataset or a list of samples expected", 2) end
  local seed = options.seed == nil and 1 or options.seed
  if math.type(seed) ~= "integer" and type(seed) ~= "string" then error("builtin.new: seed: an integer or a text expected", 2) end
  local self = setmetatable({
    data = options.data,
    seed = seed,
    others = whole(options.others, OTHERS, 1, GALLERY - 1, "builtin.new: others"),
    cache = whole(options.cache, CACHE, 1, 1000000, "builtin.new: cache"),
    gallery = nil, -- indexes into data
    shown = {},    -- position in the gallery -> features, or false where the picture cannot be read
    known = {},    -- sample id -> what `study` found
    order = {},    -- ids in `known`, oldest first
    oldest = 1,
  }, Builtin)
  self.identity = ("built-in recogniser 1: %d others of %d, seed %s"):format(self.others, GALLERY, tostring(seed))
  return self
end

--- The label of a sample in this predictor's terms: its identity.
function Builtin:label(sample) return sample.id end

local function look(sample)
  local im, message, code
  if sample.image then im, message, code = sample:image() else im, message, code = sample:load() end
  if not im then return nil, message, code end
  return features.extract(im)
end

--- Features at a position of the gallery, or false. Raises when memory runs out: another time the picture can be read.
local function gallery_features(self, k)
  local f = self.shown[k]
  if f == nil then
    local message, code
    f, message, code = look(self.data[self.gallery[k]])
    if not f and code == "memory" then error(message, 0) end
    self.shown[k] = f or false
  end
  return f
end

--- The sample and the pictures it may be told apart from: ids, features. Pictures that cannot be read are left out.
local function candidates(self, sample, own)
  if not self.gallery then self.gallery = pick(rng(self.seed, "built-in gallery"), GALLERY, #self.data) end
  local ids, list = { sample.id }, { own }
  -- one more than needed: the sample itself may be among them
  local turn = pick(rng(self.seed, sample.id, "built-in others"), math.min(self.others + 1, #self.gallery), #self.gallery)
  for _, k in ipairs(turn) do
    local other = self.data[self.gallery[k]]
    if #ids <= self.others and other.id ~= sample.id then
      local f = gallery_features(self, k)
      if f then
        ids[#ids + 1] = other.id
        list[#list + 1] = f
      end
    end
  end
  return ids, list
end

--- The same without exact copies: those that agree with as many features as the sample itself does.
local function distinct(ids, list, agree)
  local own_ids, own_list, own_agree = {}, {}, {}
  for k = 1, #ids do
    if k == 1 or agree[1] == 0 or agree[k] < agree[1] then
      own_ids[#own_ids + 1], own_list[#own_list + 1], own_agree[#own_agree + 1] = ids[k], list[k], agree[k]
    end
  end
  return own_ids, own_list, own_agree
end

--- Best candidate and its margin over the second; candidate 1 is the sample itself, which wins no ties.
local function best(agree)
  local first, top, second = 1, -1, 0
  for k, n in ipairs(agree) do
    if n > top then
      first, top, second = k, n, math.max(top, 0)
    elseif n > second then
      second = n
    end
  end
  return first, top - second
end

local function sureness(margin) return margin / (margin + HALF_SURE) end

--- What is known of a sample: its features in front of its rivals', their ids, and how sure clean pixels make. Kept for
-- the last `cache` samples.
local function study(self, sample)
  local known = self.known[sample.id]
  if known then return known end
  local own, message, code = look(sample)
  if not own then return nil, message, code end
  local ids, list = candidates(self, sample, own)
  local agree
  agree, message, code = features.compare(own, list)
  if not agree then return nil, message, code end
  ids, list, agree = distinct(ids, list, agree)
  local first, margin = best(agree)
  known = { ids = ids, list = list, clean = first == 1 and sureness(margin) or 0 }
  if not self.known[sample.id] then
    self.order[#self.order + 1] = sample.id
    if #self.order - self.oldest >= self.cache then
      self.known[self.order[self.oldest]] = nil
      self.order[self.oldest] = false
      self.oldest = self.oldest + 1
      if self.oldest > self.cache then
        table.move(self.order, self.oldest, #self.order + self.oldest, 1)
        self.oldest = 1
      end
    end
  end
  self.known[sample.id] = known
  return known
end

--- Which picture of the data is this?
-- image: any picture; sample: the sample it was made from (`id`, `image` or `load`). Returns the id of the recognised
-- sample, or M.UNRECOGNISED, and the confidence in 0..1 as the head of this file defines it: exactly 1 for clean pixels,
-- 0 with M.UNRECOGNISED. A sample without structure (a flat picture) is never recognised. nil, message, code when the
-- sample's picture cannot be read.
function Builtin:predict(image, sample)
  if type(sample) ~= "table" or type(sample.id) ~= "string" then error("builtin: predict(image, sample): a sample with an id expected", 2) end
  local known, message, code = study(self, sample)
  if not known then return nil, message, code end
  if known.clean <= 0 then return M.UNRECOGNISED, 0.0 end
  local agree
  agree, message, code = features.compare(image, known.list)
  if not agree then return nil, message, code end
  local first, margin = best(agree)
  if margin < 1 then return M.UNRECOGNISED, 0.0 end
  return known.ids[first], math.min(1.0, sureness(margin) / known.clean)
end

--- The error that goes with this predictor, in 0..1: 1 - confidence where the sample was recognised, else 1. It is 0 on
-- clean pixels and rises smoothly with damage.
function M.error(label, prediction, confidence)
  if label ~= prediction then return 1.0 end
  return 1.0 - (confidence or 1.0)
end

return M
