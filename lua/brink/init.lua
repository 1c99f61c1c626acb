--- brink: find the brink at which a vision model breaks, see why, and make the data that moves it.
-- SPDX-License-Identifier: MIT
local M = { core = require "brink.core" }
return M
