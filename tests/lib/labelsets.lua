--- Data sets for the tests of label formats: folders with pictures and label files, and reading, writing and reading again.
-- SPDX-License-Identifier: MIT
local t = require "check"
local picture = require "picture"
local brink = require "brink"
local core = require "brink.core"
local json, dataset = core.json, brink.dataset

local M = {}

local folders = 0
--- A new empty folder.
local function fresh()
  folders = folders + 1
  local dir = t.tmp() .. "/f" .. folders
  assert(core.file.mkdirs(dir))
  return dir
end

--- A file with this text, its folders made.
local function save(path, text)
  assert(core.file.mkdirs(path:match "^(.*)/"))
  assert(core.file.write(path, text, { durable = false }))
end

--- A picture.
local function draw(path, w, h)
  assert(core.file.mkdirs(path:match "^(.*)/"))
  assert(picture.draw(w or 64, h or 48, { key = 1 + #path % 7 }):save(path))
end

--- A label as it counts: data, without what is remembered about the text it came from.
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

--- Read, write in the same format, read again: equal labels, names, splits, classes. Returns both sets and the folder.
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
M.fresh, M.save, M.draw, M.essence, M.labels_of, M.round = fresh, save, draw, essence, labels_of, round

-- Sets of each format with odd features ------------------------------------------------------------------------------------

M.COCO = [==[{
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

function M.coco_folder(text)
  local dir = fresh()
  for _, name in ipairs { "übung.png", "b.png", "empty.png" } do draw(dir .. "/images/" .. name) end
  save(dir .. "/annotations/instances.json", text or M.COCO)
  return dir
end

-- files: { ["train/a"] = text or false (no file), ... }
function M.yolo_folder(files, yaml)
  local dir = fresh()
  for name, text in pairs(files) do
    draw(dir .. "/images/" .. name .. ".png", 63, 47)
    if text then save(dir .. "/labels/" .. name .. ".txt", text) end
  end
  if yaml then save(dir .. "/data.yaml", yaml) end
  return dir
end

M.NAMES = "path: .\ntrain: images/train\nnames:\n  0: cat\n  1: \"d: o\\\"g\"\n  2: größe\n"
M.VOC = [[<?xml version="1.0" encoding="utf-8"?>
<annotation verified="yes"><folder>VOC2012</folder><filename>a.png</filename><path>C:\x\a.png</path>
 <source><database>The &lt;VOC&gt; Database</database><annotation>PASCAL</annotation></source>
 <size><width>63</width><height>47</height><depth>3</depth></size><segmented>1</segmented>
 <object><name>cat &amp; größe</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult><occluded>1</occluded>
  <bndbox><xmin>1</xmin><ymin>2.5</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>
  <part><name>head</name><bndbox><xmin>3</xmin><ymin>3</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part></object>
 <object><bndbox><xmax>63</xmax><ymax>47</ymax><xmin>40</xmin><ymin>30</ymin></bndbox><name>dog</name><actions><jumping>1</jumping></actions></object>
</annotation>]]

function M.voc_folder(xml, masks)
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

M.LABELME = [==[{"version": "5.5.0", "flags": {"night": true}, "own": {"x": [1, null]}, "imagePath": "a.png", "imageData": null, "imageHeight": 47, "imageWidth": 63,
 "shapes": [
  {"label": "cat", "points": [[30, 40], [1, 2.5]], "group_id": 3, "shape_type": "rectangle", "flags": {"odd": true}, "description": "d\u00e9", "mask": null},
  {"label": "dog", "points": [[1, 1], [20, 1], [20, 20]], "group_id": null, "shape_type": "polygon", "flags": {}},
  {"label": "ball", "points": [[30, 20], [36, 20]], "group_id": null, "shape_type": "circle", "flags": {}},
  {"label": "wire", "points": [[1, 1], [5, 9], [7, 3]], "group_id": null, "shape_type": "linestrip", "flags": {}},
  {"label": "edge", "points": [[1, 1], [5, 9]], "group_id": null, "shape_type": "line", "flags": {}},
  {"label": "eye", "points": [[12.5, 13]], "group_id": null, "shape_type": "point", "flags": {}}]}]==]

function M.labelme_folder(text)
  local dir = fresh()
  draw(dir .. "/a.png", 63, 47)
  save(dir .. "/a.json", text)
  return dir
end

M.CVAT = [==[<?xml version="1.0" encoding="utf-8"?>
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


--- A panoptic set: ids of three bytes, a hole, a crowd, void, an image id that is a text, a picture without segments.
M.PANOPTIC = [==[{"info": {"year": 2024}, "images": [
 {"id": "str-\u00e9/1", "file_name": "a.png", "width": 63, "height": 47, "license": 3}, {"id": 7, "file_name": "b.png", "width": 63, "height": 47}],
 "annotations": [
 {"image_id": "str-\u00e9/1", "file_name": "a.png", "own": [1], "segments_info": [
  {"id": 8466531, "category_id": 92, "area": 2000, "bbox": [0, 0, 63, 47], "iscrowd": 0, "note": "x"},
  {"id": 255, "category_id": 1, "area": 300, "bbox": [5, 5, 20, 20], "iscrowd": 0},
  {"id": 65536, "category_id": 1, "area": 25, "bbox": [30, 30, 5, 5], "iscrowd": 1}]},
 {"image_id": 7, "file_name": "b.png", "segments_info": []}],
 "categories": [{"id": 1, "name": "person", "isthing": 1, "color": [220, 20, 60], "supercategory": "person"},
  {"id": 92, "name": "banner", "isthing": 0, "color": [255, 255, 128]}]}]==]

function M.panoptic_folder(text)
  local dir = fresh()
  for _, name in ipairs { "a", "b" } do draw(dir .. "/images/train/" .. name .. ".png", 63, 47) end
  local function paint(boxes)
    local image = core.image.new(63, 47, 3, "u8", 0)
    for _, b in ipairs(boxes) do
      local ring = { b[1], b[2], b[1] + b[3], b[2], b[1] + b[3], b[2] + b[4], b[1], b[2] + b[4] }
      image = core.index.paint(image, (core.index.runs(core.shapes.polygon_mask(ring, 63, 47))), b[5])
    end
    return image:encode "png"
  end
  save(dir .. "/annotations/panoptic_train/a.png", paint { { 0, 0, 63, 40, 8466531 }, { 5, 5, 20, 20, 255 }, { 10, 10, 10, 10, 8466531 }, { 30, 30, 5, 5, 65536 } })
  save(dir .. "/annotations/panoptic_train/b.png", paint {})
  save(dir .. "/annotations/panoptic_train.json", text or M.PANOPTIC)
  return dir
end

--- The output of a command, and whether it went well.
function M.run(command)
  local p = assert(io.popen(command .. " 2>&1"))
  local text = p:read "a"
  return text, p:close()
end

return M
