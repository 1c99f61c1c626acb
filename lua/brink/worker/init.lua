--- brink_worker.py, the helper for models in Python: its text is in the program, its path is made when asked for.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local cache = require "brink.cache"

local M = {}

--- The text of brink_worker.py.
function M.text() return (require "brink.worker.brink_worker") end

--- Path of brink_worker.py, written below the user's cache folder ($XDG_CACHE_HOME or ~/.cache; a folder of the user's own
-- below $TMPDIR or /tmp where that cannot be) when it is not there yet. Process models have its folder on PYTHONPATH by
-- themselves. Returns nil, message, code when it cannot be written.
function M.path()
  local text = M.text()
  return cache.put(("worker-%s/brink_worker.py"):format(core.file.hash_text(text):sub(1, 16)), text)
end

return M
