-- Writing data sets: going on where a run ended, from one format to another, formats of one's own, synthesis.
-- SPDX-License-Identifier: MIT
local t = require "check"
local sets = require "labelsets"
local brink = require "brink"
local core = require "brink.core"
local json, dataset = core.json, brink.dataset
local fresh, save, draw, run, coco_folder = sets.fresh, sets.save, sets.draw, sets.run, sets.coco_folder

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

t.test("writer: pictures that differ only in their ending, or would fall on one another, keep their labels", function()
  for _, case in ipairs { { "yolo", { "labels/train/x.txt", "labels/train/x_2.txt" } }, { "voc", { "Annotations/x.xml", "Annotations/x_2.xml" } }, { "labelme", { "x.json", "x_2.json" } },
    { "coco", { "images/x.png", "images/x.jpg" } }, { "webdataset", {} } } do
    local format, files = case[1], case[2]
    local dir = fresh()
    for _ = 1, 2 do -- started again, nothing changes
      local out = assert(dataset.writer(format, dir, { classes = { "cat", "dog" } }))
      for k, name in ipairs { "x.png", "x.jpg" } do
        assert(out:add(name, core.image.new(20, 10, 3, "u8", 50 * k), { kind = "shapes", width = 20, height = 10, shapes = { { class = k == 1 and "cat" or "dog", box = { k, 1, 5, 5 } } } }))
      end
      t.eq(out.count, 2, format)
      assert(out:finish())
      out:close()
    end
    for _, name in ipairs(files) do t.eq(core.file.info(dir .. "/" .. name).type, "file", format .. " " .. name) end
    local set = assert(dataset(dir))
    local seen = {}
    for s in set:samples() do seen[s.label.shapes[1].class] = s.label.shapes[1].box[1] end
    t.eq({ #set, seen }, { 2, { cat = 1, dog = 2 } }, format)
  end
  local flat = assert(dataset.writer("imagefolder", fresh()))
  t.eq({ flat:add("a/x.png", core.image.new(2, 2, 3), "cat"), flat:add("b/x.png", core.image.new(2, 2, 3), "cat"), flat:add("a/x.png", core.image.new(2, 2, 3), "cat") },
    { "cat/x.png", "cat/x_2.png", "cat/x.png" })
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

t.done()
