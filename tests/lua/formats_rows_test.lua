-- CSV, JSONL, Hugging Face and folders of classes: read, write, read again; what is wrong with a file is named.
-- SPDX-License-Identifier: MIT
local t = require "check"
local sets = require "labelsets"
local brink = require "brink"
local core = require "brink.core"
local json, dataset = core.json, brink.dataset
local fresh, save, draw, round = sets.fresh, sets.save, sets.draw, sets.round

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

t.test("csv: semicolons, decimal commas, tabs, a mark at the beginning, line ends of both kinds, boxes by their size", function()
  local dir = fresh()
  for _, name in ipairs { "a", "b" } do draw(dir .. "/" .. name .. ".png", 63, 47) end
  for text, want in pairs {
    ["\xEF\xBB\xBFfilename;xmin;ymin;xmax;ymax;class\r\na.png;1,5;2;10;12;\"c;at\"\r\nb.png;;;;;\r\n"] = { { 1.5, 2.0, 8.5, 10.0 }, "c;at" },
    ["path\txmin\tymin\txmax\tymax\tclass\na.png\t1\t2\t10\t12\tc,at\nb.png\t\t\t\t\t\n"] = { { 1, 2, 9, 10 }, "c,at" },
    ["image,x,y,w,h,label\na.png,1,2,10,12,cat\n\nb.png,,,,,\n"] = { { 1, 2, 10, 12 }, "cat" },
    ["image,x,y,width,height,image_width,image_height,label\na.png,1,2,10,12,63,47,cat\nb.png,,,,,63,47,\n"] = { { 1, 2, 10, 12 }, "cat" },
  } do
    save(dir .. "/labels.csv", text)
    local set = round(dir)
    t.eq({ #set, set[1].label.shapes[1].box, set[1].label.shapes[1].class, #set[2].label.shapes, set.classes }, { 2, want[1], want[2], 0, { want[2] } }, text)
  end
  save(dir .. "/labels.csv", "path\tlabel\na.png\tcat\nb.png\tdog, big\n")
  t.eq(round(dir).classes, { "cat", "dog, big" })
  save(dir .. "/labels.csv", "\xFF\xFEp\0a\0")
  t.fails("UTF-16", dataset(dir))
end)

t.test("csv, jsonl, hugging face: what stands beside a label is kept", function()
  local dir = fresh()
  for _, name in ipairs { "a", "b" } do draw(dir .. "/" .. name .. ".png", 63, 47) end
  local function written(format, name)
    local set, _, out = round(dir, nil, format)
    return core.file.read(out .. "/" .. name), set
  end
  save(dir .. "/labels.csv", "path,label,source,note\na.png,cat,web,\"x, y\"\nb.png,dog,,\n")
  t.eq(written(nil, "labels.csv"), "path,label,note,source\nimages/a.png,cat,\"x, y\",web\nimages/b.png,dog,,\n")
  core.file.remove(dir .. "/labels.csv")
  save(dir .. "/labels.jsonl", '{"path":"a.png","label":"cat","id":9007199254740993,"more":{"x":[null,1.5]}}\n{"path":"b.png","label":null,"split":"train"}\n')
  local line = written(nil, "labels.jsonl"):match "[^\n]+"
  t.eq(json.decode(line), { path = "images/a.png", label = "cat", id = 9007199254740993, more = { x = { json.null, 1.5 } } })
  core.file.remove(dir .. "/labels.jsonl")
  for _, name in ipairs { "a", "b" } do draw(dir .. "/train/" .. name .. ".png", 63, 47) end
  save(dir .. "/train/metadata.jsonl", '{"file_name":"a.png","text":"a cat","score":0.5,"own":{"y":null}}\n{"file_name":"b.png","objects":{"bbox":[[1,2,3,4]],"categories":[2]}}\n')
  local text, set = written(nil, "train/metadata.jsonl")
  t.eq(json.decode(text:match "[^\n]+"), { file_name = "a.png", text = "a cat", score = 0.5, own = { y = json.null } })
  t.eq(json.decode(text:match "\n(.-)\n"), { file_name = "b.png", objects = { bbox = { { 1, 2, 3, 4 } }, categories = { 2 } } })
  t.eq(set.classes, { 2, "a cat" })
  core.file.remove(dir .. "/train/metadata.jsonl")
  save(dir .. "/train/metadata.csv", "file_name,label,extra\na.png,cat,\"1\n2\"\nb.png,dog,\n")
  text = written(nil, "train/metadata.jsonl")
  t.eq(json.decode(text:match "[^\n]+"), { file_name = "a.png", label = "cat", extra = "1\n2" })
end)

t.test("jsonl: semantic masks are files of their own", function()
  local source = assert(dataset(sets.voc_folder(sets.VOC, true)))
  local dir = fresh()
  assert(dataset.write(source, "jsonl", dir))
  local set = round(dir)
  t.eq(set[1].label.segmentation:hash(), source[1].label.segmentation:hash())
  t.eq({ set[1].label.meta.void, set[1].label.palette }, { 255, source[1].label.palette })
  core.file.remove(dir .. "/masks/a.png")
  set = assert(dataset(dir))
  t.ok(set:check()[1].reason:find("segmentation.file", 1, true))
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

t.test("imagefolder: folders within a class, an empty class, a split of one class, names that differ in their case", function()
  local dir = fresh()
  for _, name in ipairs { "train/cat/a", "train/cat/deep/er/a", "train/Cat/a", "train/dog/a", "val/cat/a" } do draw(dir .. "/" .. name .. ".png") end
  assert(core.file.mkdirs(dir .. "/train/empty"))
  local set, again = round(dir)
  t.eq({ set.format, #set, again.classes }, { "imagefolder", 5, { "Cat", "cat", "dog", "empty" } })
end)

t.done()
