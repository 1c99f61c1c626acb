--- Tensors as the frames between brink/model/isolated.lua and its workers carry them: a list { { dtype, shape }, ... } in the
-- header, the bytes one after the other behind it.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"

local M = {}

--- What the header says of a list of tensors, and how many bytes they have.
function M.describe(tensors)
  local out, bytes = core.json.array {}, 0
  for k, t in ipairs(tensors) do
    out[k] = { dtype = t.dtype, shape = core.json.array(t.shape) }
    bytes = bytes + t:size()
  end
  return out, bytes
end

--- The tensors that `list` (see above) says are in `body`. Raises when the body ends before them.
function M.tensors(list, body)
  local out, at = {}, 1
  for k, v in ipairs(list) do
    local n = core.tensor.size(v.shape, v.dtype)
    out[k] = core.tensor.from_bytes(body:sub(at, at + n - 1), v.shape, v.dtype)
    at = at + n
  end
  return out
end

return M
