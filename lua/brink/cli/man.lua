--- The manual page, from the option rows: `brink help --man`.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local exit = require "brink.cli.exit"
local options = require "brink.cli.options"

local M = {}

--- Text safe for roff: backslashes, hyphens, and a full stop or apostrophe that begins a line.
local function roff(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("^([.'])", "\\&%1"):gsub("\n([.'])", "\n\\&%1"))
end

local function paragraphs(text, out)
  for paragraph in (text .. "\n\n"):gmatch "(.-)\n\n+" do
    if paragraph:match "^%s" then
      out[#out + 1] = ".nf\n" .. roff(paragraph) .. "\n.fi"
    elseif paragraph ~= "" then
      out[#out + 1] = ".PP\n" .. roff(paragraph)
    end
  end
end

local function option(row, out)
  out[#out + 1] = ".TP\n\\fB" .. roff(options.left_column(row)) .. "\\fR"
  out[#out + 1] = roff(options.option_doc(row))
end

local function command(spec, out)
  out[#out + 1] = (".SS \"%s\""):format(roff(spec.usage or "brink " .. spec.name))
  out[#out + 1] = roff(spec.doc)
  if spec.details then paragraphs(spec.details, out) end
  for _, row in ipairs(spec.options or {}) do option(row, out) end
  for _, e in ipairs(spec.examples or {}) do
    out[#out + 1] = ".PP\nExample:" .. (e[2] and " " .. roff(e[2]) or "") .. "\n.PP\n.nf\n\\fB    " .. roff(e[1]) .. "\\fR\n.fi"
  end
end

--- The page as roff source. `cli`: brink.cli.
function M.page(cli)
  local out = {
    ('.TH BRINK 1 "" "brink %s" "User Commands"'):format(core.version.brink), ".SH NAME",
    "brink \\- find where a vision model breaks, see why, and make the data that moves it", ".SH SYNOPSIS",
    "\\fBbrink\\fR \\fICOMMAND\\fR [\\fIoptions\\fR] ...", ".br", "\\fBbrink\\fR \\fIRECIPE.lua\\fR [\\fIarguments\\fR]", ".br",
    "\\fBbrink \\-e\\fR \\fICODE\\fR [\\fIarguments\\fR]", ".br", "\\fBbrink\\fR [\\fBrepl\\fR]", ".SH COMMANDS",
  }
  for _, name in ipairs(cli.commands()) do command(cli.command(name), out) end
  out[#out + 1] = ".SH OPTIONS OF EVERY COMMAND"
  for _, row in ipairs(options.rows { name = "", options = {} }) do option(row, out) end
  out[#out + 1] = ".SH RECIPES"
  paragraphs(require "brink.cli.setup".help, out)
  out[#out + 1] = ".SH EXIT STATUS"
  for _, c in ipairs(exit.codes) do out[#out + 1] = (".TP\n%d\n%s"):format(c.code, roff(c.doc)) end
  out[#out + 1] = ".SH ENVIRONMENT"
  for _, e in ipairs { { "BRINK_LUA", "a folder that is searched for the Lua side before the one built in" },
    { "NO_COLOR", "any value: no colours" }, { "XDG_STATE_HOME", "brink/history in it keeps the lines of the prompt; default ~/.local/state" } } do
    out[#out + 1] = ".TP\n\\fB" .. e[1] .. "\\fR\n" .. roff(e[2])
  end
  return table.concat(out, "\n") .. "\n"
end

return M
