-- Synthesis: picking, ranges, the guard, the folder, resume, stream.
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local augment = require "brink.augment"
local bounds = require "brink.synth.bounds"
local guard = require "brink.synth.guard"
local labels = require "brink.labels"
local manifest = require "brink.synth.manifest"
local names = require "brink.synth.names"
local pick = require "brink.synth.pick"
local picture = require "picture"
local program = require "program"
local core = brink.core

local BRINK, quoted = program.path, program.quoted

--- A folder of n pictures in two class folders; extra files by name -> bytes.
local serial = 0
local function photos(n, extra)
  serial = serial + 1
  local dir = ("%s/photos%d"):format(t.tmp(), serial)
  for k = 1, n do
    local class = k % 2 == 0 and "even" or "odd"
    assert(core.file.mkdirs(dir .. "/" .. class))
    assert(picture.draw(48 + k, 36, { key = k }):save(("%s/%s/p%d.png"):format(dir, class, k)))
  end
  for name, bytes in pairs(extra or {}) do
    assert(core.file.mkdirs(dir .. "/" .. (name:match "^(.*)/" or "")))
    assert(core.file.write(dir .. "/" .. name, bytes))
  end
  return dir
end

local function out_dir()
  serial = serial + 1
  return ("%s/out%d"):format(t.tmp(), serial)
end

--- A study with the given bounds: { Name = { onset, break_ } or { ["+"] = .., ["-"] = .. } }; break_ nil: never.
local function study(given)
  return {
    names = function()
      local list = {}
      for name in pairs(given) do list[#list + 1] = name end
      table.sort(list)
      return list
    end,
    bounds = function(_, name)
      local g, list = given[name], {}
      for _, side in ipairs(g["+"] and { "+", "-" } or { "" }) do
        local b = side == "" and g or g[side]
        list[#list + 1] = { side = side, onset = b[1] or 1, onset_found = b[1] ~= nil, break_ = b[2] or 1, break_found = b[2] ~= nil }
      end
      return list
    end,
  }
end

local function aug(given)
  given = given or {}
  if not given.predict then given.predict = function() return "x" end end
  return brink.augmenter(given)
end

local QUIET = { progress = false, preview = false }
local function opts(given)
  for key, v in pairs(QUIET) do if given[key] == nil then given[key] = v end end
  return given
end

local function lines(dir)
  local list = {}
  for record in manifest.lines(dir .. "/manifest.jsonl") do list[#list + 1] = record end
  return list
end

--- Every file of a folder but the work folder: name -> content hash, as one sorted text.
local function tree(dir)
  local out = {}
  local function walk(path, rel)
    for _, name in ipairs(assert(core.file.list(path))) do
      if name ~= ".brink" then
        if core.file.info(path .. "/" .. name).type == "dir" then walk(path .. "/" .. name, rel .. name .. "/")
        else out[#out + 1] = rel .. name .. " " .. assert(core.file.hash(path .. "/" .. name)) end
      end
    end
  end
  walk(dir, "")
  return table.concat(out, "\n")
end

t.test("a set drawn twice is the same set", function()
  local dir, a, b = photos(3), out_dir(), out_dir()
  assert(aug():synthesize(dir, opts { output = a, count = 6 }))
  assert(aug():synthesize(dir, opts { output = b, count = 6 }))
  t.eq(tree(a), tree(b))
  local c = out_dir()
  assert(aug { seed = 2 }:synthesize(dir, opts { output = c, count = 6 }))
  t.ok(tree(a) ~= tree(c), "another seed, the same pictures")
end)

t.test("a manifest line says all there is to know", function()
  local dir, out = photos(3), out_dir()
  local s = assert(aug { labels = "folder" }:synthesize(brink.dataset(dir, { labels = "folder" }), opts { output = out, count = 5, predict = true }))
  t.eq(s.pictures, 5)
  for k, r in ipairs(lines(out)) do
    t.eq(r.n, k)
    t.eq(r.sample, core.file.hash(r.source.path))
    t.eq(r.label, r.source.path:match "([^/]+)/[^/]+$")
    t.eq(r.label_in, r.label)
    t.eq(core.file.hash(out .. "/" .. r.name), r.file)
    t.eq(core.image.load(out .. "/" .. r.name):hash(), r.pixels)
    t.eq(r.seed, 1)
    t.eq(r.error, 1.0)
    t.ok(#r.augmentations >= 3 and #r.augmentations <= 6)
    for _, a in ipairs(r.augmentations) do t.ok(type(a.i) == "number" and type(a.params) == "table") end
    for _, step in ipairs(r.plan) do t.ok(type(step.op) == "string") end
  end
end)

t.test("count per call adds, total fills up, and both ways give the same pictures", function()
  local dir, a, b, c = photos(3), out_dir(), out_dir(), out_dir()
  assert(aug():synthesize(dir, opts { output = a, count = 7 }))
  assert(aug():synthesize(dir, opts { output = b, count = 3 }))
  t.eq(assert(aug():synthesize(dir, opts { output = b, count = 4 })).pictures, 7)
  t.eq(tree(a), tree(b))
  for _, n in ipairs { 2, 5, 7, 7, 1 } do assert(aug():synthesize(dir, opts { output = c, count = n, total = true })) end
  t.eq(tree(a), tree(c))
  local none = out_dir()
  t.eq(assert(aug():synthesize(dir, opts { output = none, count = 0 })).pictures, 0)
end)

t.test("going on with other settings is refused and says what differs", function()
  local dir, out = photos(2), out_dir()
  assert(aug():synthesize(dir, opts { output = out, count = 2, total = true }))
  local before = tree(out)
  local r, message, code = aug():synthesize(dir, opts { output = out, count = 4, total = true, realism = 0.1 })
  t.fails("made with other settings (bounds, realism)", r, message)
  t.eq(code, "mismatch")
  t.eq(tree(out), before)
  local held <close> = assert(core.file.lock(out .. "/.brink/lock"))
  r, message, code = aug():synthesize(dir, opts { output = out, count = 4, total = true })
  t.fails("another run holds it", r, message)
  t.eq(code, "locked")
end)

t.test("what a killed run leaves is cleared up", function()
  local dir, whole, out = photos(3), out_dir(), out_dir()
  assert(aug():synthesize(dir, opts { output = whole, count = 6, total = true }))
  assert(aug():synthesize(dir, opts { output = out, count = 6, total = true }))
  local want, text = tree(whole), assert(core.file.read(out .. "/manifest.jsonl"))
  t.eq(tree(out), want)
  local starts = { 0 }
  for at in text:gmatch "\n()" do starts[#starts + 1] = at - 1 end
  for _, cut in ipairs { starts[4], starts[4] + 1, starts[4] + 100, starts[5] - 1, 10, 0 } do
    assert(core.file.truncate(out .. "/manifest.jsonl", cut))
    assert(core.file.write(out .. "/.brink/tmp/77", "half a pict"))
    assert(core.file.write(out .. "/000006_p1.png", "stale")) -- a picture without a line, whichever its name
    os.remove(out .. "/000006_p1.png")
    assert(aug():synthesize(dir, opts { output = out, count = 6, total = true }))
    t.eq(tree(out), want, "cut at " .. cut)
    t.eq(core.file.list(out .. "/.brink/tmp"), {})
  end
  assert(core.file.write(out .. "/manifest.jsonl", (text:gsub('"n":2,', '"n":2;'))))
  t.fails("line 2", aug():synthesize(dir, opts { output = out, count = 6, total = true }))
end)

t.test("realism orders the intensities, and 1 leaves the pictures alone", function()
  local dir = photos(2)
  local s = study { GaussianBlur = { 0.2, 0.6 }, Rotate = { ["+"] = { 0.1, 0.3 }, ["-"] = { 0.4, 0.8 } } }
  local function run(r)
    local out = out_dir()
    assert(aug { augmentations = { "GaussianBlur", "Rotate" } }:synthesize(dir, opts { output = out, count = 12, realism = r, study = s,
      min_augmentations = 2, max_augmentations = 2, contrast = false }))
    local mean, count = 0, 0
    for _, record in ipairs(lines(out)) do
      for _, a in ipairs(record.augmentations) do
        local from, to = 0.2, 0.6
        if a.name == "Rotate" then from, to = table.unpack(a.i < 0 and { 0.4, 0.8 } or { 0.1, 0.3 }) end
        local lo, hi = math.min(1, (1 - r) * from), math.min(1, (1 - r) * to)
        if r < 1 then
          t.ok(math.abs(a.i) >= lo - 1e-9 and math.abs(a.i) <= hi + 1e-9, ("%s at %g, realism %g"):format(a.name, a.i, r))
        else
          t.eq(a.i, 0.0)
        end
        mean, count = mean + math.abs(a.i), count + 1
      end
      if r == 1 then t.eq(record.pixels, core.image.load(record.source.path):hash()) end
    end
    t.eq(count, 24)
    return mean / count
  end
  local last = -1
  for _, r in ipairs { 1, 0.7, 0.3, 0, -0.5, -3 } do
    local mean = run(r)
    t.ok(mean > last, ("realism %g: mean intensity %g after %g"):format(r, mean, last))
    last = mean
  end
end)

local function ranges(o)
  o.realism, o.realisms, o.ranges = o.realism or 0, o.realisms or {}, o.ranges or {}
  o.limit = o.limit or function() return 0.7 end
  return bounds.of(o)
end

t.test("defect 05: a cliff gives a range in order, and a clamp is noted once", function()
  local blur = augment.get "GaussianBlur"
  local b = ranges { rows = { blur }, study = study { GaussianBlur = { 0.3, 0.3 } } }.GaussianBlur[1]
  t.eq({ b.lo, b.hi }, { 0.3, 0.3 })
  local all, notes = ranges { rows = { augment.get "Rotate", blur }, realism = -9,
    study = study { GaussianBlur = { 0.3, 0.4 }, Rotate = { ["+"] = { 0.1, 0.3 }, ["-"] = { 0.4, 0.8 } } } }
  for _, name in ipairs { "GaussianBlur", "Rotate" } do
    for _, r in ipairs(all[name]) do t.ok(r.lo <= r.hi and r.lo >= 0 and r.hi <= 1) end
  end
  t.eq(#notes, 2)
end)

t.test("settings of one augmentation: realism, multiplier, min, max, only_shrink_max", function()
  local blur = augment.get "GaussianBlur"
  local s = study { GaussianBlur = { 0.2, 0.6 } }
  local function range(realism, given, own)
    local b = ranges { rows = { blur }, study = s, realism = realism, ranges = { GaussianBlur = given }, realisms = { GaussianBlur = own } }.GaussianBlur[1]
    return { tonumber(("%.9g"):format(b.lo)), tonumber(("%.9g"):format(b.hi)) }
  end
  t.eq(range(0), { 0.2, 0.6 })
  t.eq(range(0.5), { 0.1, 0.3 })
  t.eq(range(0, nil, 0.5), { 0.1, 0.3 })
  t.eq(range(0.5, { only_shrink_max = true }), { 0.2, 0.3 })
  t.eq(range(0.9, { only_shrink_max = true }), { 0.06, 0.06 })
  t.eq(range(0, { multiplier = 0.1 }), { 0.02, 0.06 })
  t.eq(range(0.5, { min = 0.25 }), { 0.25, 0.3 })
  t.eq(range(0.5, { min = 0.4 }), { 0.4, 0.4 })
  t.eq(range(0.5, { max = 0.05 }), { 0.05, 0.05 })
  t.eq(range(0.5, { min = 0.4, max = 0.9 }), { 0.4, 0.9 })
  t.eq(range(-1, nil), { 0.4, 1 })
end)

t.test("what never breaks ends where the guard says; without a study there is a default", function()
  local row = augment.get "Darken"
  local b = ranges { rows = { row }, study = study { Darken = {} } }.Darken[1]
  t.eq({ b.lo, b.hi, b.source }, { 0.0, 0.7, "guard" })
  b = ranges { rows = { row }, study = study { Darken = { 0.9 } } }.Darken[1]
  t.eq({ b.lo, b.hi }, { 0.7, 0.7 })
  b = ranges { rows = { row }, realism = 0.5 }.Darken[1]
  t.eq({ b.lo, b.hi, b.source }, { 0.0, 0.15, "default" })
  local list, notes = ranges { rows = { row }, study = study { Hue = { 0.1, 0.2 } } }
  t.eq(list.Darken[1].source, "default")
  t.ok(notes[1]:find("not in the study", 1, true))
end)

t.test("with a study and no rows named, the rows of the study take part", function()
  local out = out_dir()
  t.ok(aug():synthesize(photos(3), opts { output = out, count = 6, min_augmentations = 1, study = study { Darken = { 0.2, 0.4 }, Hue = { 0.2, 0.4 } } }))
  local seen = {}
  for _, r in ipairs(lines(out)) do for _, a in ipairs(r.augmentations) do seen[a.name] = true end end
  t.eq(seen, { Darken = true, Hue = true })
end)

t.test("unbounded guard: unreadable pictures end the range of every row, readable ones do not", function()
  local data = brink.dataset(photos(5))
  local limit = guard.limit(data, 1)
  t.ok(limit(augment.get "Darken", "") < 0.95, "a black picture passed")
  t.ok(limit(augment.get "Decontrast", "") < 0.98, "a grey picture passed")
  t.ok(limit(augment.get "EraseBox", "") < 0.9, "an erased picture passed")
  t.ok(limit(augment.get "CenterCrop", "") < 0.95, "a crop to nothing passed")
  t.eq(limit(augment.get "Desaturate", ""), 1.0)
  t.eq(limit(augment.get "Rotate", "-"), 1.0)
  t.eq(guard.limit(data, 1)(augment.get "Darken", ""), limit(augment.get "Darken", ""))
  local none = brink.dataset { { load = function() return nil, "gone", "io" end, id = ("0"):rep(32) } }
  t.eq(guard.limit(none, 1)(augment.get "Darken", ""), 1.0)
end)

t.test("defect 17: the contrast check does not divide by a flat picture's nothing", function()
  local flat = core.image.new(8, 8, 3, "u8", 100)
  t.eq(guard.contrast(flat:stats(), flat:stats()), true)
  t.eq(guard.contrast(picture.draw(32, 32):stats(), flat:stats()), false)
  t.eq(guard.readable(flat, { { op = "gain_offset", gain = 1, offset = 0.1 } }), true)
  t.eq(guard.readable(flat, {}), true)
  local one = core.image.new(1, 1, 1)
  t.eq(guard.readable(one, { { op = "invert" } }), true)
end)

t.test("conflicts never meet, and there are never fewer than possible", function()
  local rows, weights = bounds.rows(nil, {})
  local met = {}
  for n = 1, 400 do
    local list = pick.rows(core.rng(n, "x"), rows, weights, 3, 6)
    t.ok(#list >= 3 and #list <= 6)
    for i = 1, #list do
      met[list[i].name] = true
      for j = i + 1, #list do
        t.ok(list[i] ~= list[j])
        t.ok(not augment.conflict(list[i], list[j]), list[i].name .. " meets " .. list[j].name)
      end
    end
  end
  for _, row in ipairs(rows) do t.ok(met[row.name], row.name .. " was never picked") end
  local all = pick.rows(core.rng(1), rows, weights, 1000, 1000)
  t.ok(#all > 20 and #all < #rows)
  t.eq(pick.rows(core.rng(1), {}, {}, 3, 6), {})
  t.eq(pick.rows(core.rng(1), rows, weights, 0, 0), {})
end)

t.test("defect 11: a weight counts for the row it names, and a misspelt name is an error", function()
  local dir, a = photos(2), aug()
  a:set_weight("Hue", 1000)
  t.raises(function() a:set_weight("Hyue", 5) end, "Hue")
  local out = out_dir()
  assert(a:synthesize(dir, opts { output = out, count = 10, min_augmentations = 1, max_augmentations = 1 }))
  local hue = 0
  for _, r in ipairs(lines(out)) do if r.augmentations[1].name == "Hue" then hue = hue + 1 end end
  t.ok(hue >= 9, hue .. " of 10")
  a:set_weight("Hue", 0)
  local rows = bounds.rows(nil, a.weights)
  for _, row in ipairs(rows) do t.ok(row.name ~= "Hue") end
  t.raises(function() a:synthesize(dir, opts { output = out, count = 1, rows = { "Hue" } }) end, "weight above 0")
end)

t.test("every pass visits every sample once", function()
  local state, seen = {}, {}
  for k = 1, 30 do
    local s = pick.sample(state, core, 1, 10, k)
    seen[s] = (seen[s] or 0) + 1
  end
  for s = 1, 10 do t.eq(seen[s], 3) end
  t.eq(pick.sample({}, core, 1, 10, 17), pick.sample(state, core, 1, 10, 17))
end)

t.test("accept says no with reasons, and they are counted", function()
  local dir, out = photos(2), out_dir()
  local calls = 0
  local s = assert(aug():synthesize(dir, opts { output = out, count = 4, accept = function(image, sample, item)
    calls = calls + 1
    t.ok(image.width > 0 and sample.path and item.plan and item.n)
    if item.try % 2 == 1 then return false, "odd try" end
    return true
  end }))
  t.eq(s.pictures, 4)
  t.eq(s.rejected, core.json.array { { reason = "accept: odd try", count = 4 } })
  t.eq(calls, 8)
  t.raises(function() aug():synthesize(dir, opts { output = out_dir(), count = 1, accept = function() error "boom" end }) end, "boom")
  t.raises(function() aug():synthesize(dir, opts { output = out_dir(), count = 1, accept = function() error "boom" end }) end, dir .. "/") -- and names the picture
end)

t.test("defect 15: a set in which every picture is rejected ends, with reasons", function()
  local dir, out = photos(3), out_dir()
  local calls = 0
  local s = assert(aug():synthesize(dir, opts { output = out, count = 1000, tries = 4, accept = function()
    calls = calls + 1
    return false
  end }))
  t.eq(s.pictures, 0)
  t.ok(s.stopped:find("accept: no", 1, true), s.stopped)
  t.ok(#s.skipped == 20, #s.skipped .. " draws")
  t.ok(calls <= 4 * 200, calls .. " tries")
  t.eq(s.rejected[1].reason, "accept: no")
  t.raises(function()
    for _ in aug():stream(dir, { accept = function() return false, "never" end, tries = 2 }) do error "a picture" end
  end, "never")
end)

t.test("files that cannot be read are listed and cost nothing else", function()
  local dir, out = photos(4, { ["odd/empty.png"] = "", ["odd/junk.jpg"] = ("x"):rep(500), ["even/cut.png"] = "\137PNG\r\n\26\n" }), out_dir()
  local s = assert(aug():synthesize(dir, opts { output = out, count = 14 }))
  t.eq(s.pictures, 14)
  t.eq(#s.failed, 3)
  for k, name in ipairs { "even/cut.png", "odd/empty.png", "odd/junk.jpg" } do
    t.eq(s.failed[k].path, dir .. "/" .. name)
    t.ok(#s.failed[k].reason > 0)
  end
  local bad = photos(0, { ["a.png"] = "", ["b.png"] = "x" })
  s = assert(aug():synthesize(bad, opts { output = out_dir(), count = 500 }))
  t.eq(s.pictures, 0)
  t.eq(#s.failed, 2)
  t.ok(s.stopped)
  t.fails("empty", aug():synthesize(photos(0, { ["readme.txt"] = "no pictures" }), opts { output = out_dir(), count = 1 }))
end)

t.test("defect 08: the predicted error is measured on the new picture, against the label that goes with it", function()
  local dir, out = photos(2), out_dir()
  local transport = labels.transport
  labels.transport = function(label) return label .. " moved" end
  local ok, err = pcall(function()
    local seen = {}
    local a = aug { predict = function(image) return image:hash() end, diff_error = function(label, prediction)
      seen[prediction] = label
      return prediction:byte() % 2 == 0 and 0.8 or 0.1
    end }
    local data = brink.dataset(dir, { labels = "folder" })
    assert(a:synthesize(data, opts { output = out, count = 6, min_predicted_diff_error = 0.5 }))
    for _, r in ipairs(lines(out)) do
      t.eq(r.error, 0.8)
      t.eq(seen[r.pixels], r.source.path:match "([^/]+)/[^/]+$" .. " moved")
      t.eq(r.label, seen[r.pixels])
    end
    t.eq(#lines(out), 6)
    local s = assert(a:synthesize(data, opts { output = out_dir(), count = 3, max_predicted_diff_error = 0.5 }))
    t.ok(s.error < 0.2)
    t.eq(s.rejected[1] and s.rejected[1].reason, s.rejected[1] and "predicted error above the maximum")
    t.raises(function()
      aug { diff_error = function() return 7 end }:synthesize(data, opts { output = out_dir(), count = 1, predict = true })
    end, "diff_error gave 7")
  end)
  labels.transport = transport
  if not ok then error(err, 0) end
end)

t.test("defect 19: a label with nothing left is drawn again, never accepted", function()
  local dir, out = photos(2), out_dir()
  local transport, calls = labels.transport, 0
  labels.transport = function(label)
    calls = calls + 1
    if calls % 3 ~= 0 then return nil, "all boxes lost" end
    return label
  end
  local ok, s = pcall(function()
    return assert(aug():synthesize(brink.dataset(dir, { labels = function() return { boxes = core.json.array { { 1, 2, 3, 4 } } } end }), opts { output = out, count = 3 }))
  end)
  labels.transport = transport
  t.ok(ok, s)
  t.eq(s.pictures, 3)
  t.eq(s.rejected[1].reason, "label: all boxes lost")
  t.eq(lines(out)[1].label.boxes[1][4], 4)
end)

t.test("shapes move with the pixels, rules count what they lose and keep classes from effects", function()
  local dir, out = photos(2), out_dir()
  local function label()
    return { kind = "shapes", width = 49, height = 36, shapes = core.json.array { { class = "sign", box = { 2, 2, 12, 10 } }, { class = "car", box = { 20, 10, 20, 20 } } } }
  end
  local data = brink.dataset(dir, { labels = label })
  local s = assert(aug { augmentations = { "CenterCrop", "Hue", "Darken" } }:synthesize(data, opts { output = out, count = 8, realism = -2, min_augmentations = 1,
    max_augmentations = 3, contrast = false, preview = true, rules = { min_visibility = 0.5, exclude = { sign = { "Hue" } } } }))
  t.eq(s.pictures, 8)
  local dropped = 0
  for _, r in ipairs(lines(out)) do
    t.eq(r.label.kind, "shapes")
    t.eq(#r.label_in.shapes, 2)
    dropped = dropped + 2 - #r.label.shapes
    for _, a in ipairs(r.augmentations) do t.ok(a.name ~= "Hue", "hue on a sign") end
  end
  t.ok(dropped > 0)
  local counted = 0
  for _, e in ipairs(s.label_events) do if e.event:find "^dropped" then counted = counted + e.count end end
  t.eq(counted, dropped)
  assert(aug():synthesize(data, opts { output = out_dir(), count = 4, rules = { transform = function(l, warp)
    t.ok(warp.in_width and l.shapes)
    return { moved = true }
  end } }))
  t.raises(function() aug():synthesize(data, opts { output = out_dir(), count = 1, rules = { on_lots = "drop" } }) end, "on_lost")
end)

t.test("a model that fails is a rejection with its reason", function()
  local dir = photos(2)
  local s = assert(aug { predict = function() error "out of order" end }:synthesize(dir, opts { output = out_dir(), count = 30, tries = 2, predict = true }))
  t.eq(s.pictures, 0)
  t.ok(s.rejected[1].reason:find("out of order", 1, true))
end)

t.test("names: own function, folders by class, and those that would leave the folder", function()
  local dir, out = photos(2), out_dir()
  local data = brink.dataset(dir, { labels = "folder" })
  assert(aug():synthesize(data, opts { output = out, count = 4, folders = "class", name = function(sample, item, n)
    t.ok(sample.path and item.augmentations)
    return ("new/%d"):format(n)
  end }))
  for k, r in ipairs(lines(out)) do t.eq(r.name, ("%s/new/%d.png"):format(r.label, k)) end
  for _, bad in ipairs { "../x", "/etc/x", "a/../b", "", ".hidden", "a//b", "x\ny", ("x"):rep(300), 7 } do
    t.raises(function() aug():synthesize(data, opts { output = out_dir(), count = 1, name = function() return bad end }) end, "name: draw 1")
  end
  t.raises(function() aug():synthesize(data, opts { output = out_dir(), count = 3, name = function() return "same" end }) end, "is given to draws 1 and 2")
  t.eq(names.folder("a/b"), "a%2Fb")
  t.eq(names.folder(".."), "%2E.")
  t.eq(names.folder(nil), "unlabelled")
  t.ok(#names.folder(("x"):rep(1000)) < 255)
end)

t.test("odd file names and labels come through", function()
  local odd = { "a b.png", "quote'\".png", "new\nline.png", "\xff\xfe.png", "-dash.png", ("long"):rep(55) .. ".png", "\u{e9}.png" }
  local dir, out = photos(0, {}), out_dir()
  assert(core.file.mkdirs(dir))
  for k, name in ipairs(odd) do assert(core.file.write(dir .. "/" .. name, picture.draw(20, 20, { key = k }):encode "png")) end
  assert(aug():synthesize(brink.dataset(dir, { labels = function(name) return name end }), opts { output = out, count = #odd, preview = true }))
  local seen = {}
  for _, r in ipairs(lines(out)) do
    t.ok(core.file.info(out .. "/" .. r.name).type == "file")
    t.ok(utf8.len(r.name) and not r.name:find "%c", r.name)
    seen[r.source.name] = r.label
    t.ok(brink.replay.picture(r))
  end
  for _, name in ipairs(odd) do t.eq(seen[name], utf8.len(name) and name or "\u{FFFD}\u{FFFD}.png") end
end)

t.test("jpeg output, its quality, and pictures of other types", function()
  local dir, out = photos(2, { ["odd/grey.png"] = picture.draw(30, 20, { channels = 1 }):encode "png",
    ["odd/clear.png"] = picture.draw(30, 20, { channels = 4 }):encode "png" }), out_dir()
  assert(aug():synthesize(dir, opts { output = out, count = 8, format = "jpeg", quality = 80 }))
  for _, r in ipairs(lines(out)) do
    t.ok(r.name:match "%.jpg$")
    t.eq(core.image.probe(out .. "/" .. r.name).format, "jpeg")
    t.eq(core.file.hash(out .. "/" .. r.name), r.file)
  end
  local png = out_dir()
  assert(aug():synthesize(dir, opts { output = png, count = 8 }))
  for _, r in ipairs(lines(png)) do
    if r.source.name == "clear.png" then t.eq(core.image.load(png .. "/" .. r.name).channels, 4) end
  end
end)

t.test("defect 13: every picture is made at its own size", function()
  local dir, out = t.tmp() .. "/sizes", out_dir()
  assert(core.file.mkdirs(dir))
  local sizes = { { 64, 48 }, { 20, 90 }, { 1, 1 }, { 3, 50 }, { 101, 33 } }
  for k, s in ipairs(sizes) do assert(picture.draw(s[1], s[2], { key = k }):save(("%s/%d.png"):format(dir, k))) end
  local s = assert(aug():synthesize(dir, opts { output = out, count = 10 }))
  t.eq(s.pictures, 10)
  for _, r in ipairs(lines(out)) do
    local size = sizes[tonumber(r.source.name:match "%d+")]
    t.eq({ r.width, r.height }, size)
  end
end)

t.test("defect 12: nothing is written outside the output folder, and no file is left over in it", function()
  local dir, out = photos(2), out_dir()
  local before = tree(dir)
  assert(aug():synthesize(dir, opts { output = out, count = 5 }))
  t.eq(tree(dir), before)
  t.eq(core.file.list(out .. "/.brink/tmp"), {})
  local n = 0
  for _, name in ipairs(core.file.list(out)) do if name:match "%.png$" then n = n + 1 end end
  t.eq(n, 5)
end)

t.test("shards together are the whole set", function()
  local dir, whole = photos(3), out_dir()
  assert(aug():synthesize(dir, opts { output = whole, count = 11, total = true }))
  local parts, made = {}, {}
  for k = 1, 3 do
    parts[k] = out_dir()
    assert(aug():synthesize(dir, opts { output = parts[k], count = 11, shard = k .. "/3" }))
    for line in io.lines(parts[k] .. "/manifest.jsonl", "L") do
      local r = core.json.decode(line)
      made[r.n] = line
      t.eq(core.file.hash(parts[k] .. "/" .. r.name), core.file.hash(whole .. "/" .. r.name))
    end
  end
  t.eq(table.concat(made), core.file.read(whole .. "/manifest.jsonl"))
  t.fails("shard", aug():synthesize(dir, opts { output = parts[1], count = 11, shard = "2/3" }))
  for _, bad in ipairs { "0/3", "4/3", "x", "1/0" } do
    t.raises(function() aug():synthesize(dir, opts { output = out_dir(), count = 1, shard = bad }) end, "shard")
  end
end)

t.test("the stream gives the pictures of the folder, in order, and closes", function()
  local dir, out = photos(3), out_dir()
  assert(aug():synthesize(dir, opts { output = out, count = 9 }))
  local want, k = lines(out), 0
  for s in aug():stream(dir, { ahead = 4 }) do
    k = k + 1
    t.eq(s.image:hash(), want[k].pixels)
    t.eq(s.name, want[k].name)
    t.eq(s.source, want[k].source.path)
    t.eq(s.n, k)
    t.eq(#s.augmentations, #want[k].augmentations)
    if k == 9 then break end
  end
  t.eq(k, 9)
  local next_sample, _, _, closer = aug():stream(dir, { first = 5, ahead = 1 })
  t.eq(next_sample().image:hash(), want[5].pixels)
  getmetatable(closer).__close()
  t.eq(next_sample(), nil)
  local small = brink.dataset { { image = picture.draw(20, 20), label = { 1 } } }
  k = 0
  for s in aug():stream(small, { realism = 1 }) do
    t.eq(s.label, { 1 })
    t.eq(s.image.width, 20)
    k = k + 1
    if k == 30 then break end
  end
  t.eq(small[1]:image().width, 20, "the source was closed")
end)

t.test("the stream works inside a task", function()
  local dir = photos(2)
  local results = brink.map({ 1, 2, 3 }, function(first)
    for s in aug():stream(dir, { first = first, ahead = 2 }) do return s.name end
  end)
  t.eq(#results, 3)
  for k, name in ipairs(results) do t.eq(tonumber(name:match "^%d+"), k) end
end)

t.test("misuse names the option and what is expected", function()
  local dir = photos(1)
  local function bad(given, text)
    given.output = given.output or out_dir()
    given.count = given.count or 1
    t.raises(function() aug():synthesize(dir, opts(given)) end, text)
    t.raises(function() aug():synthesize(dir, opts(given)) end, "synth_test.lua")
  end
  bad({ realsim = 1 }, "realism")
  bad({ realism = 2 }, "realism")
  bad({ realism = 0 / 0 }, "realism")
  bad({ count = -1 }, "count")
  bad({ count = 1.5 }, "count")
  bad({ output = 7 }, "output")
  bad({ format = "bmp" }, "format")
  bad({ min_augmentations = 5, max_augmentations = 2 }, "min_augmentations")
  bad({ min_predicted_diff_error = 0.9, max_predicted_diff_error = 0.1 }, "min_predicted_diff_error")
  bad({ tries = 0 }, "tries")
  bad({ accept = true }, "accept")
  bad({ study = 7 }, "study")
  bad({ folders = "label" }, "folders")
  t.raises(function() aug():stream(dir, { output = "x" }) end, "output")
  t.raises(function() aug():synthesize(dir) end, "options")
  t.fails("no such", aug():synthesize(dir, opts { output = out_dir(), count = 1, study = t.tmp() .. "/none.db" }))
end)

t.test("an output that cannot be written is a failure with its name", function()
  local dir, out = photos(1), out_dir()
  assert(core.file.write(out, "a file"))
  local r, message = aug():synthesize(dir, opts { output = out, count = 1 })
  t.fails(out, r, message)
end)

t.test("the preview page shows pairs and is safe whatever the labels hold", function()
  local dir, out = photos(3), out_dir()
  local evil = "<script>alert(1)</script>\"'&"
  assert(aug():synthesize(brink.dataset(dir, { labels = function() return evil end }), opts { output = out, count = 5, preview = true, folders = "class" }))
  local page = assert(core.file.read(out .. "/preview.html"))
  t.ok(not page:find("<script", 1, true))
  t.ok(page:find("&lt;script&gt;", 1, true))
  t.eq(select(2, page:gsub("data:image/jpeg", "")), 10)
  t.ok(not page:find("http", 1, true) or not page:find('src="http', 1, true))
  local json = assert(core.json.decode(core.file.read(out .. "/summary.json")))
  t.eq(json.pictures, 5)
  t.eq(json.labels[1].label, evil)
end)

local CHILD = [[
local brink, asked = require "brink", 0
local out, threads, count = arg[1], math.tointeger(tonumber(arg[2])), math.tointeger(tonumber(arg[3]))
local aug = brink.augmenter { threads = threads, seed = "child", predict = function(image) return image:stats().luma_mean < 110 and "dark" or "bright" end }
assert(aug:synthesize(brink.dataset(arg[4], { labels = "folder" }), { output = out, count = count, total = true, predict = true, folders = "class",
  realism = 0.2, progress = false, accept = function(_, _, item)
    asked = asked + 1
    if asked == tonumber(os.getenv "KILL_AT") then os.execute "kill -9 $PPID" end
    return item.try > 1 or item.n % 3 > 0, "not at first"
  end }))
]]

local function child_script()
  local path = t.tmp() .. "/child.lua"
  assert(core.file.write(path, CHILD))
  return path
end

local function child(out, threads, count, dir) return ("%s %s %s %d %d %s"):format(quoted(BRINK), quoted(child_script()), quoted(out), threads, count, quoted(dir)) end

t.test("defect 20: one seed gives one set, byte for byte, with 1, 2 and 8 threads", function()
  local dir, want = photos(5, { ["odd/junk.png"] = "junk" }), nil
  for _, threads in ipairs { 1, 2, 8 } do
    local out = out_dir()
    t.ok(os.execute(child(out, threads, 40, dir)))
    t.eq(#lines(out), 40)
    want = want or tree(out)
    t.eq(tree(out), want, threads .. " threads")
  end
end)

t.test("kill -9 at any time, then the same command: the same bytes", function()
  local dir, whole = photos(5, { ["odd/junk.png"] = "junk" }), out_dir()
  t.ok(os.execute(child(whole, 2, 120, dir)))
  local want, out = tree(whole), out_dir()
  for k = 1, 12 do
    local threads = ({ 1, 2, 8 })[k % 3 + 1]
    -- the process is killed by its own shell after a moment that grows
    local command = ("%s >/dev/null 2>&1 & pid=$!; sleep %.3f; kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null"):format(child(out, threads, 120, dir), 0.02 + 0.025 * k)
    local p = assert(io.popen("{ " .. command .. "; } 2>/dev/null"))
    p:read "a"
    p:close()
  end
  -- and by itself, at a picture of its choice
  for k = 1, 4 do
    local _, _, code = os.execute(("KILL_AT=%d %s >/dev/null 2>&1"):format(3 * k, child(out .. "+", k, 120, dir)))
    t.ok(code == 137 or code == 9, "not killed: " .. tostring(code))
  end
  t.ok(os.execute(child(out .. "+", 2, 120, dir)))
  t.eq(tree(out .. "+"), want)
  t.ok(os.execute(child(out, 2, 120, dir)))
  t.eq(tree(out), want)
end)

t.done()
