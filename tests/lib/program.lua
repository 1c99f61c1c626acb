--- The program as a process: `local program = require "program"`; program.run("list", "-q") -> code, stdout, stderr.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local t = require "check"

local M = { path = os.getenv "BRINK" or "build/brink" }

--- A text as one word of a shell line.
function M.quoted(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

--- Words as a shell line, the program's path first.
function M.line(...)
  local words = { M.quoted(M.path) }
  for _, word in ipairs { ... } do words[#words + 1] = M.quoted(word) end
  return table.concat(words, " ")
end

--- Run a shell line: exit code, stdout, stderr. Nothing is on its standard input unless the line says so.
function M.shell(line)
  local base = t.tmp() .. "/run"
  local _, _, code = os.execute(("{ %s\n} >%s.out 2>%s.err </dev/null"):format(line, base, base))
  return code, core.file.read(base .. ".out"), core.file.read(base .. ".err")
end

--- Run the program with these words: exit code, stdout, stderr.
function M.run(...) return M.shell(M.line(...)) end

return M
