-- The house of engine/README.md: includes go down only, Lua stays in its rooms. SPDX-License-Identifier: MIT
local t = require "check"

-- A layer may include itself and what is left of it; the last group stand beside each other.
local BELOW = { "base", "image", "codec", "prim", "plan" }
local BESIDE = { "async", "labels", "model", "store" }
-- What stands beside may still be named: a model that is a process waits in the loop.
local ALSO = { model = { "async" } }

local function may()
  local allowed, under = {}, {}
  local function add(layer, extra)
    allowed[layer] = { [layer] = true }
    for _, list in ipairs { under, extra or {} } do
      for _, name in ipairs(list) do allowed[layer][name] = true end
    end
  end
  for _, layer in ipairs(BELOW) do
    add(layer)
    under[#under + 1] = layer
  end
  for _, layer in ipairs(BESIDE) do add(layer, ALSO[layer]) end
  table.move(BESIDE, 1, #BESIDE, #under + 1, under)
  add "lua"
  under[#under + 1] = "lua"
  add "main.c"
  return allowed
end

--- All C files of the engine with the layer they are in: the folder, or main.c.
local function files()
  local list = {}
  local p = assert(io.popen "find engine -name '*.[ch]' | LC_ALL=C sort")
  for path in p:lines() do list[#list + 1] = { path = path, layer = path:match "^engine/([^/]+)" } end
  p:close()
  return list
end

--- "line: name" of every #include that `wrong` says so of; ours are those in quotes.
local function includes(path, wrong)
  local out, n = {}, 0
  for line in io.lines(path) do
    n = n + 1
    local mark, name = line:match '^%s*#%s*include%s*([<"])([^>"]+)'
    if name and wrong(name, mark == '"') then out[#out + 1] = ("%s:%d includes %s"):format(path, n, name) end
  end
  return out
end

t.test("a layer includes itself and lower ones, by the path from engine/", function()
  local allowed, found, seen = may(), {}, {}
  for _, file in ipairs(files()) do
    local layer = allowed[file.layer]
    t.ok(layer, file.path .. ": a folder that is no layer")
    seen[file.layer] = true
    table.move(includes(file.path, function(name, ours) return ours and not layer[name:match "^([^/]+)/" or ""] end), 1, 1000, #found + 1, found)
  end
  t.eq(found, {})
  for layer in pairs(allowed) do t.ok(seen[layer], layer .. " has no file") end
end)

t.test("only the bindings and main.c know Lua", function()
  local found, users = {}, 0
  for _, file in ipairs(files()) do
    local lua = includes(file.path, function(name) return name:match "[^/]*$":match "^lua[%w]*%.hp*$" or name:match "[^/]*$" == "lauxlib.h" end)
    if file.layer ~= "lua" and file.layer ~= "main.c" then table.move(lua, 1, #lua, #found + 1, found) else users = users + #lua end
  end
  t.eq(found, {})
  t.ok(users > 0)
end)

t.test("the tour names every layer", function()
  local tour = assert(io.open "engine/README.md"):read "a"
  for _, list in ipairs { BELOW, BESIDE, { "lua" } } do
    for _, layer in ipairs(list) do t.has(tour, "| `" .. layer .. "/` |") end
  end
end)

t.done()
