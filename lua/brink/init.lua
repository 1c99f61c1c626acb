--- brink: find the brink at which a vision model breaks, see why, and make the data that moves it.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local image = require "brink.image"
local map = require "brink.map"

local M = { core = require "brink.core" }

M.augment = augment             -- the catalogue
M.augmentation = augment.define -- a row of your own
M.image = image                 -- load, decode, new; and what every image can do
M.map, M.each = map.map, map.each

return M
