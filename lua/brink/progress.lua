--- Progress on stderr: a bar with rate and time left on a terminal, a few lines elsewhere.
-- SPDX-License-Identifier: MIT
local term = require("brink.core").term

local M = {}

local Progress = {}
Progress.__index = Progress

local function duration(s)
  s = math.floor(s + 0.5)
  if s < 60 then return ("%d s"):format(s) end
  if s < 3600 then return ("%d:%02d"):format(s // 60, s % 60) end
  return ("%d:%02d:%02d h"):format(s // 3600, s // 60 % 60, s % 60)
end

--- Progress of `total` things named `what`. `at_most`: total is an upper bound. Call add, then done.
-- Off a terminal only the first and the last line are written; with quiet = true nothing is.
function M.new(what, total, opts)
  opts = opts or {}
  local self = setmetatable({ what = what, total = total, count = 0, at_most = opts.at_most, quiet = opts.quiet }, Progress)
  self.bar = not self.quiet and term.isatty(2)
  self.start = term.clock()
  self.drawn = self.start
  return self
end

--- A line of its own.
function Progress:say(format, ...)
  if self.quiet then return end
  if self.bar then io.stderr:write("\r\27[K") end
  io.stderr:write(format:format(...), "\n")
end

local function draw(self, now)
  local elapsed = now - self.start
  local rate = elapsed > 0 and self.count / elapsed or 0
  local share = math.min(self.count / math.max(self.total, 1), 1)
  if self.total == 0 then
    io.stderr:write(("\r\27[K%d %s, %.0f/s"):format(self.count, self.what, rate))
    return
  end
  local text = ("%d of %s%d %s, %.0f/s"):format(self.count, self.at_most and "at most " or "", self.total, self.what, rate)
  if rate > 0 then text = text .. (", %s%s left"):format(self.at_most and "at most " or "", duration((self.total - self.count) / rate)) end
  local room = math.min(30, (term.width() or 80) - #text - 4)
  if room >= 5 then
    local full = math.floor(share * room + 0.5)
    text = "[" .. ("="):rep(full) .. (" "):rep(room - full) .. "] " .. text
  end
  io.stderr:write("\r\27[K", text)
end

--- n more are done.
function Progress:add(n)
  self.count = self.count + (n or 1)
  if not self.bar then return end
  local now = term.clock()
  if now - self.drawn >= 0.1 then
    self.drawn = now
    draw(self, now)
  end
end

--- The end: the bar goes, one line stays. `count`: how many came of it, when that is not how many were done.
function Progress:done(count)
  count = count or self.count
  self:say("%d %s in %s", count, count == 1 and self.what:gsub("s$", "") or self.what, duration(term.clock() - self.start))
end

return M
