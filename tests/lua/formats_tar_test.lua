-- Tar archives and WebDataset: read by us and by others.
-- SPDX-License-Identifier: MIT
local t = require "check"
local sets = require "labelsets"
local brink = require "brink"
local core = require "brink.core"
local json, dataset = core.json, brink.dataset
local fresh, save, draw, run = sets.fresh, sets.save, sets.draw, sets.run

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
  for _, name in ipairs { "a", "b", "c", "d" } do
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

t.test("webdataset: text, class and JSON of one sample all come back", function()
  local tar, dir = require "brink.dataset.tar", fresh()
  local f = assert(io.open(dir .. "/a-000000.tar", "wb"))
  local out = tar.writer { write = function(_, s) return f:write(s) and true end }
  local png = core.image.new(63, 47, 3, "u8", 9):encode "png"
  local shapes = '{"kind":"shapes","width":63,"height":47,"shapes":[{"class":"a","box":[1,2,3,4]}]}'
  for _, m in ipairs { { "a.png", png }, { "a.txt", "a caption\n" }, { "a.cls", "281" }, { "a.json", '{"url":"x","n":[1,null]}' }, { "b.png", png }, { "b.cls", "7\n" }, { "b.json", "[1]" },
    { "c.json", shapes }, { "c.png", png }, { "c.cls", "3" }, { "d.png", png }, { "d.json", '{"own":1}' }, { "e.txt", "no picture" }, { "f.png", png }, { ".hidden.png", png }, { "__meta__.json", "1" } } do
    assert(out:add(m[1], m[2]))
  end
  out:finish()
  f:close()
  local set = assert(dataset(dir))
  t.eq({ #set, #set.failures }, { 5, 1 })
  t.eq({ set[1].label, set[2].label, set[4].label, set[5].label }, { "a caption\n", 7, { own = 1 }, nil })
  local to = fresh()
  assert(dataset.write(set, "webdataset", to))
  local again, h = {}, assert(io.open(to .. "/data-000000.tar", "rb"))
  local entry = tar.entries(h, "x")
  for name, at, size in entry do
    h:seek("set", at)
    again[name] = h:read(size) or ""
  end
  h:close()
  t.eq({ again["a.txt"], again["a.cls"], again["b.cls"], again["c.cls"] }, { "a caption\n", "281", "7", "3" })
  t.eq({ json.decode(again["a.json"]), json.decode(again["b.json"]), json.decode(again["d.json"]) }, { { url = "x", n = { 1, json.null } }, { 1 }, { own = 1 } })
  t.eq(assert(dataset(to))[3].label.shapes[1].box, { 1, 2, 3, 4 })
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

t.done()
