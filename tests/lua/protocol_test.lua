-- Workers in other languages, written from the protocol's page: what they need is on it. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"

local LANGUAGES = {
  { "Perl", { "perl", "tests/lib/worker.pl" }, "perl -MJSON::PP -e 1" },
  { "JavaScript", { "node", "tests/lib/worker.js" }, "node -e 0" },
}

local function picture(v, w, h) return brink.image.new(w or 4, h or 3, 3, "u8", v) end

for _, language in ipairs(LANGUAGES) do
  local name, argv, check = table.unpack(language)
  local function open()
    if not os.execute(check .. " >/dev/null 2>&1") then t.skip("no " .. argv[1]) end
    return t.ok(brink.model { process = argv, workers = 2, timeout = 30 })
  end

  t.test(name .. ": labels, batches, and a failure that is only one picture's", function()
    local model <close> = open()
    t.eq({ model.batch, model.hello.name, model.hello.version }, { 4, "sums", "1" })
    local out = brink.map({ 0, 1, 7, 200, 255, 9 }, function(v)
      local label, why = model:predict(picture(v))
      return label or { why }
    end, { gang = 4 })
    t.eq(out, { 0, 36, { "odd" }, 7200, 9180, 324 })
    t.eq(model:stats().failed, 0)
  end)

  t.test(name .. ": large pictures in shared memory, small ones again, and larger ones", function()
    local model <close> = open()
    t.eq(model:predict(picture(1, 700, 600)), 700 * 600 * 3)
    t.eq(model:predict(picture(2)), 72)
    t.eq(model:predict(picture(3, 900, 700)), 900 * 700 * 9)
    t.eq(model:stats().failed, 0)
  end)

  t.test(name .. ": floats and other channels", function()
    local model <close> = open()
    t.eq(model:predict(brink.image.new(5, 2, 1, "u8", 3)), 30)
    t.eq(model:predict(brink.image.new(8, 8, 3, "f32", 0.5)), 96)
  end)
end

t.done()
