-- Where things of the user's are kept when the environment says little: no HOME, a HOME that cannot be written, another user's folder.
-- SPDX-License-Identifier: MIT
local t = require "check"
local program = require "program"
local core = require "brink.core"

local quoted = program.quoted
-- the program below an environment of these words only; -> its output
local function under(words, code)
  local p = assert(io.popen(("env -i PATH=\"$PATH\" %s %s -e %s 2>&1"):format(words, quoted(program.path), quoted(code))))
  local text = p:read "a"
  p:close()
  return (text:gsub("%s+$", ""))
end

local PATH = [[print(require("brink").worker_path())]]

t.test("the helper for Python has a path whatever HOME is", function()
  local dir = t.tmp()
  t.has(under("XDG_CACHE_HOME=" .. dir .. "/x HOME=/nonexistent", PATH), dir .. "/x/brink/worker-")
  t.has(under("HOME=" .. dir .. "/h", PATH), dir .. "/h/.cache/brink/worker-")
  assert(core.file.write(dir .. "/file", "no folder"))
  for k, words in ipairs { "HOME=" .. dir .. "/file", "HOME=/dev/null XDG_CACHE_HOME=" .. dir .. "/file", "XDG_CACHE_HOME=/proc/none" } do
    local own = dir .. "/t" .. k
    assert(core.file.mkdirs(own))
    local path = under(words .. " TMPDIR=" .. own, PATH)
    t.ok(path:find("^" .. own:gsub("%p", "%%%0") .. "/brink%-%d+/worker%-%x+/brink_worker.py$"), words .. ": " .. path)
    t.eq(core.file.read(path), require("brink.worker").text())
  end
end)

t.test("without HOME the user's entry in the system's list says where it is", function()
  local p = assert(io.popen "getent passwd \"$(id -u)\" 2>/dev/null | cut -d : -f 6")
  local home = p:read "l"
  p:close()
  if not home or home == "" then t.skip "no entry of this user" end
  t.eq(under("", [[print(require("brink.core").file.cache())]]), home .. "/.cache/brink")
  t.eq(under("HOME= XDG_CACHE_HOME=", [[print(require("brink.core").file.cache())]]), home .. "/.cache/brink")
end)

t.test("a folder of one's own is made for oneself only, and one that is not is refused", function()
  local dir = t.tmp() .. "/own"
  t.eq(core.file.private(dir), true)
  t.eq(core.file.private(dir), true, "again")
  local p = assert(io.popen("stat -c %a " .. quoted(dir)))
  t.eq(p:read "l", "700")
  p:close()
  t.ok(os.execute("chmod 770 " .. quoted(dir)))
  t.fails("others may write", core.file.private(dir))
  t.ok(os.execute(("chmod 700 %s && ln -s own %s"):format(quoted(dir), quoted(t.tmp() .. "/link"))))
  t.fails("not a folder of this user", core.file.private(t.tmp() .. "/link"))
  assert(core.file.write(t.tmp() .. "/plain", ""))
  t.fails("not a folder of this user", core.file.private(t.tmp() .. "/plain"))
  t.fails("No such file", core.file.private(t.tmp() .. "/none/own"))
end)

t.test("set-up puts ONNX Runtime where the program looks", function()
  local dir = t.tmp()
  for k, words in ipairs { "XDG_CACHE_HOME=" .. dir .. "/a", "HOME=" .. dir .. "/b", "HOME=" .. dir .. "/file", "HOME=/dev/null" } do
    assert(core.file.write(dir .. "/file", "no folder"))
    local own = ("%s/o%d"):format(dir, k)
    assert(core.file.mkdirs(own))
    words = words .. " TMPDIR=" .. own
    local p = assert(io.popen(("env -i PATH=\"$PATH\" %s sh engine/onnxruntime.sh cache"):format(words)))
    local place = p:read "l"
    p:close()
    t.has(under(words, [[print(table.concat(require("brink.model.runtime").candidates(), "\n"))
      local onnx = arg[1]
      for _, folder in ipairs(require("brink.cache").folders()) do print("folder " .. folder .. "\n") end]]) .. "\n", "folder " .. place .. "\n")
  end
end)

t.done()
