-- The command line: dispatch, options, exit codes, list, apply, show.
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local options = require "brink.cli.options"
local exit = require "brink.cli.exit"
local nearest = require "brink.nearest"
local picture = require "picture"
local program = require "program"
local core = brink.core

local BRINK, quoted, run, has = program.path, program.quoted, program.run, t.has

--- A file with this text in the test's folder.
local function file(name, text)
  local path = t.tmp() .. "/" .. name
  assert(core.file.write(path, text))
  return path
end

local function photo(name)
  local path = t.tmp() .. "/" .. name
  assert(picture.draw(40, 30):save(path))
  return path
end

t.test("the nearest name", function()
  t.eq(nearest.name("brihgten", { "Brighten", "Darken" }), "Brighten")
  t.eq(nearest.name("Gauss", { "GaussianBlur", "Hue" }), "GaussianBlur")
  t.eq(nearest.name("zzzz", { "Hue", "Darken" }), nil)
  t.eq(nearest.name("", { "Hue" }), nil)
  t.eq(nearest.name(("x"):rep(10000), { "Hue" }), nil)
  t.eq(nearest.name("Hue", {}), nil)
  t.eq({ nearest.unknown({ zed = 1, sed = 2, seed = 3 }, { "seed" }) }, { "sed", "; did you mean seed?" })
  t.eq(nearest.unknown({ seed = 3 }, { "seed", "step" }), nil)
  t.eq(nearest.unknown({ 1 }, { "seed" }), "1")
end)

local SPEC = { name = "try", doc = "Try.", options = {
  { name = "seed", type = "integer", default = 1, lo = 0, hi = 9, doc = "key" },
  { name = "less", type = "number", hi = 1, doc = "less" },
  { name = "more", type = "integer", lo = 1, doc = "more" },
  { name = "rate", short = "r", type = "number", doc = "rate" },
  { name = "count", type = "count", doc = "how many" },
  { name = "json", type = "flag", doc = "machine-readable" },
  { name = "kind", choices = { "adaptive", "grid" }, default = "grid", doc = "kind" },
  { name = "tag", many = true, doc = "tags" },
  { name = "dry-run", type = "flag", doc = "nothing is written" },
} }

t.test("options are read in every form", function()
  local v, rest = options.parse(SPEC, { "a", "--seed=3", "-r", "0.5", "--json", "--tag", "x", "--tag=y", "--dry-run", "b" })
  t.eq(v, { seed = 3, rate = 0.5, json = true, kind = "grid", tag = { "x", "y" }, dry_run = true })
  t.eq(rest, { "a", "b" })
  v, rest = options.parse(SPEC, { "--", "--seed", "-r" })
  t.eq({ v.seed, rest }, { 1, { "--seed", "-r" } })
  t.eq(options.parse(SPEC, { "--no-json" }).json, false)
  t.eq(options.parse(SPEC, { "--count=inf" }).count, math.huge)
  t.eq(options.parse(SPEC, { "-r0.25" }).rate, 0.25)
  t.eq(options.parse(SPEC, { "-h" }).help, true)
  t.eq(select(2, options.parse(SPEC, { "-", "-1", "" })), { "-", "-1", "" }, "these are operands")
end)

t.test("wrong options name the option, the range and the nearest name", function()
  local function refuses(text, ...)
    local ok, err = pcall(options.parse, SPEC, { ... })
    t.ok(not ok, "no error")
    t.eq(exit.of(err) and err.code, exit.usage)
    has(tostring(err), text)
  end
  refuses("no option --sed; did you mean --seed?", "--sed", "1")
  refuses("no option -x", "-x")
  refuses("--seed: expected a value", "--seed")
  refuses("--seed: expected an integer (0..9), got \"x\"", "--seed", "x")
  refuses("--seed: expected an integer", "--seed=1.5")
  refuses("--seed: 10 is outside 0..9", "--seed", "10")
  refuses("--less: 2 given, at most 1 expected", "--less", "2")
  refuses("--more: 0 given, 1 or more expected", "--more", "0")
  refuses("--rate: expected a number, got \"nan\"", "--rate", "nan")
  refuses("--rate: expected a number", "-r", "1e999")
  refuses("--count: expected an integer or inf", "--count", "-inf")
  refuses("--json: takes no value", "--json=1")
  refuses("--kind: \"gird\" is none of adaptive, grid; did you mean grid?", "--kind", "gird")
end)

t.test("help comes from the rows", function()
  local text = options.help(SPEC)
  for _, part in ipairs { "--seed N", "key (0..9) [1]", "-r, --rate N", "--kind adaptive|grid", "[grid]", "may be given again", "-h, --help" } do
    has(text, part)
  end
  for line in text:gmatch "[^\n]+" do t.ok(#line <= 80, "line too long: " .. line) end
end)

t.test("every command has help with an example, within 80 columns", function()
  for _, name in ipairs(require "brink.cli".commands()) do
    local code, out, err = run(name, "--help")
    t.eq({ code, err }, { 0, "" }, name)
    has(out, "usage: brink " .. name)
    has(out, "examples:")
    for line in out:gmatch "[^\n]+" do t.ok(#line <= 80, name .. ": line too long: " .. line) end
    local same = select(2, run("help", name))
    t.eq(same, out)
  end
end)

t.test("help, version and no arguments", function()
  local code, out, err = run "--help"
  t.eq({ code, err }, { 0, "" })
  has(out, "exit codes:")
  has(out, "  list ")
  t.eq(select(2, run "help"), out)
  code, out, err = run()
  t.eq({ code, out }, { 2, "" })
  has(err, "usage: brink")
  code, out = run "--version"
  t.eq(code, 0)
  has(out, "brink " .. core.version.brink)
  code, out = run("--version", "--json")
  local v = core.json.decode(out)
  t.eq({ code, v.brink }, { 0, core.version.brink })
  t.ok(#v.libraries >= 7 and #v.features >= 4)
  t.eq((run("--version", "--jsn")), 2)
end)

t.test("unknown commands and options are usage errors with the nearest name", function()
  local code, _, err = run "lst"
  t.eq(code, 2)
  has(err, "brink: no command lst; did you mean list?")
  code, _, err = run("list", "--jsn")
  t.eq(code, 2)
  has(err, "did you mean --json?")
  t.eq((run "--frobnicate"), 2)
  t.eq((run("help", "lst")), 2)
end)

t.test("a recipe gets its arguments, arg, and modules of its folder", function()
  assert(core.file.mkdirs(t.tmp() .. "/with space"))
  file("with space/helper_of_recipe.lua", "return { word = 'helped' }")
  local recipe = file("with space/r.lua", [[
    local h = require "helper_of_recipe"
    print(h.word, arg[0]:match "[^/]*$", arg[1], #arg, ...)]])
  local code, out, err = run(recipe, "one", "--two")
  t.eq({ code, out, err }, { 0, "helped\tr.lua\tone\t2\tone\t--two\n", "" })
end)

t.test("what goes wrong in a recipe", function()
  local code, _, err = run(t.tmp() .. "/missing.lua")
  t.eq(code, 3)
  has(err, "missing.lua: No such file")
  t.eq((run(t.tmp() .. "/")), 3, "a folder is no recipe")
  code, _, err = run(file("syntax.lua", "local = 3"))
  t.eq(code, 1)
  has(err, "syntax.lua:1:")
  code, _, err = run(file("raises.lua", "local x\n\nerror 'it broke'"))
  t.eq(code, 1)
  has(err, "raises.lua:3: it broke")
  has(err, "stack traceback")
  code, _, err = run(file("raises_table.lua", "error { 1 }"))
  t.eq(code, 1)
  code, _, err = run(file("raises_nil.lua", "error()"))
  t.eq(code, 1)
  t.eq((run(file("exits.lua", "os.exit(5)"))), 5)
  t.eq((run(file("binary.lua", string.dump(function() end)))), 1, "text only")
  t.eq((run(file("empty.lua", ""))), 0)
  t.eq((run(file("shebang.lua", "#!/usr/bin/env brink\nos.exit(7)"))), 7)
  code, _, err = run(file("misuse.lua", "require 'brink'\n.augment.get 'Hua'"))
  t.eq(code, 1)
  has(err, "misuse.lua:")
end)

t.test("a standard output that is full is an error; a closed one is quiet", function()
  if not io.open("/dev/full", "w") then t.skip "no /dev/full" end
  local _, _, code = os.execute(quoted(BRINK) .. " list >/dev/full 2>" .. t.tmp() .. "/full.err")
  t.eq(code, 5)
  has(core.file.read(t.tmp() .. "/full.err"), "standard output")
  os.execute(quoted(BRINK) .. " list 2>" .. t.tmp() .. "/pipe.err | true")
  t.eq(core.file.read(t.tmp() .. "/pipe.err"), "")
end)

t.test("standard streams that were closed before the start are an error to use, and no file of ours takes their place", function()
  local err = t.tmp() .. "/closed.err"
  local _, _, code = os.execute(quoted(BRINK) .. " list >&- 2>" .. quoted(err))
  t.eq(code, 5)
  has(core.file.read(err), "standard output")
  local input = photo "closed.png"
  _, _, code = os.execute(quoted(BRINK) .. " apply Hue=0.2 " .. quoted(input) .. " " .. quoted(t.tmp() .. "/closed_out.png") .. " <&- >&- 2>&-")
  t.eq(code, 5, "the line it prints is lost")
  t.ok(brink.image.load(t.tmp() .. "/closed_out.png"))
end)

t.test("names of files neither break a line nor colour it, and stand there once", function()
  local dir = t.tmp() .. "/odd"
  assert(core.file.mkdirs(dir))
  assert(picture.draw(40, 30):save(dir .. "/good.png"))
  assert(core.file.write(dir .. "/new\nline\27[31m.png", "no picture"))
  local bad = dir .. "/new?line?[31m.png: content is neither PNG nor JPEG"
  local code, out, err = run("search", dir, "--store", "none", "--augment", "Hue", "--step", "0.5")
  t.eq(code, 0)
  has(err, "  new?line?[31m.png: content is neither")
  has(out, "the first: new?line?[31m.png: content is neither")
  code, out = run("synth", dir, "-o", t.tmp() .. "/odd_out", "-n", "2", "--augment", "Hue")
  t.eq(code, 0)
  has(out, bad)
  code, out = run("eval", dir, "--labels", "none")
  has(out, bad)
  code, out, err = run("apply", "Hue=0.1", dir, t.tmp() .. "/odd_applied/")
  t.eq(code, 3)
  has(err, bad)
  for _, text in ipairs { out, err } do t.ok(not text:find("\27", 1, true)) end
end)

t.test("a search in which nothing can be read names every file, a synthesis says it made nothing", function()
  local dir = t.tmp() .. "/junk"
  assert(core.file.mkdirs(dir))
  for k = 1, 3 do assert(core.file.write(("%s/%d.png"):format(dir, k), "no picture")) end
  local code, _, err = run("search", dir, "--store", "none")
  t.eq(code, 4)
  for k = 1, 3 do has(err, ("  %d.png: content is neither"):format(k)) end
  code, _, err = run("synth", dir, "-o", t.tmp() .. "/junk_out")
  t.eq(code, 4)
  has(err, "0 pictures in")
end)

t.test("list shows every row, as table, in detail and as JSON", function()
  local code, out, err = run "list"
  t.eq({ code, err }, { 0, "" })
  for _, row in ipairs(brink.augment.list()) do has(out, "  " .. row.name .. " ") end
  local json, _
  code, json = run("list", "--json")
  local list = core.json.decode(json).augmentations
  t.eq({ code, #list }, { 0, #brink.augment.list() })
  for k, row in ipairs(brink.augment.list()) do
    t.eq({ list[k].name, #list[k].params }, { row.name, #row.param_names })
    local detail
    code, detail, err = run("list", row.name)
    t.eq({ code, err }, { 0, "" })
    has(detail, row.name .. " (" .. row.family .. ")")
  end
  code, _, err = run("list", "Hua")
  t.eq(code, 2)
  has(err, "no augmentation Hua; did you mean Hue?")
end)

t.test("list shows a recipe's own rows", function()
  local recipe = file("own.lua", [[require "brink".augmentation { name = "MyOwnTint",
    params = { a = { off = 0, full = 1 } }, plan = function(p) return { { op = "shift_rgb", r = p.a } } end }]])
  local code, out = run("list", "--recipe", recipe)
  t.eq(code, 0)
  has(out, "MyOwnTint")
  t.eq((run("list", "--recipe", t.tmp() .. "/none.lua")), 3)
end)

t.test("apply writes what image:apply makes", function()
  local input, output = photo "in.png", t.tmp() .. "/out.png"
  local code, out, err = run("apply", "Brighten=.3", "GaussianBlur=.4", input, output)
  t.eq({ code, err }, { 0, "" })
  has(out, "Brighten 0.3, GaussianBlur 0.4")
  local made = assert(core.image.load(output))
  local id = core.file.hash(input)
  local want = assert(core.image.load(input)):apply({ { "Brighten", 0.3 }, { "GaussianBlur", 0.4 } }, { sample = id })
  t.eq(made:hash(), want:hash())
  local other = assert(core.image.load(input)):apply({ { "GaussianBlur", 0.4 }, { "Brighten", 0.3 } }, { sample = id })
  t.ok(other:hash() ~= made:hash(), "the order counts")
end)

t.test("apply draws by seed, draw and content", function()
  local input = photo "in.png"
  local function hash(...)
    local output = t.tmp() .. "/noise.png"
    t.eq((run("apply", "PixelDropout=.6", input, output, ...)), 0)
    return assert(core.image.load(output)):hash()
  end
  local first = hash()
  t.eq(hash("--seed", "1"), first)
  t.ok(hash("--seed", "2") ~= first)
  t.ok(hash("--draw", "1") ~= first)
end)

t.test("apply takes physical parameters", function()
  local input, output = photo "in.png", t.tmp() .. "/out.png"
  local code, out = run("apply", "Brighten.amount=.2", "--json", input, output)
  local list = core.json.decode(out).files
  t.eq({ code, list[1].applied[1].params.amount, list[1].output }, { 0, 0.2, output })
end)

t.test("apply on several files and folders", function()
  assert(core.file.mkdirs(t.tmp() .. "/photos"))
  for _, name in ipairs { "a.png", "b.png", "c d.png" } do photo("photos/" .. name) end
  file("photos/notes.txt", "not a picture")
  local code, out, err = run("apply", "Brighten=.2", t.tmp() .. "/photos", t.tmp() .. "/made/")
  t.eq({ code, err }, { 0, "" })
  t.eq(core.file.list(t.tmp() .. "/made"), { "a.png", "b.png", "c d.png" })
  t.eq(select(2, out:gsub("\n", "")), 3)
  code = run("apply", "Brighten=.2", t.tmp() .. "/photos/a.png", t.tmp() .. "/photos/b.png", "--format", "jpeg", t.tmp() .. "/made2")
  t.eq({ code, core.file.list(t.tmp() .. "/made2") }, { 0, { "a.jpg", "b.jpg" } })
end)

t.test("apply names a bad file, goes on, and exits with 3", function()
  local good, bad = photo "good.png", file("bad.png", "\137PNG\r\n\26\nnot really")
  local code, out, err = run("apply", "Brighten=.2", good, bad, t.tmp() .. "/none.png", t.tmp() .. "/mixed")
  t.eq(code, 3)
  has(err, "bad.png")
  has(err, "none.png")
  has(out, "good.png -> ")
  t.eq(core.file.list(t.tmp() .. "/mixed"), { "good.png" })
end)

t.test("apply refuses what it cannot mean", function()
  local input = photo "in.png"
  local function refuses(code, text, ...)
    local got, _, err = run("apply", ...)
    t.eq(got, code, text)
    has(err, text)
  end
  refuses(2, "which effect?", input, t.tmp() .. "/o.png")
  refuses(2, "INPUT and OUTPUT expected, got 1 path", "Hue=.2", input)
  refuses(2, "no augmentation Hua; did you mean Hue?", "Hua=.2", input, t.tmp() .. "/o.png")
  refuses(2, "Brighten: intensity 3 is outside 0..1", "Brighten=3", input, t.tmp() .. "/o.png")
  refuses(2, "expected a number after =, got \"x\"", "Brighten=x", input, t.tmp() .. "/o.png")
  refuses(2, "Brighten.amount: 7 is outside 0..1 of full scale", "Brighten.amount=7", input, t.tmp() .. "/o.png")
  refuses(2, "Brighten.amuont: no such parameter; did you mean amount?", "Brighten.amuont=1", input, t.tmp() .. "/o.png")
  refuses(2, "output and input are the same file", "Brighten=.2", input, input)
  refuses(2, "would both become", "Brighten=.2", input, input, t.tmp() .. "/twice")
  refuses(3, "none.png", "Brighten=.2", t.tmp() .. "/none.png", t.tmp() .. "/o.png")
  refuses(5, "o.png", "Brighten=.2", input, t.tmp() .. "/no/such/folder/o.png")
end)

t.test("show writes and names a sheet", function()
  local input, output = photo "in.png", t.tmp() .. "/sheet.png"
  local code, out, err = run("show", "Brighten=.5", input, "-o", output, "--steps", "3")
  t.eq({ code, out, err }, { 0, output .. "\n", "" })
  local one = assert(core.image.load(output))
  t.ok(one.width > 4 * 40 and one.channels == 3)
  t.eq((run("show", "Brighten=.5", "Contrast=.1", input, "-o", output)), 0)
  t.eq((run("show", "Brighten", input, "-o", output)), 0)
  t.eq((run("show", "Brighten.amount=.5", input, "-o", output)), 0)
  t.eq((run("show", input, "-o", output)), 2)
  t.eq((run("show", "Brighten", "-o", output)), 2)
  t.eq((run("show", "Brighten=2", input, "-o", output)), 2)
  t.eq((run("show", "Brighten", t.tmp() .. "/none.png", "-o", output)), 3)
  t.eq((run("show", "Brighten", input, "-o", t.tmp() .. "/no/such/x.png")), 5)
end)

t.test("show takes any kind and shape of picture", function()
  local output = t.tmp() .. "/sheet.png"
  for k, shape in ipairs { { 1, 1, 1 }, { 300, 1, 2 }, { 1, 300, 4 }, { 9, 5, 3 } } do
    local input = ("%s/shape%d.png"):format(t.tmp(), k)
    assert(core.image.new(shape[1], shape[2], shape[3], "u8", 128):save(input))
    local code, _, err = run("show", "MotionBlur", "Rotate", input, "-o", output)
    t.eq({ code, err }, { 0, "" }, table.concat(shape, "x"))
  end
end)

t.done()
