--- brink check: fail a build when a study shows what must not be.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local exit = require "brink.cli.exit"
local gate = require "brink.gate"
local options = require "brink.cli.options"
local output = require "brink.cli.output"
local study = require "brink.study"

local M = {
  name = "check",
  usage = "brink check STUDY --fail-if EXPRESSION [--fail-if ...] [--baseline STUDY]",
  doc = "Hold a study against conditions, for CI: exit code 9 when one says fail.",
  details = [[An EXPRESSION compares WHAT.MEASURE with a number or the baseline: GaussianBlur.break < 0.3; Hue.-.onset < 0.1; any.onset < baseline - 0.05; blur.break < 0.9 * baseline; Rotate.error@0.5 > 0.2; clean > baseline + 0.01. WHAT: an augmentation, a family (its worst row), any or all (each row and side in turn). SIDE, between the two, + or -: without it the worse one counts. MEASURE: onset, break, error@I, rise@I, auc, baseline. Also: + - * / ( ), and, or, < <= > >=. An onset or break never reached is 1. Exit code 0: none holds; 9: one does; 2: an expression cannot be read.]],
  options = {
    { name = "fail-if", value = "EXPRESSION", many = true, required = true, doc = "fail when this holds" },
    { name = "baseline", value = "STUDY", doc = "the study `baseline` means" },
    { name = "confident", type = "flag", doc = "fail only when the condition holds for the whole 95 % intervals, so that noise fails no build" },
    { name = "junit", value = "FILE", doc = "write JUnit XML there" },
    (options.common "json"),
  },
  examples = {
    { 'brink check new.db --fail-if "GaussianBlur.break < 0.3"' },
    { 'brink check new.db --baseline old.db --fail-if "any.onset < baseline - 0.05" --confident --junit out.xml' },
  },
  json = {
    { "passed", "no condition holds" }, { "study, confident", "as asked" },
    { "checks", "list of { expression, failed, reasons, seen = { name, left, right, op, holds } }" },
    { "notes", "in what else than the model the two studies differ" },
  },
}

local function base_name(path) return path and path:match "[^/]*$" end

function M.run(values, operands)
  if #operands ~= 1 then exit.with(exit.usage, "check: one STUDY expected, got %d (brink check new.db --fail-if ...)", #operands) end
  for _, text in ipairs(values.fail_if) do exit.try(gate.parse(text)) end
  local new = exit.try(study.open(operands[1]))
  local guard_new <close> = new.store
  local base = values.baseline and exit.try(study.open(values.baseline)) or nil
  local guard_base <close> = base and base.store or nil
  local verdict = exit.try(gate.check(new, values.fail_if, { baseline = base, confident = values.confident, name = base_name(operands[1]),
    baseline_name = base_name(values.baseline) }))
  if values.junit then
    local ok, message = core.file.write(values.junit, verdict:junit())
    if not ok then exit.with(exit.disk, "%s", tostring(message)) end
  end
  if values.json then
    output.json("check", verdict:data())
  else
    io.write(verdict:text())
  end
  return verdict.passed and exit.ok or exit.gate
end

return M
