-- Label formats: read, write, read again; and what is wrong with label files is named.
-- SPDX-License-Identifier: MIT
local t = require "check"
local picture = require "picture"
local brink = require "brink"
local core = require "brink.core"
local json, dataset = core.json, brink.dataset

local folders = 0
local function fresh()
  folders = folders + 1
  local dir = t.tmp() .. "/f" .. folders
  assert(core.file.mkdirs(dir))
  return dir
end

local function save(path, text)
  assert(core.file.mkdirs(path:match "^(.*)/"))
  assert(core.file.write(path, text, { durable = false }))
end

local function draw(path, w, h)
  assert(core.file.mkdirs(path:match "^(.*)/"))
  assert(picture.draw(w or 64, h or 48, { key = 1 + #path % 7 }):save(path))
end

-- A label as it counts: data, without what is remembered about the text it came from.
local function essence(v)
  if type(v) == "userdata" and v ~= json.null then return "image " .. v:hash() end
  if type(v) ~= "table" then return v end
  local out = {}
  for key, value in pairs(v) do if key ~= "written" then out[key] = essence(value) end end
  return out
end

local function labels_of(set)
  local out = {}
  for k, s in ipairs(set) do out[k] = { s.name, essence(s.label), rawget(s, "split") } end
  table.sort(out, function(a, b) return (a[3] or "") .. a[1] < (b[3] or "") .. b[1] end)
  return out
end

-- Read, write in the same format, read again: equal labels, names, splits, classes. Returns both sets and the folder.
local function round(path, opts, format, write_opts)
  local first = assert(dataset(path, opts))
  t.eq(#first:check(), 0, first.failures[1] and first.failures[1].reason)
  local dir = fresh()
  local result = assert(dataset.write(first, format or first.format, dir, write_opts))
  t.eq(#result.failures, 0, result.failures[1] and result.failures[1].reason)
  local second = assert(dataset(dir, { format = opts and opts.format, one_based = opts and opts.one_based }))
  t.eq(second.format, format or first.format)
  t.eq(#second:check(), 0, second.failures[1] and second.failures[1].reason)
  t.eq(#second, #first)
  t.eq(labels_of(second), labels_of(first))
  t.eq(second.classes, first.classes)
  for k, s in ipairs(second) do t.ok(s:load(), "picture " .. k) end
  return first, second, dir
end

local COCO = [==[{
  "info": {"year": 2024, "description": "fixture \u00e9"}, "licenses": [{"id": 1, "name": "none"}],
  "images": [
    {"id": 9007199254740993, "file_name": "übung.png", "width": 64, "height": 48, "license": 1, "coco_url": "http://x/1"},
    {"id": 7, "file_name": "b.png", "width": 64, "height": 48, "date_captured": null},
    {"id": 5, "file_name": "empty.png", "width": 64, "height": 48}],
  "annotations": [
    {"id": 1, "image_id": 7, "category_id": 90, "bbox": [1.5, 2.25, 10, 12], "area": 77.7, "iscrowd": 0,
     "segmentation": [[1.5, 2.25, 11.5, 2.25, 11.5, 14.25], [2, 3, 4, 3, 4, 5, 2, 5]], "attributes": {"occluded": true}, "score": 0.25},
    {"id": 9007199254740995, "image_id": 9007199254740993, "category_id": 3, "bbox": [0, 0, 2, 2], "area": 4, "iscrowd": 1,
     "segmentation": {"size": [48, 64], "counts": [0, 2, 46, 2, 3022]}},
    {"id": 3, "image_id": 9007199254740993, "category_id": 3, "bbox": [0, 0, 2, 2], "area": 4, "iscrowd": 1,
     "segmentation": {"size": [48, 64], "counts": "02^10Pm2"}},
    {"id": 4, "image_id": 7, "category_id": 1, "bbox": [5, 5, 20, 20], "area": 400, "iscrowd": 0, "num_keypoints": 2,
     "keypoints": [6, 6, 2, 20.5, 6, 1, 0, 0, 0], "segmentation": []}],
  "categories": [
    {"id": 1, "name": "person", "supercategory": "animal", "keypoints": ["nose", "left_eye", "right_eye"], "skeleton": [[1, 2], [1, 3]]},
    {"id": 3, "name": "crowd, \"quoted\""}, {"id": 90, "name": "toothbrush"}],
  "own": [1, 2, {"x": null}]
}]==]

local function coco_folder(text)
  local dir = fresh()
  for _, name in ipairs { "übung.png", "b.png", "empty.png" } do draw(dir .. "/images/" .. name) end
  save(dir .. "/annotations/instances.json", text or COCO)
  return dir
end

t.test("coco: everything comes back", function()
  local dir = coco_folder()
  local first, _, out = round(dir)
  local a, b = json.decode((core.file.read(dir .. "/annotations/instances.json"))), json.decode((core.file.read(out .. "/annotations/instances.json")))
  t.eq({ a.info, a.licenses, a.categories, a.own, a.images }, { b.info, b.licenses, b.categories, b.own, b.images })
  local by_id = {}
  for _, note in ipairs(b.annotations) do by_id[note.id] = note end
  for _, note in ipairs(a.annotations) do
    local other = by_id[note.id]
    for _, key in ipairs { "area", "bbox", "category_id", "image_id", "iscrowd", "segmentation", "keypoints", "num_keypoints", "attributes", "score" } do
      t.eq(other[key], note[key], ("annotation %d: %s"):format(note.id, key))
    end
  end
  t.eq(first.classes, { "person", "crowd, \"quoted\"", "toothbrush" })
  t.eq(first[1].label.id, 9007199254740993)
  t.ok(first[1].label.shapes[1].crowd)
  t.eq(first[2].label.meta.flip_pairs, { { 2, 3 } })
  t.eq(#first[3].label.shapes, 0)
end)

t.test("coco: the area is computed anew when the shape has moved", function()
  local data = assert(dataset(coco_folder()))
  local label = data[2].label
  label.shapes[1].polygon.parts = { { 0, 0, 10, 0, 10, 10, 0, 10 } }
  local out = assert(dataset.writer("coco", fresh(), { classes = data.classes, meta = data.meta }))
  assert(out:add("b.png", { path = data[2].path }, label))
  assert(out:finish())
  local doc = json.decode((core.file.read(out.dir .. "/annotations/instances.json")))
  t.eq(doc.annotations[1].area, 100.0)
  t.eq(doc.annotations[2].area, 400)
end)

t.test("run lengths as COCO publishes them", function()
  local common = require "brink.labels.formats.common"
  for text, counts in pairs { ["61X13mN000`0"] = { 6, 1, 40, 4, 5, 4, 5, 4, 21 }, ["061"] = { 0, 6, 1 }, ["231N"] = { 2, 3, 1, 1 },
    ["`h95kc02N2"] = { 10000, 5, 635, 7, 633, 9 } } do
    t.eq(common.compress(counts), text)
    t.eq(common.counts(text), counts)
  end
  t.fails("counts", common.counts "0\1")
  t.fails("counts", common.counts "`")
end)

-- The outcome each file of the corpus must have.
local function corpus(name, opts)
  local path = t.shared("corpora/labels/" .. name)
  local set, message = dataset(path, opts)
  if not set then return "refused", message end
  local failures, counts = set:check()
  if counts.lost > 0 then return "error", failures[1].reason, set end
  return counts.clipped > 0 and "clipped" or "ok", nil, set
end

t.test("label files of the corpus: outcome, and a message that names file and entry", function()
  t.shared "corpora/labels/ok.json"
  local expect = { ok = "ok", outside = "clipped", xss = "ok", wrong_size = "ok", deep = "refused", empty = "refused", trunc = "refused", utf16 = "refused",
    nan = "error", neg_wh = "error", dup_ann_id = "error", dup_img_id = "error", missing_img = "error", missing_cat = "error", str_bbox = "error",
    bbox3 = "error", traversal = "error", abs = "error", bigint = "error" }
  for name, want in pairs(expect) do
    local got, message = corpus(name .. ".json", { format = "coco" })
    t.eq(got, want, name)
    if got == "error" or got == "refused" then t.ok(message:find(name .. ".json:%d"), message) end
  end
  for name, want in pairs { csv_ok = "ok", csv_quote = "ok", csv_formula = "ok", csv_unclosed = "error", csv_cols = "error", csv_dup = "error" } do
    local got, message = corpus(name .. ".csv")
    t.eq(got, want, name)
    if got == "error" then t.ok(message:find(name .. ".csv:%d"), message) end
  end
  local _, _, quoted = corpus "csv_quote.csv"
  t.eq({ quoted[1].name, quoted[1].label }, { "a,b.jpg", "say \"hi\"" })
  local _, _, formula = corpus "csv_formula.csv"
  t.eq(formula[1].label, "=HYPERLINK(\"http://x\")")
end)

-- YOLO ---------------------------------------------------------------------------------------------------------------------

-- files: { ["train/a"] = text or false (no file), ... }
local function yolo_folder(files, yaml)
  local dir = fresh()
  for name, text in pairs(files) do
    draw(dir .. "/images/" .. name .. ".png", 63, 47)
    if text then save(dir .. "/labels/" .. name .. ".txt", text) end
  end
  if yaml then save(dir .. "/data.yaml", yaml) end
  return dir
end

local NAMES = "path: .\ntrain: images/train\nnames:\n  0: cat\n  1: \"d: o\\\"g\"\n  2: größe\n"

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
  local yolo, common = require "brink.labels.formats.yolo", require "brink.labels.formats.common"
  local ring = yolo.one_ring { parts = { { 0, 0, 10, 0, 10, 10, 0, 10 }, { 20, 0, 20, 5, 25, 5, 25, 0 } }, holes = { { 2, 2, 6, 2, 6, 6, 2, 6 } } }
  t.eq(common.area(ring), 100 + 25 - 16.0)
end)

t.test("yolo: data.yaml that cannot be used", function()
  for text, want in pairs { ["names: [a"] = "data.yaml:", ["names: [a]\ntrain: /etc\n"] = "absolute", ["names: [a]\ntrain: a/../../b\n"] = "\"..\"",
    ["names: [a]\nkpt_shape: 3\ntask: pose\n"] = "kpt_shape" } do
    local set, message = dataset(yolo_folder({ ["train/a"] = "" }, text), { format = "yolo" })
    if set then message = set.failures[1] and set.failures[1].reason end
    t.ok(message and message:find(want, 1, true), tostring(message))
  end
end)

-- VOC ----------------------------------------------------------------------------------------------------------------------

local VOC = [[<?xml version="1.0" encoding="utf-8"?>
<annotation verified="yes"><folder>VOC2012</folder><filename>a.png</filename><path>C:\x\a.png</path>
 <source><database>The &lt;VOC&gt; Database</database><annotation>PASCAL</annotation></source>
 <size><width>63</width><height>47</height><depth>3</depth></size><segmented>1</segmented>
 <object><name>cat &amp; größe</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult><occluded>1</occluded>
  <bndbox><xmin>1</xmin><ymin>2.5</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>
  <part><name>head</name><bndbox><xmin>3</xmin><ymin>3</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part></object>
 <object><bndbox><xmax>63</xmax><ymax>47</ymax><xmin>40</xmin><ymin>30</ymin></bndbox><name>dog</name><actions><jumping>1</jumping></actions></object>
</annotation>]]

local function voc_folder(xml, masks)
  local dir = fresh()
  draw(dir .. "/JPEGImages/a.png", 63, 47)
  save(dir .. "/Annotations/a.xml", xml)
  if masks then
    local palette = {}
    for k = 0, 255 do palette[k + 1] = string.char(k, 255 - k, (k * 7) % 256) end
    palette = table.concat(palette)
    local class = core.image.new(63, 47, 1, "u8", 0):run { { op = "erase_many", boxes = { 2, 3, 20, 30, 40, 30, 20, 10 }, value = 15 }, { op = "erase_many", boxes = { 0, 0, 1, 47 }, value = 255 } }
    local object = core.image.new(63, 47, 1, "u8", 0):run { { op = "erase_many", boxes = { 2, 3, 20, 30 }, value = 1 }, { op = "erase_many", boxes = { 40, 30, 20, 10 }, value = 2 },
      { op = "erase_many", boxes = { 0, 0, 1, 47 }, value = 255 } }
    save(dir .. "/SegmentationClass/a.png", (assert(class:encode("png", { palette = palette }))))
    save(dir .. "/SegmentationObject/a.png", (assert(object:encode("png", { palette = palette }))))
  end
  return dir
end

t.test("voc: attributes, parts, unknown elements, masks with their palette", function()
  local dir = voc_folder(VOC, true)
  local first, _, out = round(dir)
  local label = first[1].label
  t.eq(label.shapes[1].attributes, { pose = "Left", truncated = 1, difficult = 0, occluded = 1 })
  t.eq(label.shapes[1].box, { 1.0, 2.5, 29.0, 37.5 })
  t.eq({ label.segmentation:pixel(0, 0) }, { 255 })
  for _, name in ipairs { "SegmentationClass/a.png", "SegmentationObject/a.png" } do
    t.eq(core.file.read(out .. "/" .. name), core.file.read(dir .. "/" .. name), name)
  end
  t.eq(#first.classes, 2)
end)

t.test("voc: corners from 1 on demand", function()
  local dir = voc_folder(VOC)
  local one = assert(dataset(dir, { one_based = true }))
  t.eq(one[1].label.shapes[1].box, { 0.0, 1.5, 30.0, 38.5 })
  round(dir, { one_based = true, format = "voc" })
end)

t.test("voc: what is wrong is named with its line", function()
  local function failure(from, to)
    local set = assert(dataset(voc_folder((VOC:gsub(from, to, 1))), { format = "voc" }))
    return set:check()[1].reason, #(set[1].label and set[1].label.shapes or {})
  end
  for _, case in ipairs { { "<xmin>1</xmin>", "<xmin>nan</xmin>", "bndbox.xmin", 1 }, { "<xmin>1</xmin>", "", "bndbox.xmin", 1 }, { "<xmax>30", "<xmax>0", "before", 1 },
    { "<name>dog</name>", "", "class", 1 }, { "<xmin>40</xmin>", "<xmin>64</xmin>", "before", 1 }, { "</annotation>", "", "a.xml:", 0 },
    { "<annotation ", "<!DOCTYPE a [<!ENTITY x 'y'>]><annotation ", "entity", 0 } } do
    local reason, left = failure(case[1], case[2])
    t.ok(reason:find("a.xml:%d") and reason:find(case[3], 1, true), reason)
    t.eq(left, case[4], reason)
  end
end)

-- LabelMe ------------------------------------------------------------------------------------------------------------------

local LABELME = [==[{"version": "5.5.0", "flags": {"night": true}, "own": {"x": [1, null]}, "imagePath": "a.png", "imageData": null, "imageHeight": 47, "imageWidth": 63,
 "shapes": [
  {"label": "cat", "points": [[30, 40], [1, 2.5]], "group_id": 3, "shape_type": "rectangle", "flags": {"odd": true}, "description": "d\u00e9", "mask": null},
  {"label": "dog", "points": [[1, 1], [20, 1], [20, 20]], "group_id": null, "shape_type": "polygon", "flags": {}},
  {"label": "ball", "points": [[30, 20], [36, 20]], "group_id": null, "shape_type": "circle", "flags": {}},
  {"label": "wire", "points": [[1, 1], [5, 9], [7, 3]], "group_id": null, "shape_type": "linestrip", "flags": {}},
  {"label": "edge", "points": [[1, 1], [5, 9]], "group_id": null, "shape_type": "line", "flags": {}},
  {"label": "eye", "points": [[12.5, 13]], "group_id": null, "shape_type": "point", "flags": {}}]}]==]

local function labelme_folder(text)
  local dir = fresh()
  draw(dir .. "/a.png", 63, 47)
  save(dir .. "/a.json", text)
  return dir
end

t.test("labelme: every kind of shape, unknown keys", function()
  local first, _, out = round(labelme_folder(LABELME))
  local a, b = json.decode(LABELME), json.decode((core.file.read(out .. "/a.json")))
  t.eq({ b.version, b.flags, b.own, b.imageData }, { a.version, a.flags, a.own, json.null })
  for k, shape in ipairs(a.shapes) do
    t.eq({ b.shapes[k].label, b.shapes[k].points, b.shapes[k].shape_type, b.shapes[k].group_id, b.shapes[k].flags, b.shapes[k].description },
      { shape.label, shape.points, shape.shape_type, shape.group_id, shape.flags, shape.description })
  end
  t.eq(first[1].label.shapes[1].box, { 1, 2.5, 29, 37.5 })
end)

t.test("labelme: a mask, and the picture within the file", function()
  local mask = core.base64.encode((assert(core.image.new(5, 4, 1, "u8", 255):encode "png")))
  local dir = labelme_folder((LABELME:gsub('"shapes": %[', '"shapes": [{"label": "m", "points": [[10, 12], [14, 15]], "shape_type": "mask", "mask": "' .. mask .. '"},', 1)))
  local first = round(dir)
  t.eq(first[1].label.shapes[1].box, { 10, 12, 5, 4 })
  local within = fresh()
  local data = core.base64.encode((core.file.read(dir .. "/a.png")))
  save(within .. "/a.json", (LABELME:gsub('"imageData": null', function() return '"imageData": "' .. data .. '"' end)))
  local set = assert(dataset(within))
  t.eq({ assert(set[1]:load()).width, set[1].label.extra.imageData }, { 63, true })
end)

t.test("labelme: a bad shape costs that shape", function()
  for from, want in pairs { ['%[30, 40%], '] = "shapes[0]: 2 points", ['"linestrip"'] = "shape_type", ['"dog"'] = "shapes[1]: label" } do
    local set = assert(dataset(labelme_folder((LABELME:gsub(from, from == '"linestrip"' and '"blob"' or from == '"dog"' and "7" or "", 1)))))
    local failures = set:check()
    t.eq(#failures, 1, from)
    t.ok(failures[1].reason:find(want, 1, true) and failures[1].reason:find("a.json", 1, true), failures[1].reason)
    t.eq(#set[1].label.shapes, 5)
  end
  local escape = assert(dataset(labelme_folder((LABELME:gsub('"a.png"', '"../../a.png"')))))
  t.eq(escape[1].name, "a.png")
end)

-- CVAT ---------------------------------------------------------------------------------------------------------------------

local CVAT = [==[<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><labels><label><name>car &amp; van</name></label><label><name>road</name></label></labels></task></meta>
 <image id="0" name="sub/a.png" width="63" height="47">
  <box label="car &amp; van" source="manual" occluded="0" xtl="1.5" ytl="2" xbr="20" ybr="30" z_order="2"><attribute name="colour">red</attribute></box>
  <box label="road" occluded="0" xtl="10" ytl="10" xbr="30" ybr="20" rotation="30"></box>
  <polygon label="road" points="1,1;20,1;20,20.5"/><polyline label="road" points="1,1;5,5"/><points label="road" points="3,4;5,6" occluded="1"/>
  <mask label="road" rle="2,3,1" left="4" top="5" width="3" height="2"/><ellipse label="road" cx="30" cy="20" rx="5" ry="3"/>
  <skeleton label="road"><points label="nose" points="7,8" outside="0" occluded="0"/><points label="ear" points="1,2" outside="1" occluded="0"/></skeleton>
  <tag label="wet"/>
 </image>
 <image id="1" name="b.png" width="63" height="47"/>
</annotations>]==]

t.test("cvat: every kind of shape is read", function()
  local dir = fresh()
  draw(dir .. "/sub/a.png", 63, 47)
  draw(dir .. "/images/b.png", 63, 47)
  save(dir .. "/annotations.xml", CVAT)
  local set = assert(dataset(dir))
  t.eq({ set.format, #set, #set:check(), set.classes }, { "cvat", 2, 0, { "car & van", "road" } })
  local s = set[1].label.shapes
  t.eq({ s[1].class, s[1].box, s[1].attributes, s[1].extra.z_order }, { "car & van", { 1.5, 2, 18.5, 28 }, { colour = "red" }, 2 })
  t.eq(s[2].obb, { 20.0, 15.0, 20, 10, 30 })
  t.eq({ s[3].polygon.parts[1], s[4].polyline, s[5].keypoints }, { { 1, 1, 20, 1, 20, 20.5 }, { 1, 1, 5, 5 }, { 3, 4, 1, 5, 6, 1 } })
  t.eq(core.shapes.mask_box(core.shapes.rle_mask(s[6].mask)), 4)
  t.eq({ s[8].keypoints, set[1].label.classes, #set[2].label.shapes }, { { 7, 8, 2, 1, 2, 0 }, { "wet" }, 0 })
  for k = 1, 2 do t.ok(set[k]:load()) end
  local other = fresh()
  t.eq(assert(dataset.write(set, "coco", other)).written, 2)
  t.eq(#assert(dataset(other)), 2)
end)

t.test("cvat: what is wrong is named", function()
  for _, case in ipairs { { 'xtl="1.5"', "", "xtl" }, { 'rle="2,3,1"', 'rle="2,3"', "add up to 5" }, { '"1,1;5,5"', '"1,1;5"', "points" }, { 'name="b.png"', 'name="/b.png"', "absolute" } } do
    local dir = fresh()
    save(dir .. "/annotations.xml", (CVAT:gsub(case[1], case[2], 1)))
    local set = assert(dataset(dir))
    local failures = set:check()
    t.eq(#failures, 1, case[1])
    t.ok(failures[1].reason:find(case[3], 1, true) and failures[1].reason:find("image", 1, true), failures[1].reason)
  end
end)

-- Rows ---------------------------------------------------------------------------------------------------------------------

t.test("csv: classes, boxes, quotes, with and without a header", function()
  local dir = fresh()
  for _, name in ipairs { "a,b.png", "c.png", "d.png" } do draw(dir .. "/images/" .. name, 63, 47) end
  save(dir .. "/labels.csv", "\239\187\191file,label\r\n\"images/a,b.png\",\"say \"\"hi\"\"\"\r\nimages/c.png,\"two\nlines\"\nimages/d.png,=1+1\n")
  local first = round(dir)
  t.eq({ first[1].label, first[2].label, first[3].label }, { "say \"hi\"", "two\nlines", "=1+1" })
  save(dir .. "/labels.csv", "images/c.png,1,2.5,30,40,cat\nimages/d.png,,,,,\nimages/c.png,3,3,9.125,9,\"d,og\"\n")
  local boxes = round(dir)
  t.eq({ #boxes, boxes[1].label.shapes[2].class, #boxes[2].label.shapes }, { 2, "d,og", 0 })
  save(dir .. "/labels.csv", "filename,width,height,class,xmin,ymin,xmax,ymax,pose\nimages/c.png,63,47,cat,1,2,30,40,left\n")
  t.eq(round(dir)[1].label.shapes[1].extra, { pose = "left" })
  save(dir .. "/labels.csv", "image,x_min,y_min,x_max,y_max,label\nimages/c.png,0.1,0.2,0.333333,0.4,cat\nimages/d.png,0,0,1.0000000242,1,cat\n")
  local shares = round(dir)
  t.eq(shares.format, "albumentations")
  t.near(shares[1].label.shapes[1].box[1], 6.3, 1e-12)
end)

t.test("csv: a bad row costs that row", function()
  local dir = fresh()
  draw(dir .. "/c.png", 63, 47)
  for row, want in pairs { ["c.png,1,2,3,cat"] = "6 columns", ["c.png,9,2,3,4,cat"] = "before", ["c.png,nan,2,3,4,cat"] = "xmin", ["/c.png,1,2,3,4,cat"] = "absolute",
    ["../c.png,1,2,3,4,cat"] = "..", ["c.png,100,100,130,130,cat"] = "outside" } do
    save(dir .. "/labels.csv", "path,xmin,ymin,xmax,ymax,class\nc.png,1,2,3,4,cat\n" .. row .. "\n")
    local set = assert(dataset(dir .. "/labels.csv"))
    local failures = set:check()
    t.eq(#failures, 1, row)
    t.ok(failures[1].reason:find("labels.csv:3: ", 1, true) and failures[1].reason:find(want, 1, true), failures[1].reason)
    t.eq(#set[1].label.shapes, 1)
  end
end)

t.test("jsonl: any label comes back, shapes with all they have", function()
  local dir = fresh()
  for _, name in ipairs { "a.png", "b.png", "c.png", "d.png" } do draw(dir .. "/images/" .. name, 63, 47) end
  local shapes = { kind = "shapes", width = 63, height = 47, shapes = { { class = "ü", id = 9007199254740995, crowd = true, box = { 1, 2, 3, 4 }, obb = { 5, 5, 3, 2, 30.5 },
    quad = { 1, 1, 2, 1, 2, 2, 1, 2 }, polygon = { parts = { { 0, 0, 9, 0, 9, 9 } }, holes = { { 1, 1, 2, 1, 2, 2 } } }, polyline = { 1, 1, 2, 2 },
    keypoints = { 1, 1, 2, 0, 0, 0 }, mask = { size = { 47, 63 }, counts = { 0, 5, 2956 } }, attributes = { a = true }, extra = { x = json.null }, visibility = 0.5 } } }
  local lines = {}
  for k, label in ipairs { "cat", 3.25, { a = { 1, 2 } }, shapes } do lines[k] = json.encode { path = ("images/%s.png"):format(("abcd"):sub(k, k)), label = label } end
  save(dir .. "/labels.jsonl", table.concat(lines, "\n") .. "\n")
  local first = round(dir)
  t.eq(first[4].label.shapes[1].id, 9007199254740995)
  save(dir .. "/labels.jsonl", lines[1] .. "\nnot json\n[1]\n{\"path\":\"../x\"}\n" .. lines[2])
  local bad = assert(dataset(dir))
  t.eq({ #bad, #bad.failures }, { 2, 3 })
  for k, f in ipairs(bad.failures) do t.ok(f.reason:find("labels.jsonl:" .. k + 1, 1, true), f.reason) end
end)

t.test("hugging face: objects, labels, unknown columns, splits, csv", function()
  local dir = fresh()
  for _, name in ipairs { "train/a.png", "train/b.png", "test/c.png" } do draw(dir .. "/" .. name, 63, 47) end
  save(dir .. "/train/metadata.jsonl", [==[{"file_name": "a.png", "objects": {"bbox": [[1, 2, 30.5, 4], [0, 0, 5, 5]], "category": [4, 0], "area": [122, 25], "id": [7, 8]}, "license": "x"}
{"file_name": "b.png", "objects": {"bbox": [], "category": []}}
]==])
  save(dir .. "/test/metadata.jsonl", '{"file_name": "c.png", "objects": {"bbox": [[1,1,2,2]], "category": [1]}}\n')
  local first = round(dir)
  t.eq({ first.format, first[1].label.shapes[1].class, first[1].label.shapes[2].extra, first[1].label.extra }, { "huggingface", 4, { area = 25 }, { license = "x" } })
  local other = fresh()
  draw(other .. "/a.png")
  save(other .. "/metadata.csv", "file_name,text\na.png,\"a, caption\"\n")
  t.eq(assert(dataset(other))[1].label, "a, caption")
end)

t.test("imagefolder: classes are folders; an odd class comes back; other folders stay unlabelled", function()
  local dir = fresh()
  for _, name in ipairs { "train/cat/a.png", "train/größe/a.png", "val/cat/b.png", "val/größe/c.png" } do draw(dir .. "/" .. name) end
  local first = round(dir)
  t.eq({ first.format, first.classes }, { "imagefolder", { "cat", "größe" } })
  local out = fresh()
  local w = assert(dataset.writer("imagefolder", out))
  for k, class in ipairs { "a/b", ".hidden", "100%" } do assert(w:add(k .. ".png", core.image.new(4, 4, 3), class)) end
  assert(w:finish())
  t.eq(assert(dataset(out)).classes, { ".hidden", "100%", "a/b" })
  local plain = fresh()
  for _, name in ipairs { "x/a.png", "b.png" } do draw(plain .. "/" .. name) end
  t.eq({ assert(dataset(plain)).format, assert(dataset(plain))[1].label }, { "folder", nil })
  t.eq(assert(dataset(dir, { labels = false }))[1].label, nil)
end)

-- Archives -----------------------------------------------------------------------------------------------------------------

local function run(command)
  local p = assert(io.popen(command .. " 2>&1"))
  local text = p:read "a"
  return text, p:close()
end

t.test("tar: read back by us, by tar and by python", function()
  local tar = require "brink.dataset.tar"
  local path = fresh() .. "/x.tar"
  local names = { "a.png", ("d/"):rep(60) .. "long.txt", ("n"):rep(180) .. ".txt", "größe/ü.json", "empty", ("x"):rep(100) }
  local f = assert(io.open(path, "wb"))
  local out = tar.writer { write = function(_, s) return f:write(s) and true end }
  for k, name in ipairs(names) do assert(out:add(name, ("byte"):rep(k * 200 * (name == "empty" and 0 or 1)))) end
  assert(out:finish())
  f:close()
  local handle, got = assert(io.open(path, "rb")), {}
  local problem
  local next_entry = tar.entries(handle, path)
  while true do
    local name, at, size = next_entry()
    if not name then problem = at break end
    got[#got + 1] = { name, size }
  end
  t.eq(problem, nil)
  for k, name in ipairs(names) do t.eq(got[k], { name, name == "empty" and 0 or k * 800 }) end
  local listing = run("LC_ALL=C.UTF-8 tar --quoting-style=literal -tf " .. path)
  t.eq(listing, table.concat(names, "\n") .. "\n")
  local python, ok = run("python3 -c \"import tarfile,sys; [print(m.name, m.size, m.mtime, m.uid) for m in tarfile.open(sys.argv[1])]\" " .. path)
  if not ok and python:find "not found" then t.skip "no python3" end
  for k, name in ipairs(names) do t.ok(python:find(("%s %d 0 0"):format(name, name == "empty" and 0 or k * 800), 1, true), name) end
  -- torn and damaged archives end with a reason
  local bytes = core.file.read(path)
  for _, cut in ipairs { bytes:sub(1, 700), bytes:sub(1, 512), "x" .. bytes:sub(2), bytes:sub(1, 3000) } do
    save(path, cut)
    local h = assert(io.open(path, "rb"))
    local entry, name, why = tar.entries(h, path), nil, nil
    repeat name, why = entry() until not name
    t.ok(why and why:find "byte %d", tostring(why))
    h:close()
  end
end)

t.test("webdataset: labels of all kinds in and out, shards", function()
  local dir = fresh()
  for k, name in ipairs { "a", "b", "c", "d" } do
    draw(dir .. "/src/images/" .. name .. ".x.png", 63, 47)
  end
  local lines = {}
  for k, label in ipairs { "cat", 3, { kind = "shapes", width = 63, height = 47, shapes = { { class = "dog", box = { 1, 2, 3, 4 } } } }, { own = true } } do
    lines[k] = json.encode { path = ("images/%s.x.png"):format(("abcd"):sub(k, k)), label = label, split = "train" }
  end
  save(dir .. "/src/labels.jsonl", table.concat(lines, "\n"))
  local source = assert(dataset(dir .. "/src"))
  local out = fresh()
  t.eq(assert(dataset.write(source, "webdataset", out, { classes = { "bird", "cat" }, shard = 3 })).written, 4)
  t.eq(core.file.list(out), { ".brink", "train-000000.tar", "train-000001.tar" })
  local set = assert(dataset(out))
  t.eq({ #set, set[1].label, set[2].label, set[3].label.shapes[1].class, set[4].label }, { 4, "cat", 3, "dog", { own = true } })
  t.eq({ set[1].name, rawget(set[1], "split") }, { "a_x.png", "train" })
  t.ok(set[1]:load():equal(source[1]:load()))
  t.eq(set[1].id, source[1].id)
  t.eq(#assert(dataset(out .. "/train-{000000..000001}.tar")), 4)
  local again = fresh()
  assert(dataset.write(source, "webdataset", again, { classes = { "bird", "cat" }, shard = 3 }))
  t.eq(core.file.hash(again .. "/train-000000.tar"), core.file.hash(out .. "/train-000000.tar"))
end)

t.test("webdataset on standard output: an archive; quiet end when the reader goes", function()
  local script = t.tmp() .. "/stream.lua"
  save(script, [==[
local brink = require "brink"
local out = brink.dataset.writer("webdataset", "-", { classes = { "cat" } })
for k = 1, tonumber(arg[1]) do
  local ok, message, code = out:add(("%06d.png"):format(k), brink.core.image.new(64, 64, 3, "u8", k % 256), "cat")
  if not ok then os.exit(code == "closed" and 0 or 1, true) end
end
assert(out:finish())]==])
  local brink_path = os.getenv "BRINK"
  t.eq(run(("%s %s 2 | tar -tf -"):format(brink_path, script)), "000001.png\n000001.cls\n000001.txt\n000002.png\n000002.cls\n000002.txt\n")
  t.eq(run(("({ %s %s 100000; echo $? >&2; } | head -c 20000 >/dev/null)"):format(brink_path, script)), "0\n")
end)

-- The writer ---------------------------------------------------------------------------------------------------------------

t.test("a writer started again on its folder goes on; the result is the same", function()
  local function write(dir, from, to)
    local out = assert(dataset.writer("coco", dir, { classes = { "cat" } }))
    for k = from, to do
      assert(out:add(k .. ".png", core.image.new(20, 10, 3, "u8", k), { kind = "shapes", width = 20, height = 10, shapes = { { class = "cat", box = { k, 1, 2, 3 } } } }))
    end
    return out
  end
  local whole, parts = fresh(), fresh()
  assert(write(whole, 1, 6):finish())
  write(parts, 1, 3):close()
  local f = assert(io.open(parts .. "/.brink/dataset.jsonl", "ab"))
  f:write '{"name":"images/4.png","wid'
  f:close()
  assert(write(parts, 2, 6):finish())
  t.eq(core.file.read(parts .. "/annotations/instances.json"), core.file.read(whole .. "/annotations/instances.json"))
  t.eq(#json.decode((core.file.read(parts .. "/annotations/instances.json"))).annotations, 6)
end)

t.test("writer: what it refuses", function()
  t.raises(function() dataset.writer("cocoo", fresh()) end, "coco")
  t.raises(function() dataset.writer("cvat", fresh()) end, "can be written")
  t.raises(function() dataset.writer("coco", fresh(), { clases = {} }) end, "classes")
  local yolo = assert(dataset.writer("yolo", fresh(), { classes = { "cat" } }))
  local label = { kind = "shapes", width = 4, height = 4, shapes = { { class = "dog", box = { 0, 0, 1, 1 } } } }
  t.fails("dog", yolo:add("a.png", core.image.new(4, 4, 3), label))
  t.fails("shapes expected", yolo:add("a.png", core.image.new(4, 4, 3), "cat"))
  t.fails("..", yolo:add("../a.png", core.image.new(4, 4, 3), nil))
end)

t.test("a set in one format becomes one in another", function()
  local data = assert(dataset(coco_folder()))
  for _, format in ipairs { "yolo", "voc", "labelme", "csv", "albumentations", "jsonl", "huggingface", "webdataset" } do
    local dir = fresh()
    local result = assert(dataset.write(data, format, dir, { task = format == "yolo" and "detect" or nil }))
    t.eq(#result.failures, 0, format .. (result.failures[1] and result.failures[1].reason or ""))
    local set = assert(dataset(dir))
    t.eq(set.format, format)
    t.eq(#set:check(), 0, set.failures[1] and set.failures[1].reason)
    local boxes = 0
    for s in set:samples() do for _, object in ipairs(s.label.shapes) do if require("brink.labels").shapes.box_of(object) then boxes = boxes + 1 end end end
    t.ok(boxes >= 4, format .. ": boxes " .. boxes)
  end
end)

-- Formats of one's own -------------------------------------------------------------------------------------------------------

local function spots(image)
  -- the middle of what is bright
  local w, bytes, sx, sy, n = image.width, image:convert { channels = 1 }:bytes(), 0, 0, 0
  for k = 1, #bytes do
    if bytes:byte(k) > 120 then
      sx, sy, n = sx + (k - 1) % w + 0.5, sy + (k - 1) // w + 0.5, n + 1
    end
  end
  return sx / n, sy / n
end

t.test("a format of one's own: the example's marks follow their pixels into new label files", function()
  local out = fresh()
  local text, ok = run(("%s examples/10_label_format.lua %s"):format(os.getenv "BRINK", out))
  t.ok(ok, text)
  local count, moved = 0, 0
  for _, name in ipairs(core.file.list(out .. "/dials_new")) do
    local stem = name:match "^(.*)%.png$"
    if stem then
      local r, degrees = core.file.read(out .. "/dials_new/" .. stem .. ".polar"):match "^hand ([%d.]+) (-?[%d.]+)\n$"
      local image = assert(core.image.load(out .. "/dials_new/" .. name))
      local x, y = spots(image)
      local a = tonumber(degrees) * core.math.pi / 180
      t.near(image.width / 2 + tonumber(r) * core.math.sin(a), x, 0.7, name)
      t.near(image.height / 2 - tonumber(r) * core.math.cos(a), y, 0.7, name)
      count = count + 1
      if not (degrees:find "%.000$") then moved = moved + 1 end
    end
  end
  t.eq(count, 6)
  t.ok(moved > 0)
end)

t.test("a format of one's own: failures name the file; misuse raises", function()
  brink.label_format { name = "dots", extension = ".dots", decode = function(text)
    local x, y = text:match "^([%d.]+) ([%d.]+)$"
    if not x then error("line 1: X Y expected", 0) end
    return { kind = "shapes", shapes = { { class = "dot", keypoints = { tonumber(x), tonumber(y), 2 } } } }
  end }
  local dir = fresh()
  for _, name in ipairs { "a", "b", "c" } do draw(dir .. "/" .. name .. ".png", 63, 47) end
  save(dir .. "/a.dots", "3 4")
  save(dir .. "/b.dots", "oops")
  local set = assert(dataset(dir))
  t.eq({ set.format, #set, set[1].label.width, set[1].label.shapes[1].keypoints }, { "dots", 2, 63, { 3, 4, 2 } })
  t.eq(#set:check(), 1)
  t.ok(set.failures[1].reason:find("b.dots: line 1: X Y expected", 1, true), set.failures[1].reason)
  t.raises(function() brink.label_format { name = "x" } end, "decode")
  t.raises(function() brink.label_format { name = "x", decode = print, encod = print } end, "encode")
  t.raises(function() dataset(dir, { format = "dot" }) end, "dots")
end)

-- Synthesis ------------------------------------------------------------------------------------------------------------------

local function synth(data, out, format, opts)
  local aug = brink.augmenter { augmentations = { "Rotate", "HorizontalFlip", "Brighten" } }
  local given = { output = out, count = 6, total = true, label_format = format, min_augmentations = 1, max_augmentations = 2, progress = false, preview = false }
  for key, value in pairs(opts or {}) do given[key] = value end
  return aug:synthesize(data, given)
end

t.test("synthesis writes a complete set of the format it read, or of another", function()
  local data = assert(dataset(coco_folder()))
  for _, format in ipairs { "same", "yolo", "voc", "labelme", "csv", "huggingface", "webdataset", "jsonl" } do
    local out = fresh()
    assert(synth(data, out, format))
    local set = assert(dataset(out, { format = format == "same" and "coco" or format }))
    t.eq(#set, 6, format)
    t.eq(#set:check(), 0, format .. ": " .. tostring(set.failures[1] and set.failures[1].reason))
    for s in set:samples() do t.ok(s:load(), format) end
    local manifest = assert(dataset(out))
    t.eq(manifest.format, "synthesis")
  end
end)

t.test("synthesis in a format: a run cut short and gone on with ends with the same files", function()
  local data, whole, parts = assert(dataset(coco_folder())), fresh(), fresh()
  assert(synth(data, whole, "same"))
  assert(synth(data, parts, "same", { count = 2 }))
  assert(synth(data, parts, "same"))
  t.eq(core.file.read(parts .. "/annotations/instances.json"), core.file.read(whole .. "/annotations/instances.json"))
  t.raises(function() synth(data, fresh(), "cocoo") end, "coco")
end)

t.test("synth -o -: an archive of labelled pictures on standard output", function()
  local dir = fresh()
  for _, name in ipairs { "cat/a.png", "dog/b.png" } do draw(dir .. "/" .. name) end
  local command = ("%s synth %s -n 3 -o - --augment Rotate"):format(os.getenv "BRINK", dir)
  local archive = fresh() .. "/x.tar"
  local text, ok = run(("{ %s; } 2>&1 >%s"):format(command, archive))
  t.ok(ok, text)
  local set = assert(dataset(archive))
  t.eq(#set, 3)
  for s in set:samples() do
    t.ok(s.label == "cat" or s.label == "dog")
    t.ok(s:load())
  end
  t.ok(run(command .. " --shard 1/2"):find("is for a folder", 1, true))
  t.eq(run(("({ %s synth %s -n inf -o - --augment Rotate; echo $? >&2; } | head -c 30000 >/dev/null)"):format(os.getenv "BRINK", dir)), "0\n")
end)

t.test("a picture that is not of the size its label says is refused", function()
  local dir = fresh()
  draw(dir .. "/a.png", 64, 48)
  save(dir .. "/instances.json", '{"images":[{"id":1,"file_name":"a.png","width":6400,"height":48}],"annotations":[],"categories":[]}')
  local image, message, code = assert(dataset(dir .. "/instances.json"))[1]:load()
  t.fails("64 x 48", image, message)
  t.eq(code, "mismatch")
end)

-- Size and noise -------------------------------------------------------------------------------------------------------------

t.test("coco: 20,000 images and 200,000 annotations are an index of a few bytes each", function()
  local dir, images, notes = fresh(), 20000, 200000
  local f = assert(io.open(dir .. "/instances.json", "wb"))
  f:write '{"categories":[{"id":3,"name":"a"}],"annotations":['
  for k = 1, notes do
    f:write(k > 1 and ",\n" or "", ('{"id":%d,"image_id":%d,"category_id":3,"bbox":[%d,1.5,2,3]}'):format(k, (k * 7919) % images + 1, k % 600))
  end
  f:write '],"images":['
  for k = 1, images do f:write(k > 1 and "," or "", ('{"id":%d,"file_name":"%06d.jpg","width":640,"height":480}'):format(k, k)) end
  f:write "]}"
  f:close()
  local set = assert(dataset(dir .. "/instances.json"))
  local count, bytes = set.index.index:count()
  t.eq({ #set, count, #set.failures }, { images, notes, 0 })
  t.ok(bytes < 64 * images + 32 * notes, bytes)
  t.eq({ #set[7].label.shapes, set[20000].name }, { 10, "020000.jpg" })
end)

-- Changed bytes of a file: some flipped, cut, doubled; every file the same on every machine.
local function mutate(text, n)
  local rng = core.rng("formats", "fuzz", n, 0)
  for _ = 1, rng:integer(1, 4) do
    local at, what = rng:integer(1, math.max(1, #text)), rng:integer(1, 5)
    if what == 1 then text = text:sub(1, at - 1) .. string.char(rng:integer(0, 255)) .. text:sub(at + 1)
    elseif what == 2 then text = text:sub(1, at - 1)
    elseif what == 3 then text = text:sub(1, at) .. text:sub(math.max(1, at - 20))
    elseif what == 4 then text = text:sub(1, at - 1) .. text:sub(at + rng:integer(1, 9))
    else text = text:sub(1, at - 1) .. ({ "-1", "1e999", "nan", "9223372036854775808", "null", "[", "}", "\"", "<", "&x;" })[rng:integer(1, 10)] .. text:sub(at) end
  end
  return text
end

local ROUNDS = tonumber(os.getenv "BRINK_FUZZ") or 60

local function fuzz(name, dir, file, opts)
  t.test("changed bytes in a " .. name .. " file: read or refused with a reason, never a crash", function()
    local path = dir() .. "/" .. file
    local text = core.file.read(path)
    for n = 1, ROUNDS do
      save(path, mutate(text, n))
      local ok, set, message = pcall(dataset, path:sub(1, -#file - 2), opts)
      if not ok then error(("round %d: %s"):format(n, set)) end
      if set then
        for _, failure in ipairs(set:check()) do t.ok(type(failure.reason) == "string" and failure.reason ~= "", "round " .. n) end
        for s in set:samples() do
          local label = s.label
          if label and label.kind == "shapes" then require("brink.labels").record(label) end
        end
      else t.ok(type(message) == "string", "round " .. n) end
    end
  end)
end

fuzz("COCO", coco_folder, "annotations/instances.json", { format = "coco" })
fuzz("YOLO", function() return yolo_folder({ ["train/a"] = "0 0.5 0.5 0.2 0.2\n2 0.123457 0.7 0.1 0.333333\n" }, NAMES) end, "labels/train/a.txt", { format = "yolo" })
fuzz("data.yaml", function() return yolo_folder({ ["train/a"] = "0 0.5 0.5 0.2 0.2\n" }, NAMES .. "kpt_shape: [1, 3]\nflip_idx: [0]\n") end, "data.yaml", { format = "yolo" })
fuzz("VOC", function() return voc_folder(VOC) end, "Annotations/a.xml", { format = "voc" })
fuzz("VOC mask", function() return voc_folder(VOC, true) end, "SegmentationObject/a.png", { format = "voc" })
fuzz("LabelMe", function() return labelme_folder(LABELME) end, "a.json", { format = "labelme" })
fuzz("CVAT", function()
  local dir = fresh()
  save(dir .. "/annotations.xml", CVAT)
  return dir
end, "annotations.xml", { format = "cvat" })
for name, text in pairs { csv = "path,xmin,ymin,xmax,ymax,class\nc.png,1,2,3,4,\"c,at\"\nc.png,,,,,\n",
  jsonl = '{"path":"c.png","label":{"kind":"shapes","width":63,"height":47,"shapes":[{"class":"a","box":[1,2,3,4],"polygon":{"parts":[[1,1,2,2,3,1]],"holes":[]}}]}}\n' } do
  fuzz(name, function()
    local dir = fresh()
    draw(dir .. "/c.png", 63, 47)
    save(dir .. "/labels." .. name, text)
    return dir
  end, "labels." .. name, { format = name })
end
fuzz("Hugging Face", function()
  local dir = fresh()
  draw(dir .. "/c.png", 63, 47)
  save(dir .. "/metadata.jsonl", '{"file_name": "c.png", "objects": {"bbox": [[1, 2, 30.5, 4]], "category": [4], "id": [7]}}\n')
  return dir
end, "metadata.jsonl", { format = "huggingface" })
fuzz("tar", function()
  local dir = fresh()
  local f = assert(io.open(dir .. "/a.tar", "wb"))
  local out = require("brink.dataset.tar").writer { write = function(_, s) return f:write(s) and true end }
  for _, name in ipairs { "a.png", "a.json", ("n"):rep(150) .. ".png", "b.cls" } do assert(out:add(name, "{}")) end
  out:finish()
  f:close()
  return dir
end, "a.tar", { format = "webdataset" })

t.done()
