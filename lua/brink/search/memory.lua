--- A store that lasts as long as the program: what core.study offers, without a file.
-- SPDX-License-Identifier: MIT
local M = {}

local Memory = { __name = "brink.MemoryStudy" }
Memory.__index = Memory

function M.new() return setmetatable({ samples_list = {}, sides = {}, order = {}, metas = {} }, Memory) end

local function key(row, side) return row .. "\0" .. side end
local function tick(i) return math.tointeger((i * 1e6 + 0.5) // 1) end

function Memory:put(r)
  local k = key(r.row, r.side or "")
  local side = self.sides[k]
  if not side then
    side = { row = r.row, side = r.side or "", ticks = {} }
    self.sides[k] = side
    self.order[#self.order + 1] = side
    table.sort(self.order, function(a, b) if a.row ~= b.row then return a.row < b.row end return a.side < b.side end)
  end
  local t = tick(r.i)
  side.ticks[t] = side.ticks[t] or {}
  side.ticks[t][r.sample] = { row = r.row, side = r.side or "", i = t / 1e6, tick = t, sample = r.sample, error = r.error, label = r.label,
    params = r.params, hash = r.hash, failure = r.failure }
  return true
end

function Memory:get(row, side, i, sample)
  local s = self.sides[key(row, side)]
  local t = s and s.ticks[tick(i)]
  return t and t[sample] or nil
end

local function sorted_keys(t)
  local list = {}
  for k in pairs(t) do list[#list + 1] = k end
  table.sort(list)
  return list
end

function Memory:results(row, side)
  local s = self.sides[key(row, side)]
  local out = {}
  if s then
    for _, t in ipairs(sorted_keys(s.ticks)) do
      for _, n in ipairs(sorted_keys(s.ticks[t])) do out[#out + 1] = s.ticks[t][n] end
    end
  end
  local k = 0
  return function()
    k = k + 1
    return out[k]
  end
end

function Memory:rows()
  local out = {}
  for k, s in ipairs(self.order) do out[k] = { row = s.row, side = s.side } end
  return out
end

function Memory:put_sample(s) self.samples_list[s.n] = s return true end
function Memory:samples()
  local k, list = 0, {}
  for _, n in ipairs(sorted_keys(self.samples_list)) do list[#list + 1] = self.samples_list[n] end
  return function()
    k = k + 1
    return list[k]
  end
end
function Memory:meta(name, value)
  if value == nil then return self.metas[name] end
  self.metas[name] = value
  return true
end
function Memory:flush() return true end
function Memory:close() return true end
function Memory:path() return nil end

return M
