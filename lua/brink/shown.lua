--- Text from elsewhere (file names, reasons, labels) as it may be shown in a line of a terminal.
-- SPDX-License-Identifier: MIT
local M = {}

--- Any value as text in which control characters are question marks: a name can neither break a line nor colour it.
function M.text(value) return (tostring(value):gsub("%c", "?")) end

--- A message without the path at its head, for where the path stands beside it anyway.
function M.reason(path, message)
  local text, head = tostring(message), path .. ": "
  return text:sub(1, #head) == head and text:sub(#head + 1) or text
end

return M
