--- The folder of a synthesis as a data set: its pictures with the labels the manifest gives them. Each sample knows what it was
-- made from: `source` = { path, id, name }, and by which `plan`.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local manifest = require "brink.synth.manifest"

local function place(path, info)
  if info.type == "dir" then return path:gsub("(.)/+$", "%1"), path:gsub("(.)/+$", "%1") .. "/" .. manifest.NAME end
  return path:match "^(.*)/[^/]*$" or ".", path
end

--- Add the reader "synthesis" to a registry of readers.
return function(register)
  register {
    name = "synthesis",
    detect = function(path, info)
      if info.type == "dir" then
        local file = core.file.info(path .. "/" .. manifest.NAME)
        local settings = core.file.info(path .. "/" .. manifest.SETTINGS)
        return file ~= nil and settings ~= nil and file.type == "file" and settings.type == "file"
      end
      return info.type == "file" and path:match "[^/]*$" == manifest.NAME
    end,
    read = function(path)
      local info = core.file.info(path)
      local folder, file = place(path, info)
      local list, failures = {}, {}
      local ok, err = pcall(function()
        for record in manifest.lines(file) do
          local at = folder .. "/" .. tostring(record.name)
          if core.file.info(at).type == "missing" then
            failures[#failures + 1] = { path = at, reason = at .. ": in the manifest, but not there", code = "io" }
          else
            list[#list + 1] = { path = at, relative = record.name, name = record.name:match "[^/]*$", label = record.label, plan = record.plan,
              source = { path = record.source.path, id = record.sample, name = record.source.name } }
          end
        end
      end)
      if not ok then
        local message, code = manifest.failure(err)
        if message then return nil, message, code end
        error(err, 0)
      end
      return list, { failures = failures, path = folder }
    end,
  }
end
