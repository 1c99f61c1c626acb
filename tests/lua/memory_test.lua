-- Load, plan, run, save with the k-th allocation failing, for every k, of the engine's and of Lua's, alone or with all after it:
-- an error that says so, no file under its name or beside it, and the next try gives the bytes it should. A sanitizer sees leaks.
-- SPDX-License-Identifier: MIT
local t = require "check"
local picture = require "picture"
local brink = require "brink"
local core = brink.core

local KINDS = {
  engine = { fail = core.test.fail_alloc, count = core.test.alloc_count },
  lua = { fail = core.test.fail_lua, count = core.test.lua_count },
}

-- Run `action` with the k-th allocation failing for k = 1, 2, ... until none is left; action returns a value | nil, message.
-- after(fine) looks at the world. -> points
local function sweep(kind, sticky, action, after)
  local fail, count = KINDS[kind].fail, KINDS[kind].count
  local points, k = 0, 1
  while true do
    fail(k, sticky)
    local ok, value, message = pcall(action)
    local asked = count()
    fail(0)
    local fine = ok and value ~= nil
    if not fine then
      local text = tostring(ok and message or value)
      if not text:find("memory", 1, true) then error(("%s allocation %d: %s"):format(kind, k, text)) end
    end
    after(fine, value)
    if asked < k then
      t.ok(fine, "without a failure it works")
      return points
    end
    points = points + 1
    if sticky then t.ok(not fine or kind == "lua", "nothing works without memory") end
    k = k + 1
  end
end

local dir = t.tmp()
local source = picture.draw(23, 17, { key = 3 })
assert(source:save(dir .. "/in.png"))
assert(source:save(dir .. "/in.jpg"))
assert(picture.draw(9, 7, { channels = 4 }):save(dir .. "/alpha.png"))

-- every point, both kinds; action(out) saves to out and returns true
local function all(name, path, rows)
  t.test(name, function()
    assert(core.file.mkdirs(dir .. "/out"))
    local out = dir .. "/out/" .. path:match "[^/]*$"
    local instances = {}
    for k, row in ipairs(rows) do instances[k] = brink.augment.get(row) end
    local function action()
      local image, message = core.image.load(path)
      if not image then return nil, message end
      for _, row in ipairs(instances) do
        local plan, why = core.plan.new(brink.augment.plan(row, 0.6, brink.augment.context(image, 1, "s", 0)))
        if not plan then return nil, why end
        image, why = image:run(plan)
        if not image then return nil, why end
      end
      return image:save(out)
    end
    t.ok(action())
    local want = core.file.hash(out)
    core.file.remove(out)
    local points = 0
    for kind in pairs(KINDS) do
      for _, sticky in ipairs { false, true } do
        points = points + sweep(kind, sticky, action, function(fine)
          local left = core.file.list(dir .. "/out")
          if fine then
            t.eq(left, { path:match "[^/]*$" })
            t.eq(core.file.hash(out), want)
            core.file.remove(out)
          else
            t.eq(left, {}, "nothing is left by a failure")
          end
        end)
        t.ok(action())
        t.eq(core.file.hash(out), want, "as before")
        core.file.remove(out)
      end
    end
    t.ok(points > 40, points .. " points")
  end)
end

all("PNG: load, plan, save", dir .. "/in.png", { "GaussianBlur", "Hue" })
all("JPEG: load, plan, save", dir .. "/in.jpg", { "Rotate", "Brighten" })
all("PNG with alpha: load, plan, save", dir .. "/alpha.png", { "ElasticTransform", "PixelDropout" })

t.test("each row of the catalogue, made and run", function()
  local image = assert(core.image.load(dir .. "/in.png"))
  for _, row in ipairs(brink.augment.list()) do
    local want
    local function action()
      local plan, why = core.plan.new(brink.augment.plan(row, 0.6, brink.augment.context(image, 1, "s", 0)))
      if not plan then return nil, why end
      return image:run(plan)
    end
    want = action():hash()
    sweep("engine", false, action, function(fine, made) if fine then t.eq(made:hash(), want, row.name) end end)
  end
end)

t.test("labels as JSON: written and read", function()
  local text = [==[{"a":[1,2.5,"x\u00e9",{"b":null}],"c":{"d":[[0,1],[2,3]]}}]==]
  for kind in pairs(KINDS) do
    for _, sticky in ipairs { false, true } do
      sweep(kind, sticky, function()
        local value, why = core.json.decode(text)
        if not value then return nil, why end
        return core.json.encode(value)
      end, function(fine, made) if fine then t.eq(core.json.decode(made), core.json.decode(text)) end end)
    end
  end
end)

t.done()
