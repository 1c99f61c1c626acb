--- brink compare: two studies of the same pictures.
-- SPDX-License-Identifier: MIT
local compare = require "brink.compare"
local exit = require "brink.cli.exit"
local options = require "brink.cli.options"
local output = require "brink.cli.output"
local study = require "brink.study"

local M = {
  name = "compare",
  usage = "brink compare A.db B.db [-o FOLDER] [--json]",
  doc = "Compare two studies of the same pictures: who holds out longer, by how much, how sure.",
  details = [[A and B are what search stored, of two models with the same data, labels, seed and thresholds; the stored hashes of the tested pixels must agree. Prints, for every augmentation and side both have: both breaks, the differences of break and onset (b less a: positive where b holds out longer) with 95 % intervals, the area between the curves (positive where b errs more), where they cross, and McNemar's exact test where errors are 0 or 1.]],
  options = {
    { name = "output", short = "o", value = "FOLDER", doc = "write a page with both curves, index.html, there" },
    { name = "replicates", type = "integer", default = 500, lo = 40, hi = 1000000, doc = "draws for the intervals" },
    { name = "trust-errors", type = "flag", doc = "go on although the studies name different error functions" },
    (options.common "seed"), (options.common "json"),
  },
  examples = {
    { "brink compare old.db new.db" },
    { "brink compare old.db new.db -o page --json" },
  },
  json = {
    { "names, models", "of the two studies" }, { "n, left_out", "samples measured in both, and not" },
    { "clean", "error on untouched pictures { a, b, difference, lo, hi, mcnemar }" },
    { "sides", "list of { name, side, onset, break, area, crossovers, mcnemar, better }" },
    { "only_a, only_b", "augmentations only one study has" }, { "settings", "thresholds, replicates, seed" }, { "report", "path of the page, if asked for" },
  },
}

function M.run(values, operands)
  if #operands ~= 2 then exit.with(exit.usage, "compare: two studies expected, got %d (brink compare old.db new.db)", #operands) end
  local a = exit.try(study.open(operands[1]))
  local guard_a <close> = a.store
  local b = exit.try(study.open(operands[2]))
  local guard_b <close> = b.store
  local names = { operands[1]:match "[^/]*$", operands[2]:match "[^/]*$" }
  local result = exit.try(compare.run(a, b, { replicates = values.replicates, seed = values.seed, names = names, trust_errors = values.trust_errors, progress = not values.quiet }))
  local page
  if values.output then
    local message
    page, message = result:report(values.output)
    if not page then exit.with(exit.disk, "%s", tostring(message)) end
  end
  if values.json then
    local data = result:data()
    data.report = page
    output.json("compare", data)
  else
    io.write(result:text())
    if page then io.write(page, "\n") end
  end
end

return M
