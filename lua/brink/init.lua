--- brink: find the brink at which a vision model breaks, see why, and make the data that moves it.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local augmenter = require "brink.augmenter"
local compare = require "brink.compare"
local dataset = require "brink.dataset"
local diff = require "brink.diff"
local gate = require "brink.gate"
local image = require "brink.image"
local map = require "brink.map"
local metrics = require "brink.metrics"
local model = require "brink.model"
local prim = require "brink.prim"
local replay = require "brink.replay"
local sample = require "brink.sample"
local search = require "brink.search"
local study = require "brink.study"

local M = { core = require "brink.core" }

M.augment = augment             -- the catalogue
M.augmentation = augment.define -- a row of your own
M.image = image                 -- load, decode, new; and what every image can do
M.map, M.each = map.map, map.each
M.augmenter = augmenter         -- model + error + augmentations: search, synthesize, evaluate
M.dataset = dataset             -- a folder, a table of samples, ...
M.label_format = dataset.label_format -- a label format of your own
M.model = model                 -- a function, nil for the built-in recogniser, ...
M.worker_path = require("brink.worker").path -- where brink_worker.py is, the helper for models in Python
M.diff = diff                   -- how wrong a prediction is
M.metrics = metrics             -- figures over a data set: COCO mAP, mIoU, calibration, ...
M.sample = sample.new
M.replay = replay               -- a synthetic picture again from its manifest line
M.study = study                 -- study.open(path)
M.prim = prim                   -- constructors of primitives, for plans
M.tensor = M.core.tensor         -- new, from_bytes: numbers into and out of networks
M.math = M.core.math            -- functions that give the same bits on every machine
M.rng = M.core.rng              -- keyed random draws
M.compare = compare.run         -- two studies of the same pictures
M.check = gate.check            -- a study against what it must not fall below
M.strategy = search.strategy    -- search strategies of your own

return M
