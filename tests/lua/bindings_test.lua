-- What holds for every object of the engine in Lua's hands, whatever the collector does: collected objects reached
-- from another's finalizer raise, a finalizer may close what a call is working on, sizes that change while they are
-- read are noticed.
-- SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local image, plan = core.image, core.plan

local dir = t.tmp()

--- One of each kind, made anew.
local function objects()
  local store = assert(core.study.open(dir .. "/zombie.db", {}))
  assert(store:put { row = "A", i = 0.5, sample = 1, error = 0 })
  local _, cursor = store:results("A", "")
  local coco = dir .. "/zombie.json"
  assert(core.file.write(coco, '{"images":[{"id":1}],"annotations":[{"id":2,"image_id":1}]}'))
  local picture = image.new(8, 8, 3, "u8", 90)
  return {
    { "study", store }, { "cursor", cursor }, { "image", picture },
    { "plan", plan.new { { op = "invert" } } },
    { "warp", plan.new { { op = "flip" } }:warp(8, 8) },
    { "tensor", core.tensor.new({ 2, 2 }, "f32", { 1, 2, 3, 4 }) },
    { "features", assert(core.features.extract(picture)) },
    { "appender", assert(core.file.appender(dir .. "/zombie.log")) },
    { "lock", assert(core.file.lock(dir .. "/zombie.lock")) },
    { "index", assert(core.index.coco(coco)) },
    { "runs", assert(core.overlap.runs(2, 2, { 1, 3 })) },
  }
end

local ARGUMENTS = { {}, { 1 }, { "png" }, { {} }, { 1, 1, 1, 1 }, { "A", "", 0.5, 1 }, { { row = "A", i = 0.5, sample = 1, error = 0 } } }

--- Call every method and metamethod of an object with this and that; errors are fine.
local function use(object)
  local meta, methods = debug.getmetatable(object), {}
  for name, fn in pairs(meta) do
    if name ~= "__gc" and type(fn) == "function" then methods[#methods + 1] = fn end
  end
  local getter, index = meta.__index, meta.__index
  if type(getter) == "function" then
    for k = 1, 9 do
      local name, up = debug.getupvalue(getter, k)
      if not name then break end
      if type(up) == "table" then index = up end
    end
  end
  if type(index) == "table" then for _, fn in pairs(index) do methods[#methods + 1] = fn end end
  for _, fn in ipairs(methods) do
    if type(fn) == "function" then
      for _, args in ipairs(ARGUMENTS) do pcall(fn, object, table.unpack(args)) end
      pcall(fn, object, object)
    end
  end
  return #methods
end

t.test("an object that was collected raises, and can be collected again", function()
  for _, entry in ipairs(objects()) do
    local name, object = entry[1], entry[2]
    local gc = t.ok(debug.getmetatable(object).__gc, name .. " has no __gc")
    gc(object)
    gc(object)
    use(object)
    gc(object)
  end
end)

t.test("collected objects in other calls are argument errors", function()
  local picture, list = image.new(8, 8, 3), plan.new { { op = "invert" } }
  local features = assert(core.features.extract(picture))
  debug.getmetatable(list).__gc(list)
  debug.getmetatable(features).__gc(features)
  t.raises(function() picture:run(list) end, "plan is gone")
  t.raises(function() return #list end, "plan is gone")
  t.raises(function() core.features.compare(features, {}) end, "features are gone")
  t.raises(function() core.features.compare(picture, { features }) end, "entry 1 is not a brink.Features")
  t.raises(function() core.features.match(features, features) end, "features are gone")
  picture:close()
  t.raises(function() plan.new({}):run(picture) end, "image is closed")
  t.raises(function() core.features.extract(picture) end, "image is closed")
end)

--- Run fn with a collection due at its first allocation, in which `finish` runs as a finalizer.
local function with_finalizer(finish, fn)
  collectgarbage()
  collectgarbage "stop"
  local ran = false
  do
    local _ = setmetatable({}, { __gc = function() ran = true; finish() end })
  end
  local was = { collectgarbage("incremental", 10, 1000, 30) }
  collectgarbage "restart"
  local out = table.pack(pcall(fn))
  collectgarbage(was[1])
  collectgarbage "restart"
  return ran, out
end

t.test("a finalizer may close the image that a call has just been given", function()
  local other = image.new(64, 64, 3, "u8", 7)
  local invert, warp = plan.new { { op = "invert" } }, plan.new { { op = "flip" } }:warp(64, 64)
  local calls = {
    save = function(im) return im:save(dir .. "/closing.png") end,
    encode = function(im) return im:encode "png" end,
    bytes = function(im) return im:bytes() end,
    stats = function(im) return im:stats() end,
    convert = function(im) return im:convert { channels = 1 } end,
    add = function(im) return im + other end,
    less = function(im) return other - im end,
    blend = function(im) return im:blend(other, 0.5) end,
    mask = function(im) return other:blend(other, im) end,
    paste = function(im) return im:paste(other, 1, 1) end,
    distance = function(im) return other:distance(im) end,
    run = function(im) return im:run(invert) end,
    resize = function(im) return im:resize(8, 8) end,
    warp = function(im) return warp:mask(im) end,
    draw = function(im) return im:draw {} end,
    extract = function(im) return core.features.extract(im) end,
    runs = function(im) return core.index.runs(im) end,
    overlap = function(im) return core.overlap.from_image(im) end,
    confusion = function(im) return core.overlap.confusion(im, im) end,
    rle = function(im) return core.shapes.mask_rle(im) end,
    outline = function(im) return core.shapes.mask_polygon(im) end,
    pil = function(im) return core.preprocess.pil_resize(im, 8, 8) end,
  }
  local names, met = {}, 0
  for name in pairs(calls) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local im = image.new(64, 64, ({ runs = 1, overlap = 1, confusion = 1, rle = 1, outline = 1 })[name] or 3, "u8", 7)
    local ran, out = with_finalizer(function() im:close() end, function() return calls[name](im) end)
    if ran then met = met + 1 end
    t.ok(out[1] or tostring(out[2]):find "image is closed", name .. ": " .. tostring(out[2]))
  end
  t.ok(met >= 10, "the finalizer ran inside " .. met .. " calls only")
end)

t.test("memory that gives out anywhere in a call is an error, and nothing is lost", function()
  local im, coco = image.new(16, 12, 3, "u8", 90), dir .. "/small.json"
  assert(core.file.write(coco, '{"images":[{"id":1,"file_name":"a.png","width":4,"height":4}],"annotations":[{"id":2,"image_id":1,"bbox":[1,1,2,2]}]}'))
  local list, jpeg = { { op = "rotate", degrees = 3 }, { op = "erase_many", boxes = { 1, 2, 3, 4 } } }, im:encode "jpeg"
  local rings, tensor = { { "polygon", rings = { { 1, 1, 9, 1, 9, 9 } } } }, core.tensor.new({ 2, 3 }, "f32", { 1, 2, 3, 4, 5, 6 })
  local calls = {
    { "decode", function() assert(image.decode(jpeg, { limits = { pixels = 1000 }, type = "f32" })) end },
    { "arithmetic", function() return (im + im) * 0.5 end },
    { "looking", function() return im:stats(), im:bytes(), im:hash() end },
    { "plan", function() return #plan.new(list):steps(), plan.new(list):run(im) end },
    { "warp", function() return plan.new(list):warp(16, 12):mask(im) end },
    { "draw", function() return im:draw(rings) end },
    { "tensor", function() return tensor:softmax():topk(2), tensor:totable(true), tensor:reshape { 6 } end },
    { "features", function() local f = assert(core.features.extract(im)) return core.features.compare(im, { f, f }) end },
    { "json", function() return core.json.decode(core.json.encode({ a = { 1, 2, { b = "c" } } }, { indent = 2 })) end },
    { "xml", function() return core.xml.parse "<a b='c'>x<d e='f'>text</d>y</a>" end },
    { "yaml", function() return core.yaml.decode "a: [1, {b: c}]\nd: e\n" end },
    { "files", function() return core.file.list(dir), core.file.read(coco), core.file.hash(coco) end },
    { "index", function() local c <close> = assert(core.index.coco(coco)) return c:image(1), c:annotations(1), c:rest() end },
    { "overlap", function() return core.overlap.from_rings(9, 9, { { 1, 1, 5, 1, 5, 5 } }):area() end },
    { "resample", function() return core.resample({ { 1, 2, 3 } }, 3, 4, 5) end },
    { "study", function()
      local s <close> = assert(core.study.open(dir .. "/small.db", { seed = "1" }))
      assert(s:put { row = "a", i = 0.1, sample = 1, error = 0.5, label = "1" })
      for _ in s:results("a", "") do end
      return s:rows(), s:get("a", "", 0.1, 1)
    end },
  }
  for _, entry in ipairs(calls) do
    local name, call, k, ok, why = entry[1], entry[2], 0, false, nil
    if name == "xml" or name == "yaml" then ok = select(3, call()) == "unsupported" end
    while not ok and k < 2000 do
      k = k + 1
      collectgarbage "stop" -- Lua drops an object whose finalizer it has no memory to call
      core.test.fail_lua(k)
      ok, why = pcall(call)
      core.test.fail_lua(0)
      collectgarbage "restart"
      t.ok(ok or tostring(why):find "memory", ("%s, allocation %d: %s"):format(name, k, tostring(why)))
    end
    t.ok(ok, name .. " never succeeds")
  end
end)

t.test("rings that say one size and have another are read as they are", function()
  local im, asked = image.new(16, 16, 3), 0
  local liar = setmetatable({ 1, 1, 9, 1, 9, 9, 1, 9 }, { __len = function()
    asked = asked + 1
    return asked == 1 and 2 or 8
  end })
  local out = im:draw { { "polygon", rings = { liar }, colour = { 200, 0, 0 } } }
  t.eq({ out:pixel(5, 5) }, { 200, 0, 0 })
end)

t.test("integers are not cut to fewer bits", function()
  local four = 1 << 32
  local mask, tensor = image.new(2, 2, 1), core.tensor.new({ 2, 2 }, "f32", { 1, 2, 3, 4 })
  t.raises(function() core.index.runs(mask, four) end, "-1..16777215 expected")
  t.raises(function() core.index.paint(mask, { 0, 4 }, four) end, "0..255 expected")
  t.raises(function() core.json.encode({}, { indent = four }) end, "outside 0..16")
  t.raises(function() image.new(four + 1, 1, 1) end, "outside")
  t.raises(function() mask:crop(four, 0, 1, 1) end, "outside")
  t.raises(function() mask:pixel(four, 0) end, "outside")
  t.raises(function() core.term.isatty(four) end, "file descriptor")
  t.raises(function() plan.new { { op = "posterize", bits = four + 2 } } end, "outside")
  t.raises(function() tensor:rows(math.maxinteger, 2) end, "2 rows from")
  t.raises(function() tensor:rows(math.mininteger) end, "a row from 1")
  t.raises(function() tensor:at(four + 1, 1) end, "outside 1..2")
  t.raises(function() tensor:topk(four + 1) end, "1..10000")
  t.eq(tensor[four + 1], nil)
end)

t.test("paths with zero bytes and empty paths are misuse everywhere", function()
  local file = core.file
  for _, call in ipairs { file.info, file.read, file.mkdirs, file.list, file.remove, file.hash, file.appender, file.lock,
    image.load, image.probe, core.index.coco, core.study.read,
    function(p) return file.write(p, "") end, function(p) return file.rename(p, dir) end, function(p) return file.truncate(p, 0) end,
    function(p) return image.new(1, 1, 1):save(p) end } do
    t.raises(function() call(dir .. "/a\0b") end, "zero bytes")
    t.raises(function() call "" end, "a path expected")
  end
  t.raises(function() file.read("x", -1) end, "0 or more bytes")
end)

t.done()
