--- Text from elsewhere (file names, reasons, labels) as it may be shown in a line of a terminal.
-- SPDX-License-Identifier: MIT
local M = {}

--- Any value as text in which control characters are question marks: a name can neither break a line nor colour it.
function M.text(value) return (tostring(value):gsub("%c", "?")) end

--- "1 picture", "2 pictures": a number with its noun, given in the plural where it is not only an s more: count(2, "class", "classes").
function M.count(n, one, many) return ("%d %s"):format(n, n == 1 and one or many or one .. "s") end

--- A message without the path at its head, for where the path stands beside it anyway.
function M.reason(path, message)
  local text, head = tostring(message), path .. ": "
  return text:sub(1, #head) == head and text:sub(#head + 1) or text
end

return M
