-- Writes build/embed.c: every file under lua/brink as a C string. A file that is not Lua becomes a module that returns its text.
-- Usage: lua5.4 engine/lua/embed.lua FILE... > embed.c ; files are named lua/brink/...
-- SPDX-License-Identifier: MIT
local files = { table.unpack(arg) }
table.sort(files)

local function quote(line)
  return '"' .. line:gsub('[%c"\\?\128-\255]', function(c) return ("\\%03o"):format(c:byte()) end) .. '\\n"'
end

io.write('#include "lua/embed.h"\n\nconst Embedded EMBEDDED[] = {\n')
for _, path in ipairs(files) do
  local rel = path:gsub("^lua/", "")
  local module = rel:gsub("%.%a+$", ""):gsub("/init$", ""):gsub("/", ".")
  local is_lua = path:find "%.lua$" ~= nil
  local n, lines = 0, {}
  local function add(line)
    n = n + #line + 1
    lines[#lines + 1] = "    " .. quote(line)
  end
  if not is_lua then add "return [===[" end
  for line in io.lines(path) do add(line) end
  if not is_lua then add "]===]" end
  if #lines == 0 then lines[1] = '    ""' end
  io.write(('  {"%s", "@%s",\n%s,\n   %d},\n'):format(module, rel, table.concat(lines, "\n"), n))
end
io.write("  {NULL, NULL, NULL, 0}};\n")
