--- ImageFolder: the class is the folder's name, its number the place in their sorted order; train, val and test on top.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local index_module = require "brink.dataset.index"

local M = { name = "imagefolder", doc = "a folder per class" }

local SPLITS = { "train", "val", "valid", "validation", "test" }
local LOOK = 20 -- folders looked into to tell whether pictures lie in them

local function folders_in(dir)
  local out, files = {}, 0
  for _, name in ipairs(core.file.list(dir) or {}) do
    if name:sub(1, 1) ~= "." then
      local kind = common.type_of(dir .. "/" .. name)
      if kind == "dir" then out[#out + 1] = name elseif common.is_picture(name) then files = files + 1 end
    end
  end
  return out, files
end

local function holds_pictures(dir)
  for _, name in ipairs(core.file.list(dir) or {}) do if common.is_picture(name) and common.is_file(dir .. "/" .. name) then return true end end
  return false
end

-- Two folders or more, pictures right in each, none beside them; folders without anything in them do not count.
local function is_classes(dir)
  local folders, files = folders_in(dir)
  if #folders < 2 or files > 0 then return false end
  local held = 0
  for k = 1, math.min(#folders, LOOK) do
    if holds_pictures(dir .. "/" .. folders[k]) then held = held + 1
    elseif #(core.file.list(dir .. "/" .. folders[k]) or {}) > 0 then return false end
  end
  return held >= 2
end

-- Is there a folder with pictures in it?
local function has_class(dir)
  for _, name in ipairs((folders_in(dir))) do if holds_pictures(dir .. "/" .. name) then return true end end
  return false
end

-- The splits of a set; one that has a single class counts where another has several.
local function splits_in(dir)
  local out, sure = {}, false
  for _, split in ipairs(SPLITS) do
    local at = dir .. "/" .. split
    if common.is_dir(at) and has_class(at) then
      out[#out + 1] = split
      sure = sure or is_classes(at)
    end
  end
  return sure and out or {}
end

--- Only where the caller says nothing about labels.
function M.detect(path, info, opts)
  if info.type ~= "dir" or (opts and opts.labels ~= nil) then return false end
  local dir = common.trim(path)
  return #splits_in(dir) > 0 or is_classes(dir)
end

-- What cannot stand in a folder's name is written as %XX.
local function class_of(folder)
  return (folder:gsub("%%(%x%x)", function(x)
    local c = string.char(tonumber(x, 16))
    return c:find "[%c/\\%%%.\127]" and c or nil
  end):gsub("^%%$", ""))
end

local function open_one(dir, split, unlabelled)
  local report = common.report()
  local files, ignored = common.walk(dir, common.is_picture, report)
  local classes = folders_in(dir)
  for k, name in ipairs(classes) do classes[k] = class_of(name) end
  table.sort(classes)
  return index_module.list(files, function(rel)
    return { path = dir .. "/" .. rel, relative = (split and split .. "/" or "") .. rel, name = common.base(rel), split = split,
      label = not unlabelled and rel:find "/" and class_of(rel:match "^([^/]+)/") or nil }
  end, { report = report, ignored = ignored, classes = unlabelled and {} or classes, split = split, meta = { format = "imagefolder" } })
end

function M.open(path, opts)
  local dir, parts = common.trim(path), {}
  for _, split in ipairs(splits_in(dir)) do
    if not opts.split or opts.split == split then parts[#parts + 1] = open_one(dir .. "/" .. split, split, opts.labels == false) end
  end
  if opts.split and #parts == 0 then return nil, ("%s: no split %s"):format(path, opts.split), "unsupported" end
  if #parts == 0 then return open_one(dir, nil, opts.labels == false) end
  return #parts == 1 and parts[1] or index_module.join(parts)
end

local function folder_of(class)
  local folder = class == nil and "unlabelled" or tostring(class)
  folder = folder:gsub("[%c/\\%%\127]", function(c) return ("%%%02X"):format(c:byte()) end):gsub("^%.", "%%2E")
  return folder == "" and "%" or folder
end

--- The folder of a class; "unlabelled" without one.
function M.place(name, split, label)
  local class = label
  if common.is_shapes(label) then class = label.class end
  local folder = folder_of(class)
  -- folders within that of the class stay
  local inner = name:sub(1, #folder + 1) == folder .. "/" and name:sub(#folder + 2) or common.base(name)
  return (split and split .. "/" or "") .. folder .. "/" .. inner
end

function M.files(record)
  if type(record.label) == "table" and not (common.is_shapes(record.label) and record.label.class ~= nil) then
    return nil, "a class (a text or number) expected, got " .. common.show(record.label)
  end
  return {}
end

--- A folder for every class: a class without pictures counts in the order of their numbers.
function M.finish(folder, _, opts)
  for _, split in ipairs(opts.splits) do
    for _, class in ipairs(opts.classes) do folder:mkdirs(folder.dir .. "/" .. (split and split .. "/" or "") .. folder_of(class)) end
  end
end

return M
