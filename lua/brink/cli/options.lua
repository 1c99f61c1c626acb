--- Options of a command, from rows: help, checks and values all come from them.
--
--   options = {
--     { name = "seed", type = "integer", default = 1, lo = 0, doc = "key of every draw" },
--     { name = "json", type = "flag", doc = "machine-readable output" },
--     { name = "strategy", choices = { "adaptive", "grid" }, default = "adaptive", doc = "how ticks are chosen" },
--   }
--
-- Types: flag, string, integer, number, count (integer or inf), key (an integer, else text), names (with commas between; may
-- be given again; gives a list). A row may have `short` (one letter), `value` (word for the help), `lo`, `hi`, `choices`,
-- `many = true` (may be given again; gives a list), `required = true`, `default_text` (shown, not filled in).
-- Every command also has --help, --quiet, --verbose and --color.
-- SPDX-License-Identifier: MIT
local exit = require "brink.cli.exit"
local nearest = require "brink.nearest"

local M = {}

local COMMON = {
  seed = { name = "seed", type = "key", value = "N|TEXT", default = 1, doc = "key of every random draw" },
  threads = { name = "threads", type = "integer", lo = 1, hi = 1024, doc = "worker threads; default one per core" },
  recipe = { name = "recipe", value = "FILE", doc = "run this Lua script first: augmentations it defines join the catalogue" },
  json = { name = "json", type = "flag", doc = "one JSON object on standard output; see `brink help json`" },
}

--- Fresh copies of the option rows several commands share: options.common("seed", "threads", "json").
function M.common(...)
  local list = {}
  for k, name in ipairs { ... } do
    local row = {}
    for key, v in pairs(assert(COMMON[name], "no common option " .. name)) do row[key] = v end
    list[k] = row
  end
  return table.unpack(list)
end

local EVERYWHERE = {
  { name = "quiet", short = "q", type = "flag", doc = "no progress" },
  { name = "verbose", short = "v", type = "flag", doc = "say what it took; show where an error arose" },
  { name = "color", choices = { "auto", "always", "never" }, default_text = "auto", doc = "colours; NO_COLOR turns auto off" },
  { name = "help", short = "h", type = "flag", doc = "this text" },
}

--- All option rows of a command: its own, then those every command has.
function M.rows(spec)
  local rows, own = {}, {}
  for k, row in ipairs(spec.options or {}) do
    rows[k] = row
    own[row.name], own[row.short or ""] = true, true
  end
  for _, row in ipairs(EVERYWHERE) do
    if not own[row.name] then
      if own[row.short or "?"] then row = { name = row.name, type = row.type, doc = row.doc } end
      rows[#rows + 1] = row
    end
  end
  return rows
end
local all_rows = M.rows

local SAME = { out = "output", output = "out" } -- either word for where the result goes

local function find(spec, name, is_short)
  local names, other = {}, SAME[name]
  for _, row in ipairs(all_rows(spec)) do
    if is_short and row.short == name or not is_short and (row.name == name or row.name == other) then return row end
    names[#names + 1] = "--" .. row.name
  end
  local given = (is_short and "-" or "--") .. name
  exit.with(exit.usage, "%s: no option %s%s", spec.name, given, is_short and "" or nearest.hint(given, names))
end

local function num(v) return v == math.huge and "inf" or ("%.14g"):format(v) end

local function range(row)
  if row.lo and row.hi then return (" (%s..%s)"):format(num(row.lo), num(row.hi)) end
  if row.lo then return (" (%s or more)"):format(num(row.lo)) end
  return row.hi and (" (at most %s)"):format(num(row.hi)) or ""
end

local NUMBERS = { integer = "an integer", number = "a number", count = "an integer or inf" }

--- Text to value by the row, or leave with the usage code.
local function convert(row, text)
  local kind = row.type or "string"
  if row.choices then
    for _, choice in ipairs(row.choices) do if choice == text then return text end end
    exit.with(exit.usage, "--%s: %q is none of %s%s", row.name, text, table.concat(row.choices, ", "), nearest.hint(text, row.choices))
  end
  if kind == "key" then return math.tointeger(tonumber(text)) or text end
  if not NUMBERS[kind] then return text end
  local v = tonumber(text)
  if kind == "count" and text == "inf" then v = math.huge
  elseif kind ~= "number" then v = v and math.tointeger(v) end
  if not v or v ~= v or (kind == "number" and (v == math.huge or v == -math.huge)) then
    exit.with(exit.usage, "--%s: expected %s%s, got %q", row.name, NUMBERS[kind], range(row), text)
  end
  if (row.lo and v < row.lo) or (row.hi and v > row.hi) then
    local range_text = range(row):gsub("^ %((.*)%)$", "%1")
    exit.with(exit.usage, row.lo and row.hi and "--%s: %s is outside %s" or "--%s: %s given, %s expected", row.name, num(v), range_text)
  end
  return v
end

local function key(row) return (row.name:gsub("%-", "_")) end

local function store(values, row, v)
  if row.type == "names" then
    values[key(row)] = values[key(row)] or {}
    for name in v:gmatch "[^,%s]+" do table.insert(values[key(row)], name) end
  elseif row.many then
    values[key(row)] = values[key(row)] or {}
    table.insert(values[key(row)], v)
  else
    values[key(row)] = v
  end
end

--- Read `args` (a list) by the command's rows. Returns values by name ("-" becomes "_"), list of operands.
-- Defaults are filled in; `--opt value`, `--opt=value`, `-o value`, `--no-flag`; `--` ends the options. Leaves with
-- the usage code, naming the option, what was expected and the nearest name. values.help is set by -h and --help.
function M.parse(spec, args)
  local values, operands, k = {}, {}, 1
  local function value_of(given, inline)
    if inline then return inline end
    k = k + 1
    if args[k] == nil then exit.with(exit.usage, "%s: expected a value", given) end
    return args[k]
  end
  while k <= #args do
    local a = args[k]
    if a == "--" then
      table.move(args, k + 1, #args, #operands + 1, operands)
      break
    elseif a:match "^%-%-%a" then
      local name, inline = a:match "^%-%-([^=]+)=(.*)$"
      name = name or a:sub(3)
      local positive = name:match "^no%-(.+)$"
      local negated = false
      if positive then
        for _, row in ipairs(spec.options or {}) do
          if row.name == positive and row.type == "flag" then name, negated = positive, true end
        end
      end
      local row = find(spec, name)
      if row.type == "flag" then
        if inline then exit.with(exit.usage, "--%s: takes no value", name) end
        values[key(row)] = not negated
      else
        store(values, row, convert(row, value_of("--" .. name, inline)))
      end
    elseif a:match "^%-%a" then
      local row = find(spec, a:sub(2, 2), true)
      if row.type == "flag" then
        if #a > 2 then exit.with(exit.usage, "%s: one letter each", a) end
        values[key(row)] = true
      else
        store(values, row, convert(row, value_of(a, #a > 2 and a:sub(3) or nil)))
      end
    else
      operands[#operands + 1] = a
    end
    k = k + 1
  end
  for _, row in ipairs(spec.options or {}) do
    if values[key(row)] == nil then
      values[key(row)] = row.default
      if row.required and not values.help then exit.with(exit.usage, "%s: --%s is needed", spec.name, row.name) end
    end
  end
  return values, operands
end

--- Text broken at spaces to lines of `width`; lines after the first begin with `indent` spaces.
local function wrap(text, width, indent)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    if #line > 0 and #line + 1 + #word > width then
      lines[#lines + 1] = line
      line = word
    else
      line = #line > 0 and line .. " " .. word or word
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n" .. (" "):rep(indent))
end
M.wrap = wrap

--- How an option is written: "-o, --out FILE".
local function left_column(row)
  local left = (row.short and "-" .. row.short .. ", " or "") .. "--" .. row.name
  if row.type == "flag" then return left end
  local word = row.value or (row.choices and table.concat(row.choices, "|")) or (NUMBERS[row.type] and "N") or "TEXT"
  return left .. " " .. word
end

M.left_column = left_column

--- What an option does, with its range and default.
function M.option_doc(row)
  local doc = row.doc .. range(row)
  if row.many or row.type == "names" then doc = doc .. "; may be given again" end
  local default = row.default_text or row.default
  if default ~= nil and row.type ~= "flag" then
    doc = ("%s [%s]"):format(doc, type(default) == "number" and num(default) or tostring(default))
  end
  return doc
end

--- The help text of a command: usage, what it does, options, examples.
function M.help(spec)
  local out = { wrap("usage: " .. (spec.usage or "brink " .. spec.name), 78, 7), "", wrap(spec.doc, 78, 0) }
  if spec.details then
    for paragraph in (spec.details .. "\n\n"):gmatch "(.-)\n\n" do
      out[#out + 1] = ""
      out[#out + 1] = wrap(paragraph, 78, 0)
    end
  end
  out[#out + 1] = "\noptions:"
  local width = 0
  local rows = all_rows(spec)
  for _, row in ipairs(rows) do width = math.max(width, math.min(#left_column(row), 26)) end
  for _, row in ipairs(rows) do
    local left = left_column(row)
    local doc = M.option_doc(row)
    local head = #left > width and "  " .. left .. "\n" .. (" "):rep(width + 4) or ("  %-" .. width .. "s  "):format(left)
    out[#out + 1] = head .. wrap(doc, 76 - width, width + 4)
  end
  if spec.examples and #spec.examples > 0 then
    out[#out + 1] = "\nexamples:"
    for _, e in ipairs(spec.examples) do
      out[#out + 1] = "  " .. wrap(e[1], 74, 6):gsub("\n", " \\\n") -- a long one goes on as it would in a shell
      if e[2] then out[#out + 1] = "      " .. wrap(e[2], 72, 6) end
    end
  end
  return table.concat(out, "\n") .. "\n"
end

return M
