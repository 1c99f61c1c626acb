-- brink synth, eval, replay from the shell.
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local picture = require "picture"
local program = require "program"
local core = brink.core

local BRINK, quoted, run, has = program.path, program.quoted, program.run, t.has

local DIR = t.tmp() .. "/photos with spaces"
for k = 1, 4 do
  assert(core.file.mkdirs(DIR .. "/" .. (k % 2 == 0 and "even" or "odd")))
  assert(picture.draw(60, 48, { key = k }):save(("%s/%s/%d.png"):format(DIR, k % 2 == 0 and "even" or "odd", k)))
end
local RECIPE = t.tmp() .. "/mine.lua"
assert(core.file.write(RECIPE, [[
return {
  predict = function(image) return image:stats().luma_mean < 110 and "odd" or "even" end,
  labels = "folder",
  synth = { accept = function(_, _, item) return item.try > 1, "first try" end, name = function(_, _, n) return ("mine%03d"):format(n) end, preview = false },
  eval = { differs = 0.5 },
}
]]))

t.test("synth, the same again, more, replay and eval", function()
  local out = t.tmp() .. "/gen"
  local code, text, err = run("synth", DIR, "-o", out, "-n", "6", "--total", "-q")
  t.eq(code, 0, err)
  has(text, "6 pictures of 4 sources")
  local manifest = core.file.read(out .. "/manifest.jsonl")
  t.eq(run("synth", DIR, "-o", out, "-n", "6", "--total"), 0)
  t.eq(core.file.read(out .. "/manifest.jsonl"), manifest)
  t.eq(run("synth", DIR, "-o", out, "-n", "2"), 0)
  t.eq(select(2, core.file.read(out .. "/manifest.jsonl"):gsub("\n", "")), 8)
  t.ok(core.file.read(out .. "/preview.html"):find("<!DOCTYPE html>", 1, true))
  local name = core.json.decode(manifest:match "^[^\n]*").name
  t.eq(run("replay", out .. "/manifest.jsonl", "--name", name, "-o", t.tmp() .. "/again.png"), 0)
  t.eq(core.file.hash(t.tmp() .. "/again.png"), core.file.hash(out .. "/" .. name))
  code, text = run("replay", out, "--line", "2", "-o", "-")
  t.eq(code, 0)
  t.ok(text == core.file.read(out .. "/" .. core.json.decode(manifest:match "\n([^\n]*)").name))
  code, text = run("replay", out, "--all", "--json")
  t.eq(code, 0)
  t.eq(#core.json.decode(text).replayed, 8)
  code, text = run("eval", out, "--json", "-o", t.tmp() .. "/eval.json")
  t.eq(code, 0)
  t.eq(core.json.decode(text).n, 8)
  t.eq(core.json.decode(core.file.read(t.tmp() .. "/eval.json")).n, 8)
end)

t.test("a recipe's functions and labels take part", function()
  local out = t.tmp() .. "/recipe"
  local code, text, err = run("synth", DIR, "-o", out, "-n", "5", "--recipe", RECIPE, "--json", "--folders", "class", "--predict", "--seed", "text")
  t.eq(code, 0, err)
  local json = assert(core.json.decode(text))
  t.eq(json.pictures, 5)
  t.eq(json.rejected[1], { reason = "accept: first try", count = 5 })
  t.eq(json.stopped, core.json.null)
  local r = core.json.decode(core.file.read(out .. "/manifest.jsonl"):match "^[^\n]*")
  t.eq(r.name, r.label .. "/mine001.png")
  t.eq(r.seed, "text")
  t.eq(core.file.info(out .. "/preview.html").type, "missing")
  code, text = run("eval", DIR, "--recipe", RECIPE)
  t.eq(code, 0)
  has(text, "over 4 pictures")
end)

t.test("every option reaches the synthesis", function()
  local study, out = t.tmp() .. "/a.db", t.tmp() .. "/all"
  t.eq(run("search", DIR, "--augment", "GaussianBlur,Rotate,Hue", "--step", "0.25", "--strategy", "grid", "--store", study, "--out", "none", "-q"), 0)
  local code, _, err = run("synth", DIR, "--study", study, "-r", "-0.5", "-n", "9", "--shard", "1/2", "-o", out, "--augment", "GaussianBlur,Rotate,Hue",
    "--min-augs", "1", "--max-augs", "2", "--realism-of", "Hue=0.9", "--weight", "Rotate=3", "--range", "GaussianBlur.max=0.2", "--range", "GaussianBlur.min=0.1",
    "--range", "Hue.only_shrink_max=1", "--max-error", "1", "--min-error", "0", "--no-contrast", "--readable", "--tries", "9", "--format", "jpeg", "--quality", "90",
    "--no-preview", "--labels", "folder", "--seed", "5", "--threads", "3", "-q")
  t.eq(code, 0, err)
  t.eq(err, "")
  local s = core.json.decode(core.file.read(out .. "/synthesis.json"))
  t.eq({ s.seed, s.realism, s.min_augmentations, s.max_augmentations, s.tries, s.format, s.quality, s.shard, s.readable, s.contrast },
    { 5, -0.5, 1, 2, 9, "jpeg", 90, "1/2", true, false })
  for _, b in ipairs(s.bounds) do
    if b.name == "GaussianBlur" then t.eq({ b.lo, b.hi }, { 0.1, 0.2 }) end
    if b.name == "Hue" then t.eq(b.realism, 0.9) end
  end
  for line in core.file.read(out .. "/manifest.jsonl"):gmatch "[^\n]+" do t.eq(core.json.decode(line).n % 2, 1) end
end)

t.test("mistakes have exit codes and sentences", function()
  local out = t.tmp() .. "/never"
  local function mistake(code, text, ...)
    local got, _, err = run(...)
    t.eq(got, code, table.concat({ ... }, " ") .. ": " .. err)
    has(err, text)
    t.ok(not err:find("stack traceback", 1, true), err)
  end
  mistake(2, "where to", "synth", DIR)
  mistake(2, "min_augmentations", "synth", DIR, "-o", out, "--min-augs", "7", "--max-augs", "3")
  mistake(2, "did you mean Hue", "synth", DIR, "-o", out, "--weight", "Hyue=1")
  mistake(2, "expected a number", "synth", DIR, "-o", out, "--weight", "Hue")
  mistake(2, "did you mean max", "synth", DIR, "-o", out, "--range", "Hue.maxx=1")
  mistake(2, "NAME.FIELD=VALUE", "synth", DIR, "-o", out, "--range", "Hue=1")
  mistake(2, "shard", "synth", DIR, "-o", out, "--shard", "5/2")
  mistake(3, "no such file", "synth", DIR .. "x", "-o", out)
  mistake(3, "none.db", "synth", DIR, "-o", out, "--study", t.tmp() .. "/none.db")
  mistake(5, "/proc/", "synth", DIR, "-o", "/proc/nowhere/x")
  t.eq(core.file.info(out).type, "missing")
  t.eq(run("synth", DIR, "-o", out, "-n", "1", "--total", "-q"), 0)
  mistake(3, "other settings (seed)", "synth", DIR, "-o", out, "-n", "2", "--total", "--seed", "2")
  do
    local held <close> = assert(core.file.lock(out .. "/.brink/lock"))
    mistake(6, "another run holds it", "synth", DIR, "-o", out, "-n", "2")
  end
  mistake(2, "which picture", "replay", out)
  mistake(2, "no picture named", "replay", out, "--name", "zzz")
  mistake(3, "no manifest", "replay", DIR, "--line", "1")
  mistake(2, "differs", "eval", DIR, "--differs", "2")
  assert(core.file.mkdirs(t.tmp() .. "/empty"))
  mistake(3, "no picture in it", "synth", t.tmp() .. "/empty", "-o", out)
end)

t.test("a terminated synthesis keeps what was made and goes on", function()
  local out, whole = t.tmp() .. "/cut", t.tmp() .. "/whole"
  local function command(dir) return ("%s synth %s -o %s -n 150 --total -q --no-preview"):format(quoted(BRINK), quoted(DIR), quoted(dir)) end
  t.ok(os.execute(command(whole) .. " >/dev/null"))
  os.execute(("%s >/dev/null 2>&1 & p=$!; sleep 0.2; kill -TERM $p; wait $p"):format(command(out)))
  local pictures = 0
  for _, name in ipairs(core.file.list(out) or {}) do if name:match "%.png$" then pictures = pictures + 1 end end
  t.eq(select(2, (core.file.read(out .. "/manifest.jsonl") or ""):gsub("\n", "")), pictures)
  t.ok(os.execute(command(out) .. " >/dev/null"))
  t.eq(core.file.hash(out .. "/manifest.jsonl"), core.file.hash(whole .. "/manifest.jsonl"))
end)

t.done()
