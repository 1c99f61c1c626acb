--- The nearest name: what a misspelling probably meant.
-- SPDX-License-Identifier: MIT
local M = {}

--- Edits between two strings (Damerau: insert, delete, replace, swap neighbours).
local function distance(a, b)
  local before, last = nil, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
      if before and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last = last, row
  end
  return last[#b]
end

--- The name in the list `names` closest to `word`, or nil when none is close.
-- Case does not count; a word that begins a name is close to it.
function M.name(word, names)
  local w, best, score = tostring(word):lower(), nil, nil
  if #w > 64 then return nil end
  for _, name in ipairs(names) do
    local n = name:lower()
    local d = distance(w, n)
    if #w >= 3 and n:sub(1, #w) == w then d = math.min(d, 1) end
    if d <= math.max(1, (math.max(#w, #n) + 2) // 3) and (not score or d < score) then best, score = name, d end
  end
  return best
end

--- "; did you mean Hue?" or "".
function M.hint(word, names)
  local name = M.name(word, names)
  return name and ("; did you mean %s?"):format(name) or ""
end

--- The bytewise first key of the table `given` that is none of `names`, as text, and its hint; nil when there is none.
function M.unknown(given, names)
  local known, first = {}, nil
  for _, name in ipairs(names) do known[name] = true end
  for key in next, given do
    if not known[key] and (not first or tostring(key) < first) then first = tostring(key) end
  end
  if first then return first, M.hint(first, names) end
end

return M
