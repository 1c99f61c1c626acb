--- brink completion: a completion script for a shell, from the option rows.
-- SPDX-License-Identifier: MIT
local exit = require "brink.cli.exit"
local nearest = require "brink.nearest"
local options = require "brink.cli.options"

local M = {
  name = "completion", hidden = true,
  usage = "brink completion bash",
  doc = "Print a completion script for a shell.",
  details = "Reads the option rows of this build's commands; `make install` puts the result in its place.",
  examples = { { "brink completion bash > ~/.local/share/bash-completion/completions/brink" } },
}

local function words_of(command)
  local words = {}
  for _, row in ipairs(options.rows(command)) do
    words[#words + 1] = "--" .. row.name
    if row.short then words[#words + 1] = "-" .. row.short end
  end
  return table.concat(words, " ")
end

-- Lines "  search:--strategy) ..." for options whose value comes from a list, or is no file.
local function values_of(command, out)
  for _, row in ipairs(options.rows(command)) do
    local names = command.name .. ":--" .. row.name .. (row.short and ("|%s:-%s"):format(command.name, row.short) or "")
    if row.choices then
      out[#out + 1] = ("    %s) words=%q;;"):format(names, table.concat(row.choices, " "))
    elseif row.type == "names" then
      out[#out + 1] = ("    %s) words=$rows;;"):format(names)
    elseif row.type and row.type ~= "flag" and row.type ~= "string" then
      out[#out + 1] = ("    %s) return;;"):format(names)
    elseif row.type ~= "flag" then
      out[#out + 1] = ("    %s) _brink_files; return;;"):format(names)
    end
  end
end

--- The bash script for the commands of `cli` (brink.cli).
function M.bash(cli)
  local shown, cases, values, row_names = {}, {}, {}, {}
  for _, row in ipairs(require "brink.augment".list()) do row_names[#row_names + 1] = row.name end
  for _, name in ipairs(cli.commands()) do
    local command = cli.command(name)
    if not command.hidden then shown[#shown + 1] = name end
    cases[#cases + 1] = ("    %s) words=%q;;"):format(name, words_of(command))
    values_of(command, values)
  end
  return ([[
# bash completion for brink, made by `brink completion bash`
_brink_files() {
  compopt -o filenames 2>/dev/null
  local IFS=$'\n'
  COMPREPLY=( $(compgen -f -- "$cur") )
}
_brink() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words=
  local rows=@ROWS@
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    case $cur in
    -*) COMPREPLY=( $(compgen -W "--help --version -e" -- "$cur") );;
    */*|.*) _brink_files;;
    *) COMPREPLY=( $(compgen -W "@COMMANDS@ help" -- "$cur") ); [ ${#COMPREPLY[@]} -gt 0 ] || _brink_files;;
    esac
    return
  fi
  if [ "$command" = help ]; then
    COMPREPLY=( $(compgen -W "@COMMANDS@ json recipe" -- "$cur") )
    return
  fi
  case $command:$prev in
@VALUES@
  esac
  if [ -n "$words" ]; then
    COMPREPLY=( $(compgen -W "$words" -- "$cur") )
    return
  fi
  case $cur in
  -*) case $command in
@CASES@
    esac
    COMPREPLY=( $(compgen -W "$words" -- "$cur") );;
  *)
    case $command in apply|show|list) COMPREPLY=( $(compgen -W "$rows" -- "$cur") );; esac
    [ -n "$cur" ] && [ ${#COMPREPLY[@]} -gt 0 ] || _brink_files;;
  esac
}
complete -F _brink brink
]]):gsub("@(%u+)@", { ROWS = ("%q"):format(table.concat(row_names, " ")), COMMANDS = table.concat(shown, " "), VALUES = table.concat(values, "\n"),
    CASES = table.concat(cases, "\n") })
end

function M.run(_, operands)
  local shell = operands[1]
  if not shell or operands[2] then exit.with(exit.usage, "completion: one shell expected (brink completion bash)") end
  if shell ~= "bash" then exit.with(exit.usage, "completion: no script for %s; there is bash%s", shell, nearest.hint(shell, { "bash" })) end
  io.write((M.bash(require "brink.cli")))
end

return M
