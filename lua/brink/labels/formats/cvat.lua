--- CVAT XML 1.1 (docs.cvat.ai/docs/manual/advanced/xml_format), "for images" and "for video": read only. A file of images is
-- indexed and each image's element read when its label is asked for; a file of tracks is read whole.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local shapes = require "brink.labels.formats.cvat_shapes"
local tracks = require "brink.labels.formats.cvat_tracks"
local tree = require "brink.labels.formats.tree"
local json = core.json

local M = { name = "cvat", doc = "CVAT XML, images or tracks (read only)" }

local function is_cvat(path) return path:find "%.xml$" and tree.begins(path, "annotations") end

local function file_in(dir)
  for _, name in ipairs { "annotations.xml", "annotations/default.xml" } do
    if is_cvat(dir .. "/" .. name) then return dir .. "/" .. name end
  end
  for _, name in ipairs(core.file.list(dir) or {}) do if is_cvat(dir .. "/" .. name) then return dir .. "/" .. name end end
end

function M.detect(path, info)
  if info.type == "file" then return is_cvat(path) end
  return file_in(common.trim(path)) ~= nil
end

local Index = {}
Index.__index = Index

-- The element at its place in the file. One without content has no end noted: up to the bracket outside quotes.
function Index:element(k)
  local first, last = self.places[3 * k - 2], self.places[3 * k - 1]
  self.handle:seek("set", first)
  local text
  if last >= 0 then text = self.handle:read(last - first)
  else
    text = ""
    repeat
      local more = self.handle:read(4096)
      text = text .. (more or "")
      local bare = text:gsub("%b\"\"", function(s) return ("_"):rep(#s) end):gsub("%b''", function(s) return ("_"):rep(#s) end)
      local close = bare:find(">", 1, true)
      if close then text = text:sub(1, close) end
    until close or not more
  end
  return core.xml.parse(self.prolog .. (text or ""), self.file)
end

function Index:label(k, report)
  local node, message, code = self:element(k)
  local where = ("%s: image %d"):format(self.file, k - 1)
  if not node then
    report:fail(self.file, ("%s: %s"):format(where, message), code)
    return nil
  end
  local a = node.attributes
  where = ("%s: image %s (%s)"):format(self.file, a.id or k - 1, a.name or "?")
  local width, height = math.tointeger(common.number(a.width)), math.tointeger(common.number(a.height))
  if not (width and height and width > 0 and height > 0) then
    report:fail(self.file, where .. ": width, height: sizes in pixels expected")
    return nil
  end
  local label = { kind = "shapes", width = width, height = height, shapes = json.array {}, id = math.tointeger(common.number(a.id)), meta = self.label_meta }
  label.extra = common.unknown(a, { name = true, width = true, height = true, id = true })
  local n = 0
  for _, c in ipairs(node) do
    if c.tag == "tag" and c.attributes.label then
      label.classes = label.classes or json.array {}
      table.insert(label.classes, c.attributes.label)
    elseif c.tag ~= "attribute" then
      local object, why = shapes.read(c, label, report)
      if object then label.shapes[#label.shapes + 1] = object
      else report:fail(self.file, ("%s: %s[%d]: %s"):format(where, c.tag, n, why)) end
      n = n + 1
    end
  end
  return label
end

function Index:get(k)
  local node, message = self:element(k)
  local name = node and node.attributes.name
  local why = message or common.refusal(name)
  if why then
    why = ("%s: image %d: name: %s"):format(self.file, k - 1, why)
    return { path = self.file, name = ("image %d"):format(k - 1), load = function() return nil, why, "refused" end,
      read_label = function() self.report:fail(self.file, why) end }
  end
  local path = self.root .. "/" .. name
  if not common.is_file(path) and common.is_file(self.root .. "/images/" .. name) then path = self.root .. "/images/" .. name end
  local a = node.attributes
  return { path = path, relative = name, name = common.base(name), split = a.subset, read_label = function() return self:label(k, self.report) end,
    load = common.sized_loader(math.tointeger(common.number(a.width)), math.tointeger(common.number(a.height)), self.file) }
end

local function unescape(text)
  return (text:gsub("&(%w+);", { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'" }))
end

-- Class names in the file's head.
local function head_classes(head)
  local out, seen = {}, {}
  for body in head:gmatch "<label>(.-)</label>" do
    local name = body:match "<name>(.-)</name>"
    name = name and unescape(name)
    if name and not seen[name] then
      seen[name] = true
      out[#out + 1] = name
    end
  end
  return out
end

--- opts: images (folder of the pictures; else that of the file, or images in it).
function M.open(path, opts)
  local info = core.file.info(path)
  local file = info.type == "file" and path or file_in(common.trim(path))
  if not file then return nil, path .. ": no CVAT XML file in it", "unsupported" end
  local places, message, code = core.xml.index(file, "image")
  if not places then return nil, message, code end
  local handle
  handle, message = io.open(file, "rb")
  if not handle then return nil, message, "io" end
  local head = handle:read(math.min(places[1] or 1 << 24, 1 << 26)) or ""
  if not head:find "<annotations[%s>]" then return nil, file .. ": an element annotations expected", "refused" end
  local encoding = head:match "^[\xEF\xBB\xBF]*<%?xml[^>]-encoding%s*=%s*[\"']([%w%-_]+)[\"']"
  local prolog = encoding and ('<?xml version="1.0" encoding="%s"?>'):format(encoding) or ""
  local classes = head_classes(head)
  if #places == 0 and head:find "<track[%s>]" then
    handle:close()
    return tracks.open(file, opts, head, { classes = classes, prolog = prolog })
  end
  return setmetatable({ places = places, count = #places // 3, handle = handle, file = file, report = common.report(), classes = classes,
    prolog = prolog, label_meta = { class_names = json.array(classes) },
    root = opts.images and common.trim(opts.images) or common.folder(file), meta = { format = "cvat", label = { class_names = json.array(classes) } } }, Index)
end

return M
