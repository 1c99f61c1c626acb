--- brink report: the page of a study.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local dataset = require "brink.dataset"
local exit = require "brink.cli.exit"
local options = require "brink.cli.options"
local output = require "brink.cli.output"
local setup = require "brink.cli.setup"

local M = {
  name = "report",
  usage = "brink report STUDY [-o FOLDER]",
  doc = "Write the page of a study: curves, boundaries, first failures, film strips.",
  details = [[STUDY is what search stored (analysis.db), or the analysis.json beside it. The page is one file that needs no network. Its pictures are made again from the files the search read, and shown only when their pixels are the ones that were tested; --data says where the files are when they have moved. The page is named on standard output.]],
  options = {
    { name = "output", short = "o", value = "FOLDER", default = "analytics", doc = "where index.html goes" },
    { name = "data", value = "DATA", doc = "the data set, when it is not where it was" },
    { name = "recipe", value = "FILE", doc = "run this recipe first: rows of its own make their pictures" },
    (setup.options "format"), (setup.options "threads"),
    (options.common "json"),
  },
  examples = {
    { "brink report analysis.db" },
    { "brink report quick.db -o page --data /mnt/photos" },
  },
  json = {
    { "report", "path of the page" },
    { "study", "path of the study" },
  },
}

--- The path of the study: for an analysis, the store beside it.
local function store_of(path)
  if not path:match "%.json$" then return path end
  for _, extension in ipairs { ".db", ".sqlite", "" } do
    local other = path:gsub("%.json$", "") .. extension
    if core.file.info(other).type == "file" then return other end
  end
  exit.with(exit.input, "%s: the study that belongs to it, %s, is missing", path, (path:gsub("%.json$", ".db")))
end

function M.run(values, operands)
  if #operands ~= 1 then exit.with(exit.usage, "report: one STUDY expected, got %d (brink report analysis.db)", #operands) end
  if values.threads then exit.checked(core.async.threads, values.threads) end
  if values.recipe then require "brink.cli.script".load(values.recipe)() end
  local data = values.data and exit.try(exit.checked(dataset.open, values.data, { format = values.format })) or nil
  local path = store_of(operands[1])
  local opened <close> = setmetatable({ study = setup.study(path, data) }, { __close = function(s) s.study:close() end })
  local page, message, word = opened.study:report(values.output)
  if not page then exit.with(word == "io" and exit.disk or exit.word(word), "%s", tostring(message)) end
  if values.json then output.json("report", { report = page, study = path }) else io.write(page, "\n") end
end

return M
