--- Indexes: what a reader of a large set gives. An index has count, get(self, k) -> table for a sample (made afresh each
-- time; its field read_label reads the label when asked for), report (failures), classes (list or function), meta.
-- SPDX-License-Identifier: MIT
local M = {}

local Joined = {}
Joined.__index = Joined

--- The part that holds entry k, and its number there.
local function find(self, k)
  local lo, hi = 1, #self.parts
  while lo < hi do
    local mid = (lo + hi) // 2
    if k <= self.ends[mid] then hi = mid else lo = mid + 1 end
  end
  return self.parts[lo], k - (self.ends[lo - 1] or 0)
end

function Joined:get(k)
  local part, at = find(self, k)
  return part:get(at)
end

-- A list of failures that shows those of several lists one after another.
local function together(parts)
  local function lists()
    local out = {}
    for k, p in ipairs(parts) do out[k] = p.report.failures end
    return out
  end
  return setmetatable({}, {
    __len = function()
      local n = 0
      for _, list in ipairs(lists()) do n = n + #list end
      return n
    end,
    __index = function(_, k)
      if math.type(k) ~= "integer" or k < 1 then return nil end
      for _, list in ipairs(lists()) do
        if k <= #list then return list[k] end
        k = k - #list
      end
    end,
  })
end

local function summed(parts)
  local report = { failures = together(parts) }
  return setmetatable(report, { __index = function(_, key)
    local sum
    for _, p in ipairs(parts) do if type(p.report[key]) == "number" then sum = (sum or 0) + p.report[key] end end
    return sum
  end })
end

local function classes_of(part)
  local c = part.classes
  if type(c) == "function" then return c(part) end
  return c or {}
end

local function union(parts)
  return function()
    local seen, out = {}, {}
    for _, p in ipairs(parts) do
      for _, name in ipairs(classes_of(p)) do
        if not seen[name] then
          seen[name] = true
          out[#out + 1] = name
        end
      end
    end
    return out
  end
end

--- One index out of several, one after another (splits of a set). Its meta is the first's; meta.splits has each one's.
function M.join(parts)
  local self = setmetatable({ parts = parts, ends = {}, count = 0, report = summed(parts), classes = union(parts), meta = { splits = {} } }, Joined)
  for k, p in ipairs(parts) do
    self.count = self.count + p.count
    self.ends[k] = self.count
    for key, value in next, p.meta or {} do if self.meta[key] == nil then self.meta[key] = value end end
    if p.split then self.meta.splits[p.split] = p.meta end
  end
  return self
end

--- An index over a list of anything: get(item, k) makes the sample's table.
function M.list(items, get, fields)
  local self = fields or {}
  self.count, self.items = #items, items
  self.get = function(index, k) return get(index.items[k], k, index) end
  return self
end

return M
