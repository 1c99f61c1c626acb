-- brink show with labels and answers drawn on the tiles. SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"

local BRINK = os.getenv "BRINK"
local function quoted(s) return "'" .. s:gsub("'", "'\\''") .. "'" end
local function brink(...)
  local words = { quoted(BRINK) }
  for _, w in ipairs { ... } do words[#words + 1] = quoted(w) end
  local ok, _, code = os.execute(table.concat(words, " ") .. " >/dev/null 2>" .. quoted(t.tmp() .. "/err"))
  return ok and 0 or code, core.file.read(t.tmp() .. "/err")
end

-- A COCO set of one picture with one box, and a model that always answers another box.
local function set()
  local dir = t.tmp() .. "/coco"
  assert(core.file.mkdirs(dir .. "/images"))
  assert(core.image.new(80, 60, 3, "u8", 40):save(dir .. "/images/a.png"))
  assert(core.file.write(dir .. "/instances.json", core.json.encode {
    images = { { id = 1, file_name = "images/a.png", width = 80, height = 60 } }, categories = { { id = 3, name = "thing" } },
    annotations = { { id = 1, image_id = 1, category_id = 3, bbox = { 10, 10, 30, 20 }, area = 600, iscrowd = 0 } } }))
  assert(core.file.write(t.tmp() .. "/model.lua", [[return function(image)
    return { kind = "shapes", width = image.width, height = image.height, shapes = { { class = "thing", box = { 45, 30, 20, 20 }, score = 0.5 } } }
  end]]))
  return dir, dir .. "/images/a.png"
end

-- Any pixel that the test accepts: lines are blended at their edges, so hues are compared, not colours.
local function any(path, test)
  local im = assert(core.image.load(path))
  for y = 0, im.height - 1 do
    for x = 0, im.width - 1 do if test(im:pixel(x, y)) then return true end end
  end
  return false
end
local function green(r, g, b) return g > 130 and g > 1.5 * r and g > 1.3 * b end
local function orange(r, g, b) return r > 130 and r > 1.3 * g and g > 2 * b end

t.test("the label is drawn with --data, the answer with --model, neither without", function()
  local dir, photo = set()
  local out = t.tmp() .. "/sheet.png"
  t.eq(brink("show", "Rotate=0.2", photo, "-o", out), 0)
  t.ok(not any(out, green) and not any(out, orange))
  t.eq(brink("show", "Rotate=0.2", photo, "--data", dir, "-o", out), 0)
  t.ok(any(out, green), "truth")
  t.eq(brink("show", "Rotate=0.2", photo, "--model", t.tmp() .. "/model.lua", "-o", out), 0)
  t.ok(any(out, orange), "answer")
end)

t.test("a picture that is not of the data set is refused by name", function()
  local dir = set()
  local other = t.tmp() .. "/other.png"
  assert(core.image.new(8, 8, 3):save(other))
  local code, text = brink("show", "Hue=1", other, "--data", dir)
  t.eq(code, 3)
  t.ok(text:find("other.png", 1, true) and text:find("no picture of", 1, true), text)
end)

t.done()
