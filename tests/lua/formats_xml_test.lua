-- Pascal VOC, CVAT and LabelMe: read, write, read again; what is wrong with a file is named.
-- SPDX-License-Identifier: MIT
local t = require "check"
local sets = require "labelsets"
local brink = require "brink"
local core = require "brink.core"
local json, dataset = core.json, brink.dataset
local fresh, save, draw, round, VOC, voc_folder, LABELME, labelme_folder, CVAT = sets.fresh, sets.save, sets.draw, sets.round, sets.VOC, sets.voc_folder, sets.LABELME, sets.labelme_folder, sets.CVAT

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

t.test("voc: 255 does not count: the metrics leave it out, a new border has it", function()
  local label = assert(dataset(voc_folder(VOC, true)))[1].label
  local diff = brink.diff
  t.eq(label.meta.void, 255)
  local wrong = label.segmentation:run { { op = "erase_many", boxes = { 0, 0, 1, 47 }, value = 15 } } -- differs where the truth is void
  t.eq(diff.miou(label, { segmentation = wrong }), 0.0)
  local size = { width = 63, height = 47 }
  local moved = require("brink.labels").transport(label, { { op = "translate", x = 10, y = 0 } }, size, size)
  t.eq({ { moved.segmentation:pixel(3, 3) }, { moved.segmentation:pixel(12, 3) } }, { { 255 }, { 15 } })
  moved = require("brink.labels").transport(label, { { op = "translate", x = 10, y = 0 } }, size, size, { void = 0 })
  t.eq({ moved.segmentation:pixel(3, 3) }, { 0 })
end)

t.test("voc: splits name pictures, with blanks in the names or a number behind them", function()
  local dir = fresh()
  for _, name in ipairs { "a b", "c" } do
    draw(dir .. "/JPEGImages/" .. name .. ".png", 63, 47)
    save(dir .. "/Annotations/" .. name .. ".xml", VOC)
  end
  save(dir .. "/ImageSets/Main/train.txt", "a b\r\nc  1\n\n../x\n")
  save(dir .. "/ImageSets/Main/val.txt", "c -1\n")
  local set = assert(dataset(dir))
  t.eq({ #set, set[1].name, set[2].name, set[3].name, #set.failures }, { 3, "a b.png", "c.png", "c.png", 1 })
  t.ok(set.failures[1].reason:find("train.txt:4:", 1, true))
end)

t.test("voc: 254 masks of instances and no more", function()
  local function set(n)
    local label = { kind = "shapes", width = 20, height = 20, shapes = {}, segmentation = core.image.new(20, 20, 1, "u8", 1) }
    for k = 1, n do
      local x, y = (k - 1) % 20, (k - 1) // 20
      label.shapes[k] = { class = "c", box = { x, y, 1, 1 }, mask = core.shapes.mask_rle(core.shapes.polygon_mask({ x, y, x + 1, y, x + 1, y + 1, x, y + 1 }, 20, 20)) }
    end
    local out = assert(dataset.writer("voc", fresh(), { classes = { "c" } }))
    local at, message, code = out:add("x.png", core.image.new(20, 20, 3), label)
    assert(out:finish())
    return out.dir, at, message, code
  end
  local label = assert(dataset((set(254))))[1].label
  t.eq({ #label.shapes, core.shapes.rle_area(label.shapes[254].mask) }, { 254, 1 })
  local _, at, message, code = set(255)
  t.fails("holds 254", at, message)
  t.eq(code, "unsupported")
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

t.test("cvat: tracks over the frames of a video", function()
  local dir = fresh()
  for k = 0, 3 do if k ~= 2 then draw(dir .. ("/images/frame_%06d.PNG"):format(k), 63, 47) end end
  local function tracks(size)
    return [[<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><size>4</size><labels><label><name>car</name></label></labels>]] ..
      (size or "<original_size><width>63</width><height>47</height></original_size>") .. [[</task></meta>
<track id="7" label="car" source="manual"><box frame="0" outside="0" occluded="0" keyframe="1" xtl="1" ytl="2" xbr="10" ybr="12"><attribute name="c">x</attribute></box>
<box frame="1" outside="0" occluded="1" keyframe="0" xtl="2" ytl="2" xbr="11" ybr="12"/><box frame="2" outside="1" occluded="0" keyframe="1" xtl="2" ytl="2" xbr="11" ybr="12"/>
<box frame="x" outside="0" xtl="2" ytl="2" xbr="11" ybr="12"/></track>
<track id="8" label="car"><polygon frame="1" outside="0" occluded="0" keyframe="1" points="1,1;9,1;5,9"/><box frame="1" outside="0" xtl="2" ytl="2" xbr="1" ybr="12"/></track>
<track id="9"><box frame="0" outside="0" xtl="2" ytl="2" xbr="11" ybr="12"/></track></annotations>]]
  end
  save(dir .. "/annotations.xml", tracks())
  local set = assert(dataset(dir))
  t.eq({ set.format, #set, set[2].name, set.classes }, { "cvat", 3, "frame_000001.PNG", { "car" } })
  local first, second = set[1].label.shapes, set[2].label.shapes
  t.eq({ #first, first[1].box, first[1].attributes, first[1].extra.track }, { 1, { 1, 2, 9, 10 }, { c = "x" }, 7 })
  t.eq({ #second, second[2].polygon.parts[1], #set[3].label.shapes }, { 2, { 1, 1, 9, 1, 5, 9 }, 0 })
  t.ok(set[1]:load())
  local text = {}
  for k, failure in ipairs((set:check())) do text[k] = failure.reason:match "xml: (.*)$" end
  t.eq(#text, 3)
  t.ok(text[1]:find("track 7: box[3]: frame: an integer", 1, true) and text[2]:find("track 9: label: missing", 1, true) and text[3]:find("track 8: box[1]", 1, true), table.concat(text, "\n"))
  save(dir .. "/annotations.xml", tracks "")
  t.fails("original_size", dataset(dir))
end)

t.test("labelme: rectangles of four corners, a mark at the beginning, no size, a path as on Windows", function()
  local dir = fresh()
  draw(dir .. "/a.png", 63, 47)
  draw(dir .. "/in/b.png", 63, 47)
  save(dir .. "/a.json", "\xEF\xBB\xBF" .. [==[{"imagePath": "a.png", "imageHeight": null, "imageWidth": null, "shapes": [
    {"label": "r", "points": [[10, 10], [30, 10], [30, 30.5], [10, 30.5]], "shape_type": "rectangle"},
    {"label": "q", "points": [[10, 10], [30, 12], [28, 30], [8, 28]], "shape_type": "rectangle"},
    {"label": "o", "points": [[10, 10], [30, 12], [28, 30], [8, 28]], "shape_type": "rotation", "direction": 0.1}]}]==])
  save(dir .. "/c.json", [==[{"imagePath": "in\\b.png", "imageHeight": 47, "imageWidth": 63, "shapes": []}]==])
  local set = assert(dataset(dir, { format = "labelme" }))
  t.eq(#set:check(), 0, set.failures[1] and set.failures[1].reason)
  local shapes = set[1].label.shapes
  t.eq({ set[1].label.width, shapes[1].box, #shapes[2].quad, #shapes[3].quad, shapes[3].extra.direction }, { 63, { 10, 10, 20, 20.5 }, 8, 8, 0.1 })
  t.ok(set[2]:load())
end)

t.done()
