-- Pages that stand in the repository are current: the catalogue is what the rows say; every file, command and option the
-- READMEs name is there; pictures are small.
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local core = brink.core

local PAGES = { "README.md", "engine/README.md", "tests/README.md" }

local function folder_of(path) return path:match "^(.*/)" or "" end

t.test("examples/CATALOGUE.md is what brink list --markdown prints", function()
  local want = require("brink.cli.list").markdown(brink.augment.list())
  t.ok(core.file.read "examples/CATALOGUE.md" == want, "out of date: build/brink list --markdown > examples/CATALOGUE.md")
end)

t.test("links lead to files", function()
  for _, page in ipairs(PAGES) do
    for target in core.file.read(page):gmatch "%]%(([^)#]+)%)" do
      if not target:match "^https?:" then
        t.ok(core.file.info(folder_of(page) .. target).type ~= "missing", page .. ": " .. target)
      end
    end
  end
end)

t.test("paths named in the tours are there", function()
  local roots = { ["engine/README.md"] = { "", "engine/", "lua/brink/" }, ["tests/README.md"] = { "", "tests/" } }
  for page, places in next, roots do
    for path in core.file.read(page):gmatch "`([%w_]+/[%w_./]*)`" do
      local found = path:find("NAME", 1, true) ~= nil
      for _, root in ipairs(places) do found = found or core.file.info(root .. path).type ~= "missing" end
      t.ok(found, page .. ": " .. path)
    end
  end
end)

t.test("commands and options in the README exist", function()
  local commands = require "brink.cli"
  local text, seen = core.file.read "README.md", 0
  for line in (text:gsub("`", "\n")):gmatch "[^\n]+" do
    local name, rest = line:match "brink (%l+)(.*)"
    local ok, spec = pcall(require, "brink.cli." .. tostring(name))
    if ok and spec.options then
      seen = seen + 1
      local known = {}
      for _, row in ipairs(require("brink.cli.options").rows(spec)) do
        known["--" .. row.name] = true
        if row.short then known["-" .. row.short] = true end
      end
      for option in (" " .. rest:gsub("#.*", "")):gmatch "%s(%-%-?[%a-]+)" do t.ok(known[option], name .. " " .. option) end
    end
  end
  t.ok(seen >= 5 and type(commands) == "table")
end)

t.test("the exit codes of the README are those of the program", function()
  local text = core.file.read "README.md"
  for _, row in ipairs(require("brink.cli.exit").codes) do
    if row.code < 128 then t.ok(text:find(("| %d | %s |"):format(row.code, row.doc), 1, true), row.code .. " " .. row.doc)
    else t.ok(text:find(tostring(row.code), 1, true), row.code) end
  end
end)

t.test("pictures are small and readable", function()
  local names = core.file.list "examples/pictures"
  t.ok(#names >= 3 and #names <= 6)
  for _, name in ipairs(names) do
    local path = "examples/pictures/" .. name
    t.ok(core.file.info(path).size < 150000, path)
    t.ok(brink.image.load(path), path)
  end
end)

t.done()
