--- brink list: the catalogue, from the rows.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local core = require "brink.core"
local exit = require "brink.cli.exit"
local options = require "brink.cli.options"
local output = require "brink.cli.output"
local rows = require "brink.augment.row"

local M = {
  name = "list",
  usage = "brink list [NAME ...] [--markdown | --json]",
  doc = "Show the augmentations: what each does, its parameters, and how they follow the intensity.",
  details = "Without a name: a table of all. With names: each in detail.",
  options = { (options.common "recipe"), { name = "markdown", type = "flag", doc = "a page of tables" }, (options.common "json") },
  json = { { "augmentations", "list of { name, family, aliases, doc, source, weight, conflicts, signed, discrete, not_monotone, changes_size, per_pixel, params = { { name, unit, doc, off, full, minus, fixed, lo, hi, law, whole } } }" } },
  examples = {
    { "brink list" },
    { "brink list GaussianBlur Hue" },
    { "brink list --markdown --recipe mine.lua > effects.md" },
    { "brink list --json", "every row with ranges and units, for programs" },
  },
}

local num = rows.number_text

local function side_text(row) return row.signed and "-1..1" or "0..1" end

local function axis_text(p)
  local unit = p.unit ~= "" and " " .. p.unit or ""
  if p.value then return ("%s%s"):format(num(p.value), unit) end
  local low = p.minus and num(p.minus) .. " < " or ""
  return ("%s%s .. %s%s"):format(low, num(p.off), num(p.full), unit)
end

local function table_of_rows(list)
  local width = 0
  for _, row in ipairs(list) do width = math.max(width, #row.name) end
  local family
  for _, row in ipairs(list) do
    if row.family ~= family then
      io.write(family and "\n" or "", output.bold(row.family), "\n")
      family = row.family
    end
    local axes = {}
    for _, name in ipairs(row.param_names) do
      local p = row.params[name]
      if not p.value then axes[#axes + 1] = name .. " " .. axis_text(p) end
    end
    io.write(("  %-" .. width .. "s  %s%s\n"):format(row.name, table.concat(axes, ", "), row.signed and "  (signed)" or ""))
  end
end

--- A row with all its parameters, as text.
function M.detail(row)
  local out = { ("%s (%s)\n  %s"):format(row.name, row.family, options.wrap(row.doc, 74, 2)) }
  local function add(format, ...) out[#out + 1] = format:format(...) end
  if row.source ~= "" then add("  source: %s", row.source) end
  if #row.aliases > 0 then add("  also called: %s", table.concat(row.aliases, ", ")) end
  add("  intensity %s, weight %s", side_text(row), num(row.weight))
  if #row.conflicts > 0 then add("  never together with: %s", table.concat(row.conflicts, ", ")) end
  if row.changes_size then add("  changes the size: %s", row.changes_size) end
  if row.per_pixel then add("  not relative to the size: %s", options.wrap(row.per_pixel, 60, 4)) end
  if row.not_monotone then add("  does not grow steadily: %s", options.wrap(row.not_monotone, 60, 4)) end
  for _, name in ipairs(row.param_names) do
    local p = row.params[name]
    add("  %s: %s, %s; legal %s..%s", name, axis_text(p), rows.law_text(p), num(p.lo), num(p.hi))
    if p.doc ~= "" then add("      %s", options.wrap(p.doc, 72, 6)) end
  end
  return table.concat(out, "\n")
end

local function cell(text) return (text:gsub("[|\n]", { ["|"] = "\\|", ["\n"] = " " })) end

-- The notes of a row on the page: one sentence each.
local function notes_of(row)
  local out = { (row.doc:gsub("%.$", "")) }
  if row.not_monotone then out[#out + 1] = "does not grow steadily: " .. row.not_monotone end
  if row.changes_size then out[#out + 1] = "changes the size: " .. row.changes_size end
  if row.per_pixel then out[#out + 1] = "not relative to the size: " .. row.per_pixel end
  if #row.conflicts > 0 then out[#out + 1] = "never with " .. table.concat(row.conflicts, ", ") end
  if #row.aliases > 0 then out[#out + 1] = "also called " .. table.concat(row.aliases, ", ") end
  if row.source ~= "" then out[#out + 1] = "source: " .. row.source end
  return cell(table.concat(out, "; "))
end

--- Rows as a page of Markdown, a table per family.
function M.markdown(list)
  local out = { "# Augmentations", "", "Made by `brink list --markdown` from the rows in lua/brink/augment.", "",
    "Each parameter goes from its value at intensity 0 (nothing changes) to that at 1; a signed one has a second side, written"
    .. " `at -1 < at 0 .. at 1`. What stands without dots stays unless a parameter is set by hand." }
  local family
  for _, row in ipairs(list) do
    if row.family ~= family then
      family = row.family
      table.move({ "", "## " .. family, "", "| name | axis | law | what it does |", "| --- | --- | --- | --- |" }, 1, 5, #out + 1, out)
    end
    local axes, laws = {}, {}
    for k, name in ipairs(row.param_names) do
      local p = row.params[name]
      axes[k], laws[k] = cell(name .. " " .. axis_text(p)), cell(rows.law_text(p))
    end
    out[#out + 1] = ("| %s | %s | %s | %s |"):format(row.name, table.concat(axes, "<br>"), table.concat(laws, "<br>"), notes_of(row))
  end
  return table.concat(out, "\n") .. "\n"
end

--- A row as plain data: what `brink list --json` prints.
function M.describe(row)
  local params = core.json.array {}
  for k, name in ipairs(row.param_names) do
    local p = row.params[name]
    params[k] = { name = name, unit = p.unit, doc = p.doc, off = p.off, full = p.full, minus = p.minus, fixed = p.value ~= nil,
      lo = p.lo, hi = p.hi, law = rows.law_text(p), whole = p.whole }
  end
  return { name = row.name, family = row.family, aliases = core.json.array(row.aliases), doc = row.doc, source = row.source,
    weight = row.weight, conflicts = core.json.array(row.conflicts), signed = row.signed, discrete = row.discrete, not_monotone = row.not_monotone, changes_size = row.changes_size, per_pixel = row.per_pixel, params = params }
end

function M.run(values, operands)
  if values.recipe then require "brink.cli.script".load(values.recipe)() end
  local list = augment.list()
  if #operands > 0 then
    list = {}
    for k, name in ipairs(operands) do list[k] = exit.checked(augment.get, name) end
  end
  if values.json then
    local out = core.json.array {}
    for k, row in ipairs(list) do out[k] = M.describe(row) end
    output.json("list", { augmentations = out })
  elseif values.markdown then
    io.write(M.markdown(list))
  elseif #operands > 0 then
    for k, row in ipairs(list) do
      if k > 1 then io.write "\n" end
      io.write(M.detail(row), "\n")
    end
  else
    table_of_rows(list)
  end
end

return M
