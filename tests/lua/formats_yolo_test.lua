-- YOLO: read, write, read again; what is wrong with a file is named.
-- SPDX-License-Identifier: MIT
local t = require "check"
local sets = require "labelsets"
local brink = require "brink"
local core = require "brink.core"
local dataset = brink.dataset
local fresh, round, yolo_folder, NAMES = sets.fresh, sets.round, sets.yolo_folder, sets.NAMES

t.test("yolo detect: boxes, backgrounds, empty files", function()
  local dir = yolo_folder({ ["train/a"] = "0 0.5 0.5 0.2 0.2\n2 0.123457 0.7 0.1 0.333333\n", ["train/none"] = false, ["val/zero"] = "", ["val/x.y"] = "1 .5 .5 1 1" }, NAMES .. "val: images/val\ndownload: https://x/y.zip\n")
  local first, _, out = round(dir)
  t.eq(first.classes, { "cat", "d: o\"g", "größe" })
  t.eq(#first, 4)
  t.eq(core.file.read(out .. "/labels/train/a.txt"), "0 0.500000 0.500000 0.200000 0.200000\n2 0.123457 0.700000 0.100000 0.333333\n")
  t.eq(core.file.read(out .. "/labels/val/zero.txt"), "")
  t.ok(core.file.read(out .. "/data.yaml"):find("https://x/y.zip", 1, true))
  t.eq(#assert(dataset(dir, { split = "val" })), 2)
  t.eq(#assert(dataset(dir .. "/data.yaml")), 4)
end)

t.test("yolo: coordinates out by rounding are held to the frame", function()
  local set = assert(dataset(yolo_folder({ ["train/a"] = "0 0.5 0.5 1.0000000242 1.0000000242\n0 0.95 0.5 0.2 0.2\n" }, NAMES)))
  local failures, counts = set:check()
  t.eq({ #failures, counts.clipped }, { 0, 2 })
  t.eq(set[1].label.shapes[1].box, { 0.0, 0.0, 63.0, 47.0 })
  t.near(set[1].label.shapes[2].box[1] + set[1].label.shapes[2].box[3], 63, 1e-12)
end)

t.test("yolo: a mark at the beginning, tabs, line ends of both kinds, whole numbers with a point", function()
  local set = assert(dataset(yolo_folder({ ["train/a"] = "\xEF\xBB\xBF1.0\t0.5 0.5  0.2 0.2 \r\n\r\n0 .5 .5 2e-1 .2" }, NAMES)))
  t.eq(#set:check(), 0, set.failures[1] and set.failures[1].reason)
  t.eq({ set[1].label.shapes[1].class_id, set[1].label.shapes[2].class_id }, { 1, 0 })
end)

t.test("yolo: a bad line costs that line and is named", function()
  local bad = { { "0 0.5 0.5 0.2", "4 numbers" }, { "0 1.5 0.5 0.2 0.2", "centre" }, { "-1 0.5 0.5 0.2 0.2", "class: %-1" }, { "0 0,5 0,5 0,2 0,2", "column 2" },
    { "0 nan inf 0.2 0.2", "column 2" }, { "3 .5 .5 .1 .1", "names for 0..2" }, { "x .5 .5 .1 .1", "class" }, { "1.5 .5 .5 .1 .1", "class" },
    { "0 0.5 0.5 -.1 .1", "width and height" }, { "0 0x1p-1 .5 .1 .1", "column 2" } }
  for _, case in ipairs(bad) do
    local set = assert(dataset(yolo_folder({ ["train/a"] = "0 .5 .5 .1 .1\n" .. case[1] .. "\n1 .5 .5 .1 .1\n" }, NAMES)))
    local failures = set:check()
    t.eq(#failures, 1, case[1])
    t.ok(failures[1].reason:find "train/a.txt:2: " and failures[1].reason:find(case[2]), failures[1].reason)
    t.eq(#set[1].label.shapes, 2)
  end
  for _, name in ipairs { "yolo_4col", "yolo_gt1", "yolo_neg_class", "yolo_comma_decimal", "yolo_nan" } do
    local set = assert(dataset(yolo_folder({ ["train/a"] = core.file.read(t.shared("corpora/labels/" .. name .. ".txt")) }, NAMES)))
    t.eq(#set:check(), 1, name)
  end
  for _, name in ipairs { "yolo_ok", "yolo_empty" } do
    local set = assert(dataset(yolo_folder({ ["train/a"] = core.file.read(t.shared("corpora/labels/" .. name .. ".txt")) }, NAMES)))
    t.eq(#set:check(), 0, name)
    t.eq(#set[1].label.shapes, name == "yolo_ok" and 1 or 0)
  end
end)

t.test("yolo segment, pose and oriented boxes", function()
  round(yolo_folder({ ["train/a"] = "0 0.1 0.1 0.9 0.1 0.5 0.777777\n1 0.2 0.2 0.4 0.2 0.4 0.4 0.2 0.4\n" }, NAMES), { task = "segment" })
  local obb = round(yolo_folder({ ["train/a"] = "0 0.1 0.1 0.3 0.15 0.28 0.4 0.08 0.35\n" }, NAMES))
  t.eq(#obb[1].label.shapes[1].quad, 8)
  local pose = round(yolo_folder({ ["train/a"] = "0 0.5 0.5 0.4 0.4 0.45 0.4 2 0.55 0.41 1 0 0 0\n" }, NAMES .. "kpt_shape: [3, 3]\nflip_idx: [1, 0, 2]\n"))
  t.eq(pose[1].label.meta.flip_pairs, { { 1, 2 } })
  t.eq(#pose[1].label.shapes[1].keypoints, 9)
  round(yolo_folder({ ["train/a"] = "0 0.5 0.5 0.4 0.4 0.45 0.4 0.55 0.41\n" }, NAMES .. "kpt_shape: [2, 2]\n"))
end)

t.test("yolo: several parts and holes become one ring of the same area", function()
  local bridge, common = require "brink.labels.formats.bridge", require "brink.labels.formats.common"
  local ring = bridge.one_ring { parts = { { 0, 0, 10, 0, 10, 10, 0, 10 }, { 20, 0, 20, 5, 25, 5, 25, 0 } }, holes = { { 2, 2, 6, 2, 6, 6, 2, 6 } } }
  t.eq(common.area(ring), 100 + 25 - 16.0)
end)

t.test("yolo: what is read back of several parts and holes covers the same pixels", function()
  local rng = core.rng("rings", 1, 1, 1)
  for n = 1, 20 do
    local mask = core.image.new(63, 47, 1, "u8", 0)
    for k = 1, 6 do -- squares drawn and taken away again
      local x, y, side = rng:integer(0, 50), rng:integer(0, 35), rng:integer(3, 20)
      mask = mask:run { { op = "erase_many", boxes = { x, y, side, side }, value = k % 3 > 0 and 1 or 0 } }
    end
    local polygon = core.shapes.mask_polygon(mask)
    if polygon then
      local out = assert(dataset.writer("yolo", fresh(), { classes = { "cat" }, task = "segment" }))
      assert(out:add("x.png", core.image.new(63, 47, 3), { kind = "shapes", width = 63, height = 47, shapes = { { class = "cat", polygon = polygon } } }))
      assert(out:finish())
      local read = assert(dataset(out.dir, { task = "segment" }))[1].label.shapes[1].polygon
      t.near(core.shapes.area(read), core.shapes.mask_area(mask), 1e-3 * core.shapes.mask_area(mask), "round " .. n)
      t.eq(core.shapes.mask_area(core.shapes.polygon_mask(read, 63, 47)), core.shapes.mask_area(mask), "round " .. n)
    end
  end
end)

t.test("yolo: data.yaml that cannot be used", function()
  for text, want in pairs { ["names: [a"] = "data.yaml:", ["names: [a]\ntrain: /etc\n"] = "absolute", ["names: [a]\ntrain: a/../../b\n"] = "\"..\"",
    ["names: [a]\nkpt_shape: 3\ntask: pose\n"] = "kpt_shape" } do
    local set, message = dataset(yolo_folder({ ["train/a"] = "" }, text), { format = "yolo" })
    if set then message = set.failures[1] and set.failures[1].reason end
    t.ok(message and message:find(want, 1, true), tostring(message))
  end
end)

t.done()
