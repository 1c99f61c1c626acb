-- The terminal, as far as there is one here. SPDX-License-Identifier: MIT
local t = require "check"
local term = require("brink.core").term

local brink = os.getenv("BRINK")

--- What a script prints when its standard input is `input`.
local function piped(script, input, before)
  local file = t.tmp() .. "/script.lua"
  local f = assert(io.open(file, "w"))
  f:write(script)
  f:close()
  local p = assert(io.popen(("%s printf '%s' | %s %s 2>&1"):format(before or "", input, brink, file)))
  local out = p:read("a")
  p:close()
  return out
end

--- The same on a terminal of its own. keys: shell text; "wait n" there waits until the prompt "n> " shows, which the editor
-- writes when it has the terminal in its own mode. The terminal's Ctrl-C goes to all of its group: `exec` leaves no shell in it.
local function typed(script, keys)
  if not os.execute "script -qec true /dev/null </dev/null >/dev/null 2>&1" then t.skip "no script(1), or no pseudo terminals" end
  local file, shown = t.tmp() .. "/tty.lua", t.tmp() .. "/shown"
  os.execute("rm -f " .. shown)
  local f = assert(io.open(file, "w"))
  f:write(script)
  f:close()
  local wait = ("wait() { k=0; while ! grep -q \"$1> \" %s 2>/dev/null && [ $k -lt 600 ]; do sleep 0.05; k=$((k+1)); done; }; "):format(shown)
  local p = assert(io.popen(("(%s %s) | TERM=xterm script -qefc 'exec %s %s' %s 2>&1; echo \"status $?\""):format(wait, keys, brink, file, shown)))
  local out = p:read("a")
  p:close()
  return out
end

t.test("the clock does not go back; usage is plausible", function()
  local a = term.clock()
  t.ok(term.clock() >= a)
  local u = term.rusage()
  t.ok(u.rss > 1 << 20 and u.peak >= u.rss / 2 and u.cpu >= 0)
end)

t.test("width and colour follow the environment", function()
  t.eq(piped([[print(require("brink.core").term.width())]], "", "COLUMNS=33; export COLUMNS;"), "33\n")
  local script = [[local c = require("brink.core").term print(c.isatty(0), c.isatty(1), c.colour(1))]]
  t.eq(piped(script, ""), "false\tfalse\tfalse\n")
  t.eq(piped(script, "", "CLICOLOR_FORCE=1; export CLICOLOR_FORCE;"), "false\tfalse\ttrue\n")
  t.eq(piped(script, "", "NO_COLOR=1 CLICOLOR_FORCE=1; export CLICOLOR_FORCE NO_COLOR;"), "false\tfalse\tfalse\n")
  t.raises(function() term.isatty(-1) end, "not a file descriptor")
end)

t.test("readline reads lines of a pipe, the last without an end", function()
  local out = piped([[
    local r = require("brink.core").term.readline
    for _ = 1, 4 do print(r("> ")) end]], "one\\n\\nlast")
  t.eq(out, "one\n\nlast\nnil\teof\n")
end)

t.test("history goes through a file", function()
  local path = t.tmp() .. "/history"
  term.add_history("first")
  t.eq(term.write_history(path), true)
  t.eq(term.read_history(path), true)
  t.eq(select(3, term.write_history(t.tmp() .. "/none/h")), "io")
end)

t.test("lines are edited and completed on a terminal; a failing completer is harmless", function()
  local out = typed([[
    local term = require("brink.core").term
    term.set_completer(function(text) if text == "pl" then return { "plan" } end error("no") end)
    print("<" .. term.readline("1> ") .. ">")
    print("<" .. term.readline("2> ") .. ">")
    print(term.readline("3> "))]], [[wait 1; printf 'pl\t\r'; wait 2; printf 'x\t\177y\r'; wait 3; printf '\004']])
  t.ok(out:find("<plan>", 1, true), out)
  t.ok(out:find("<y>", 1, true), out)
  t.ok(out:find("nil%s+eof"), out)
  t.ok(out:find("status 0", 1, true), out)
end)

t.test("Ctrl-C at the prompt is an answer, and the program goes on", function()
  local out = typed([[
    local core = require "brink.core"
    print(core.term.readline("1> "))
    core.async.clear()
    print(core.term.readline("2> "))]], [[wait 1; printf 'ab\003'; wait 2; printf 'next\r']])
  t.ok(out:find("nil%s+interrupted"), out)
  t.ok(out:find("\nnext", 1, true), out)
  t.ok(out:find("status 0", 1, true), out)
end)

t.done()
