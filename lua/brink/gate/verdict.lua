--- What came of a check: as text, as data, as JUnit XML.
--
-- { passed, confident, name (of the study), checks = list of { expression, failed, reasons = list of texts, seen = list of { name, left,
-- right, op, holds } or { name, missing } }, notes = list of texts }; left and right are { x, lo, hi }.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local html = require "brink.report.html"

local Verdict = { __name = "brink.Verdict" }
Verdict.__index = Verdict

--- As text to read.
function Verdict:text()
  local out = {}
  for _, c in ipairs(self.checks) do
    out[#out + 1] = (c.failed and "FAIL " or "ok   ") .. c.expression
    for k = 1, math.min(#c.reasons, c.failed and 20 or 3) do out[#out + 1] = "       " .. c.reasons[k] end
  end
  for _, n in ipairs(self.notes) do out[#out + 1] = "note: " .. n end
  return table.concat(out, "\n") .. "\n"
end
Verdict.__tostring = Verdict.text

local function limits(v) return { value = v.x, lo = v.lo > -math.huge and v.lo or nil, hi = v.hi < math.huge and v.hi or nil } end

--- As plain data.
function Verdict:data()
  local checks = core.json.array {}
  for k, c in ipairs(self.checks) do
    local seen = core.json.array {}
    for j, s in ipairs(c.seen) do
      seen[j] = s.missing and { name = s.name, missing = true } or { name = s.name, left = limits(s.left), right = limits(s.right), op = s.op, holds = s.holds }
    end
    checks[k] = { expression = c.expression, failed = c.failed, reasons = c.reasons, seen = seen }
  end
  return { passed = self.passed, confident = self.confident, study = self.name, checks = checks, notes = self.notes }
end

--- As JSON text.
function Verdict:json() return core.json.encode(self:data(), { indent = 2 }) .. "\n" end

-- Text that XML 1.0 can hold.
local function xml(s)
  s = html.escape(s):gsub("\u{FFFE}", "\u{FFFD}"):gsub("\u{FFFF}", "\u{FFFD}")
  return (s:gsub("[\t\n\r]", { ["\t"] = "&#9;", ["\n"] = "&#10;", ["\r"] = "&#13;" }))
end

--- As JUnit XML: a test case per condition.
function Verdict:junit()
  local failures, out = 0, {}
  for _, c in ipairs(self.checks) do if c.failed then failures = failures + 1 end end
  local counts = ('tests="%d" failures="%d" errors="0"'):format(#self.checks, failures)
  out[1] = '<?xml version="1.0" encoding="UTF-8"?>'
  out[2] = ('<testsuites name="brink check" %s>'):format(counts)
  out[3] = ('  <testsuite name="%s" %s skipped="0">'):format(xml(self.name), counts)
  for _, c in ipairs(self.checks) do
    local head = ('    <testcase classname="brink.check" name="%s"'):format(xml(c.expression))
    if c.failed then
      out[#out + 1] = head .. ">"
      out[#out + 1] = ('      <failure type="condition" message="%s">%s</failure>'):format(xml(c.reasons[1] or c.expression), xml(table.concat(c.reasons, "; ")))
      out[#out + 1] = "    </testcase>"
    else
      out[#out + 1] = head .. "/>"
    end
  end
  out[#out + 1] = "  </testsuite>"
  out[#out + 1] = "</testsuites>"
  return table.concat(out, "\n") .. "\n"
end

return Verdict
