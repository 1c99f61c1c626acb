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
  self.bar = not self.quiet and term.isatty(2) and os.getenv "TERM" ~= "dumb"
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

--- What the bar says after `elapsed` seconds, in fewer than `width` letters: a line that wraps cannot be taken back. What has no
-- room is left out, the bar itself first. state: { what, count, total (0: without end), at_most }.
function M.line(state, elapsed, width)
  local rate = elapsed > 0 and state.count / elapsed or 0
  local most = state.at_most and "at most " or ""
  local text = state.total == 0 and ("%d %s"):format(state.count, state.what) or ("%d of %s%d %s"):format(state.count, most, state.total, state.what)
  local parts = { (", %.0f/s"):format(rate) }
  if state.total > 0 and rate > 0 then parts[2] = (", %s%s left"):format(most, duration(math.max(0, state.total - state.count) / rate)) end
  for _, part in ipairs(parts) do if #text + #part < width then text = text .. part end end
  local room = math.min(30, width - #text - 4)
  if state.total == 0 or room < 5 then return text:sub(1, math.max(0, width - 1)) end
  local full = math.floor(math.min(state.count / state.total, 1) * room + 0.5)
  return "[" .. ("="):rep(full) .. (" "):rep(room - full) .. "] " .. text
end

local function draw(self, now) io.stderr:write("\r\27[K", M.line(self, now - self.start, term.width() or 80)) end

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
