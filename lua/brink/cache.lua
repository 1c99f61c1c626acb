--- The folders where set-up and the program keep what is not the user's work: $XDG_CACHE_HOME/brink, or .cache/brink below
-- the user's home; where that cannot be written, a folder of the user's own below $TMPDIR or /tmp.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

local M = {}

local function spare()
  local tmp = os.getenv "TMPDIR"
  return ("%s/brink-%d"):format(tmp and tmp ~= "" and tmp or "/tmp", core.file.user())
end

--- The folders to look in, best first; none is made, and one that others may write is none.
function M.folders()
  local out, second = { core.file.cache() }, spare()
  local there = core.file.info(second)
  if there and there.type == "dir" and core.file.private(second) then out[#out + 1] = second end
  return out
end

--- Path of the file `name` (folders allowed) with this text, written when it is not there yet: in the cache, else in the
-- spare folder, which must belong to this user alone. nil, message, code when neither takes it.
function M.put(name, text)
  local function at(folder)
    local path = folder .. "/" .. name
    local there = core.file.info(path)
    if there and there.type == "file" and core.file.read(path) == text then return path end
    local ok, message, code = core.file.mkdirs(path:match "^(.*)/")
    if ok then ok, message, code = core.file.write(path, text) end
    if not ok then return nil, message, code end
    return path
  end
  local first = core.file.cache()
  local path, message = nil, "no home folder"
  if first then path, message = at(first) end
  if path then return path end
  local second = spare()
  local ok, why, code = core.file.private(second)
  if ok then path, why, code = at(second) end
  if not path then return nil, ("%s; %s"):format(message, why), code end
  return path
end

return M
