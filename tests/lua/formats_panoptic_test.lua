-- COCO panoptic: read, write, read again; what is wrong with a file is named.
-- SPDX-License-Identifier: MIT
local t = require "check"
local sets = require "labelsets"
local brink = require "brink"
local core = require "brink.core"
local labels = require "brink.labels"
local json, dataset = core.json, brink.dataset
local fresh, round, panoptic_folder = sets.fresh, sets.round, sets.panoptic_folder

local function pixels(path) return assert(core.image.load(path)):bytes() end

t.test("panoptic: segments, ids of three bytes, categories, text ids and unknown fields come back", function()
  local dir = panoptic_folder()
  local first, _, out = round(dir)
  t.eq(first.format, "panoptic")
  local label = first[1].label
  t.eq({ label.id, #label.shapes, label.shapes[1].class_id, label.shapes[1].id, label.shapes[3].crowd }, { "str-é/1", 3, 92, 8466531, true })
  t.eq({ label.shapes[2].box, label.shapes[2].mask.size }, { { 5, 5, 20, 20 }, { 47, 63 } })
  t.eq(core.shapes.rle_area(label.shapes[2].mask), 300)
  local b = json.decode((core.file.read(out .. "/annotations/panoptic_train.json")))
  local a = json.decode(sets.PANOPTIC)
  t.eq({ b.images, b.categories, b.info, b.annotations[1].own, b.annotations[1].image_id }, { a.images, a.categories, a.info, { 1 }, "str-é/1" })
  t.eq(b.annotations[1].segments_info[1], { id = 8466531, category_id = 92, area = 63 * 40 - 300 - 25, bbox = { 0, 0, 63, 40 }, iscrowd = 0, note = "x" })
  t.eq(b.annotations[2].segments_info, {})
  for _, name in ipairs { "a", "b" } do
    t.eq(pixels(out .. "/annotations/panoptic_train/" .. name .. ".png"), pixels(dir .. "/annotations/panoptic_train/" .. name .. ".png"))
  end
end)

t.test("panoptic: segments move with the pixels and never overlap", function()
  local data = assert(dataset(panoptic_folder()))
  local image = assert(data[1]:load())
  local moved = assert(labels.transport(data[1].label, { { op = "flip", axis = "h" } }, image, image))
  local out = assert(dataset.writer("panoptic", fresh(), { classes = data.classes, meta = data.meta }))
  assert(out:add("m.png", image, moved))
  assert(out:finish())
  local again = assert(dataset(out.dir))
  t.eq(#again:check(), 0, again.failures[1] and again.failures[1].reason)
  t.eq(again[1].label.shapes[2].box, { 63 - 25, 5, 20, 20 })
  local sum = 0
  for _, object in ipairs(again[1].label.shapes) do sum = sum + core.shapes.rle_area(object.mask) end
  t.eq(sum, 63 * 40)
end)

t.test("panoptic: objects without segment ids get some; a hidden one has no segment", function()
  local out = assert(dataset.writer("panoptic", fresh(), { classes = { "cat", "dog" } }))
  local label = { kind = "shapes", width = 20, height = 10, shapes = { { class = "cat", box = { 2, 2, 3, 3 } }, { class = "dog", id = 1, polygon = { parts = { { 0, 0, 10, 0, 10, 10, 0, 10 } }, holes = {} } } } }
  assert(out:add("m.png", core.image.new(20, 10, 3), label))
  assert(out:finish())
  local shapes = assert(dataset(out.dir))[1].label.shapes
  t.eq({ #shapes, shapes[1].class, shapes[1].id, core.shapes.rle_area(shapes[1].mask) }, { 1, "dog", 1, 100 })
end)

t.test("panoptic: what is wrong is named and costs that segment", function()
  for _, case in ipairs {
    { '"category_id": 92', '"category_id": 5', "segments_info[0]: category_id: no category 5", 2 },
    { '"id": 255', '"id": 77', "segments_info[1]: id: no pixel has 77", 2 },
    { '"id": 255', '"id": 16777216', "segments_info[1]: id: an integer in 1..16777215", 2 },
    { '"id": 255', '"id": 65536', "segments_info[2]: id: a second segment 65536", 2 },
    { '"file_name": "a.png", "own"', '"file_name": "../a.png", "own"', "..", 0 },
    { '"file_name": "a.png", "own"', '"file_name": "none.png", "own"', "none.png", 0 },
    { '"segments_info": []', '"segments_info": 3', "annotations[1]: segments_info: a list", 3 },
    { '"width": 63, "height": 47, "license"', '"width": 64, "height": 47, "license"', "64 x 47", 0 },
  } do
    local text = sets.PANOPTIC:gsub(case[1]:gsub("%p", "%%%0"), (case[2]:gsub("%%", "%%%%")), 1)
    local set = assert(dataset(panoptic_folder(text)))
    set:check()
    local found = false
    for _, failure in ipairs(set.failures) do found = found or failure.reason:find(case[3], 1, true) ~= nil end
    t.ok(found, case[3] .. " <- " .. tostring(set.failures[1] and set.failures[1].reason))
    t.eq(set[1].label and #set[1].label.shapes, case[4], case[3])
  end
  local coco = assert(dataset(panoptic_folder() .. "/annotations/panoptic_train.json", { format = "coco" }))
  coco:check()
  t.ok(coco.failures[1].reason:find("panoptic", 1, true), coco.failures[1].reason)
end)

t.done()
