-- Annotations for language servers say all there is, and every public function has a docstring. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local core = brink.core

local BRINK = os.getenv "BRINK" or "build/brink"

local function output(...)
  local f = io.popen(BRINK .. " lua/annotate.lua " .. table.concat({ ... }, " "))
  local text = f:read "a"
  t.ok(f:close())
  return text
end

local text = output()

t.test("the definitions are Lua", function()
  t.ok(text:match "^%-%-%-@meta brink\n")
  local chunk, why = load(text, "=meta", "t")
  t.ok(chunk, why)
end)

t.test("every public function, method, primitive and augmentation is there", function()
  local function has(part) t.ok(text:find(part, 1, true), part) end
  for name, value in pairs(brink) do
    if type(value) == "function" then has(("function brink.%s("):format(name)) end
    if type(value) == "table" and name ~= "core" and name ~= "prim" then
      for key, v in pairs(value) do
        if type(v) == "function" then has(("function brink.%s.%s("):format(name, key)) end
      end
    end
  end
  for name in pairs(core.image.methods) do has(("function Image:%s("):format(name)) end
  for _, row in ipairs(core.plan.prims()) do
    has(("function prim.%s("):format(row.name))
    for _, p in ipairs(row.params) do has(("---@field %s? "):format(p.name)) end
  end
  for _, row in ipairs(brink.augment.list()) do has(("---@field %s? number"):format(row.name)) end
end)

t.test("every public function has a docstring", function() t.eq(output "--undocumented", "\n") end)

t.test("arguments come with their names", function()
  local function has(part) t.ok(text:find(part, 1, true), part) end
  has "---@param options? table\n---@return brink.Image\nfunction Image:resize(w, h, options) end"
  has "function Image:apply(given, opts) end"
  has "function Augmenter:search(data, opts) end"
end)

t.done()
