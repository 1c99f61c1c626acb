-- The recipes of the trained nets run as they stand; they need ONNX Runtime and skip without one. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local net = require "onnx_net"
local core = brink.core

local program = os.getenv "BRINK" or "build/brink"

local function quoted(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

local recipes = {
  shapes_classifier = { "average error", "GaussianBlur", makes = { "report/index.html" } },
  shapes_detector = { "ap50", "GaussianBlur", makes = { "report/index.html", "found.png" } },
  dots_regression = { "mae", "GaussianBlur", "dots on average", makes = { "report/index.html" } },
}
for _, name in ipairs { "shapes_classifier", "shapes_detector", "dots_regression" } do
  t.test("recipes/" .. name .. ".lua", function()
    net.runtime()
    local out = t.tmp() .. "/" .. name
    local p = assert(io.popen(("%s recipes/%s.lua %s 2>&1 </dev/null"):format(quoted(program), name, quoted(out))))
    local text = p:read "a"
    t.ok(p:close(), text)
    for _, words in ipairs(recipes[name]) do t.ok(text:find(words, 1, true), ("%q in:\n%s"):format(words, text)) end
    for _, file in ipairs(recipes[name].makes) do t.eq(core.file.info(out .. "/" .. file).type, "file", file) end
  end)
end

t.done()
