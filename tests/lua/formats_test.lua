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
     "segmentation": {"size": [48, 64], "counts": "02^1N2]2"}},
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
  local dir = coco_folder((COCO:gsub('"02^1N2%]2"', json.encode(require("brink.labels.formats.common").compress { 0, 2, 46, 2, 3022 }))))
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

t.done()
