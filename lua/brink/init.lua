--- brink: find the brink at which a vision model breaks, see why, and make the data that moves it.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"

local M = { core = require "brink.core" }

M.augment = augment             -- the catalogue
M.augmentation = augment.define -- a row of your own

return M
