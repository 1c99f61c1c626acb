--- brink_worker.py, the helper for models in Python: its text is in the program, its path is made when asked for.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

local M = {}

--- The text of brink_worker.py.
function M.text() return (require "brink.worker.brink_worker") end

--- Path of brink_worker.py, written below the user's cache folder ($XDG_CACHE_HOME or ~/.cache) when it is not there
-- yet. Process models have its folder on PYTHONPATH by themselves. Returns nil, message, code when it cannot be written.
function M.path()
  local text = M.text()
  local cache, home = os.getenv "XDG_CACHE_HOME", os.getenv "HOME"
  if not cache or cache == "" then
    if not home or home == "" then return nil, "brink_worker.py: neither XDG_CACHE_HOME nor HOME says where to put it", "io" end
    cache = home .. "/.cache"
  end
  local dir = ("%s/brink/worker-%s"):format(cache, core.file.hash_text(text):sub(1, 16))
  local path = dir .. "/brink_worker.py"
  if core.file.info(path).type == "file" and core.file.read(path) == text then return path end
  local ok, message, code = core.file.mkdirs(dir)
  if ok then ok, message, code = core.file.write(path, text) end
  if not ok then return nil, message, code end
  return path
end

return M
