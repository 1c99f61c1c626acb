--- Where ONNX Runtime is: a path in the options, the variable ONNXRUNTIME_LIB, the system's library, what the set-up put in
--- the cache, an installed pip package (onnxruntime), an installed npm package (onnxruntime-node). The first that loads.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local cache = require "brink.cache"
local file = core.file

local M = {}

local function names(dir) return file.list(dir) or {} end

--- Paths of `dir/name/rest` for every name that matches, the greatest first (newest version, by bytes).
local function each(dir, pattern, rest)
  local out, list = {}, names(dir)
  for k = #list, 1, -1 do
    if list[k]:find(pattern) then out[#out + 1] = dir .. "/" .. list[k] .. rest end
  end
  return out
end

-- libonnxruntime.so.* of a site-packages folder; bare: packages that have none.
local function pip(out, packages, bare)
  local capi = packages .. "/onnxruntime/capi"
  local list = each(capi, "^libonnxruntime%.so", "")
  if bare then list = #list == 0 and #names(capi) > 0 and { capi } or {} end
  table.move(list, 1, #list, #out + 1, out)
end

local function pip_of(out, lib, bare)
  for _, packages in ipairs(each(lib, "^python3", "")) do
    pip(out, packages .. "/site-packages", bare)
    pip(out, packages .. "/dist-packages", bare)
  end
end

local function npm(out, modules)
  for _, napi in ipairs(each(modules .. "/onnxruntime-node/bin", "^napi%-v", "/linux")) do
    for _, arch in ipairs { "x64", "arm64" } do out[#out + 1] = napi .. "/" .. arch .. "/libonnxruntime.so.1" end
  end
end

--- Places to look, best first: names for the system's search, then files.
function M.candidates()
  local out = { "libonnxruntime.so.1", "libonnxruntime.so" }
  local home = os.getenv "HOME" or ""
  for _, folder in ipairs(cache.folders()) do
    pip(out, folder .. "/onnxruntime")
    npm(out, folder .. "/node_modules")
  end
  for _, variable in ipairs { "VIRTUAL_ENV", "CONDA_PREFIX" } do
    local at = os.getenv(variable)
    if at and at ~= "" then pip_of(out, at .. "/lib") end
  end
  for _, lib in ipairs { home .. "/.local/lib", "/usr/local/lib", "/usr/lib", "/opt/conda/lib" } do pip_of(out, lib) end
  pip(out, "/usr/lib/python3/dist-packages")
  for _, lib in ipairs(each(home .. "/.pyenv/versions", "^%d", "/lib")) do pip_of(out, lib) end
  for _, modules in ipairs { "node_modules", home .. "/node_modules", "/usr/local/lib/node_modules", "/usr/lib/node_modules" } do npm(out, modules) end
  return out
end

-- A Python package that holds no library of its own (those before 1.19), or nil: its folder.
local function old_package()
  local lists = {}
  pip_of(lists, (os.getenv "VIRTUAL_ENV" or "") .. "/lib", true)
  pip_of(lists, (os.getenv "HOME" or "") .. "/.local/lib", true)
  return lists[1]
end

local found -- the one in use when none is named

--- The runtime: `path`, or the first that loads. nil, message, code when there is none; a path that was asked for (also by
-- ONNXRUNTIME_LIB) is never replaced by another.
function M.open(path)
  if path == nil then
    local named = os.getenv "ONNXRUNTIME_LIB"
    if named and named ~= "" then path = named end
  end
  if path then return core.onnx.open(path) end
  if found then return found end
  local reason
  for _, candidate in ipairs(M.candidates()) do
    if not candidate:find("/", 1, true) or (file.info(candidate) or {}).type == "file" then
      local runtime, message = core.onnx.open(candidate)
      if runtime then
        found = runtime
        return runtime
      end
      if candidate:find("/", 1, true) then reason = reason or message end
    end
  end
  local bare = not reason and old_package()
  if bare then reason = bare .. " holds no libonnxruntime.so: packages before 1.19 have none" end
  return nil, "ONNX Runtime is not there" .. (reason and " (" .. reason .. ")" or "") ..
    ": install it with `pip install onnxruntime` or `npm install onnxruntime-node`, or name the library in ONNXRUNTIME_LIB", "unsupported"
end

return M
