-- COCO: read, write, read again; what is wrong with a file is named.
-- SPDX-License-Identifier: MIT
local t = require "check"
local sets = require "labelsets"
local brink = require "brink"
local core = require "brink.core"
local json, dataset = core.json, brink.dataset
local fresh, save, draw, round, coco_folder = sets.fresh, sets.save, sets.draw, sets.round, sets.coco_folder

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

t.test("coco: ids that are texts are kept, with numbers beside them", function()
  local dir = fresh()
  for _, name in ipairs { "a", "b", "c" } do draw(dir .. "/images/" .. name .. ".png") end
  save(dir .. "/annotations/instances.json", [[{"images": [{"id": "7", "file_name": "a.png", "width": 64, "height": 48},
    {"id": 7, "file_name": "b.png", "width": 64, "height": 48}, {"id": "\u00fc x", "file_name": "c.png", "width": 64, "height": 48},
    {"id": "7", "file_name": "d.png", "width": 64, "height": 48}],
    "annotations": [{"id": "n-1", "image_id": "7", "category_id": 1, "bbox": [1, 1, 5, 5]}, {"id": 1, "image_id": 7, "category_id": 1, "bbox": [2, 2, 5, 5]},
      {"id": "n-2", "image_id": "\u00fc x", "category_id": 1, "bbox": [3, 3, 5, 5]}, {"id": "n-1", "image_id": 7, "category_id": 1, "bbox": [4, 4, 5, 5]},
      {"id": "n-3", "image_id": "nowhere", "category_id": 1, "bbox": [4, 4, 5, 5]}],
    "categories": [{"id": 1, "name": "x"}]}]])
  local set = assert(dataset(dir))
  local failures = set:check()
  local text = {}
  for k, f in ipairs(failures) do text[k] = f.reason:match ": (.*)$" end
  t.eq(text, { 'images[3] (id "7"): id: a second image with this id', "annotations[3]: id: a second annotation with this id",
    'annotations[4] (id "n-3"): image_id: no image "nowhere"' })
  t.eq({ set[1].label.id, set[1].label.shapes[1].id, set[2].label.id, set[2].label.shapes[1].id, set[3].label.id }, { "7", "n-1", 7, 1, "ü x" })
  local out = fresh()
  assert(dataset.write(set, "coco", out))
  local doc = json.decode((core.file.read(out .. "/annotations/instances.json")))
  t.eq({ doc.images[1].id, doc.images[2].id, doc.images[3].id }, { "7", 7, "ü x" })
  t.eq({ doc.annotations[1].image_id, doc.annotations[1].id, doc.annotations[3].image_id, doc.annotations[3].id }, { "7", "n-1", "ü x", "n-2" })
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

t.test("a picture that is not of the size its label says is refused", function()
  local dir = fresh()
  draw(dir .. "/a.png", 64, 48)
  save(dir .. "/instances.json", '{"images":[{"id":1,"file_name":"a.png","width":6400,"height":48}],"annotations":[],"categories":[]}')
  local image, message, code = assert(dataset(dir .. "/instances.json"))[1]:load()
  t.fails("64 x 48", image, message)
  t.eq(code, "mismatch")
end)

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

t.done()
