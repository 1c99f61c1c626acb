--- CVAT XML "for video": tracks of shapes over frames, as objects of the pictures frame_000000.png and on. A shape that is
-- outside is none; its track's number is extra.track.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local shapes = require "brink.labels.formats.cvat_shapes"
local tree = require "brink.labels.formats.tree"
local json = core.json

local M = {}

local Index = {}
Index.__index = Index

-- A track's shapes, each as text, to the frames they are in.
local function take(self, track, number)
  local where = ("%s: track %s"):format(self.file, track.attributes.id or number)
  if not track.attributes.label then return self.report:fail(self.file, where .. ": label: missing") end
  for k, c in ipairs(track) do
    local frame = math.tointeger(common.number(c.attributes.frame))
    if not frame or frame < 0 or frame > 1 << 31 then
      self.report:fail(self.file, ("%s: %s[%d]: frame: an integer from 0 expected, got %s"):format(where, c.tag, k - 1, common.show(c.attributes.frame)))
    elseif c.attributes.outside ~= "1" or c.tag == "skeleton" then
      local list = self.frames[frame] or {}
      self.frames[frame], self.last = list, math.max(self.last, frame)
      c.attributes.label = track.attributes.label
      list[#list + 1] = json.encode { where = ("%s: %s[%d]"):format(where, c.tag, k - 1), track = math.tointeger(tonumber(track.attributes.id)) or track.attributes.id,
        node = tree.plain(c) }
    end
  end
end

local function label_of(self, frame)
  local label = { kind = "shapes", width = self.width, height = self.height, shapes = json.array {}, meta = self.label_meta }
  for _, text in ipairs(self.frames[frame] or {}) do
    local entry = json.decode(text)
    local object, why = shapes.read(tree.node(entry.node), label, self.report)
    if object then
      object.extra.track = entry.track
      label.shapes[#label.shapes + 1] = object
    else self.report:fail(self.file, ("%s: %s"):format(entry.where, why)) end
  end
  return label
end

local function picture_of(self, frame)
  for _, dir in ipairs { self.root .. "/images", self.root } do
    local path = common.find_picture(("%s/frame_%06d"):format(dir, frame))
    if path then return path end
  end
end

function Index:get(k)
  local frame = self.numbers[k]
  local path = picture_of(self, frame) or ("%s/images/frame_%06d.png"):format(self.root, frame)
  return { path = path, name = common.base(path), relative = path:sub(#self.root + 2), read_label = function() return label_of(self, frame) end,
    load = common.sized_loader(self.width, self.height, self.file) }
end

local function size_in(head, name)
  local size = head:match "<original_size>(.-)</original_size>" or ""
  return math.tointeger(tonumber(size:match("<" .. name .. ">%s*(%d+)%s*</")))
end

-- The frames that have a picture or a shape.
local function numbers_of(self, head)
  local out, count = {}, math.tointeger(tonumber(head:match "<size>%s*(%d+)%s*</size>")) or 0
  local start = math.tointeger(tonumber(head:match "<start_frame>%s*(%d+)%s*</start_frame>")) or 0
  for frame = 0, math.max(self.last, math.min(start + count, 1 << 24) - 1) do
    if self.frames[frame] or picture_of(self, frame) then out[#out + 1] = frame end
  end
  return out
end

--- An index of the frames of a file of tracks. head: the file's beginning; known: its classes, and the prolog that says its
-- encoding.
function M.open(file, opts, head, known)
  local places, message, code = core.xml.index(file, "track")
  if not places then return nil, message, code end
  local width, height = size_in(head, "width"), size_in(head, "height")
  if not width or not height then return nil, file .. ": original_size: width and height expected", "refused" end
  local meta = { class_names = json.array(known.classes) }
  local self = setmetatable({ file = file, report = common.report(), classes = known.classes, label_meta = meta, frames = {}, last = -1, width = width, height = height,
    root = opts.images and common.trim(opts.images) or common.folder(file), meta = { format = "cvat", label = meta } }, Index)
  local text
  text, message, code = core.file.read(file, 1 << 31)
  if not text then return nil, message, code end
  for k = 1, #places // 3 do
    local first, last = places[3 * k - 2], places[3 * k - 1]
    local node, why, word
    if last >= 0 then node, why, word = core.xml.parse(known.prolog .. text:sub(first + 1, last), file) end
    if node then take(self, node, k - 1) elseif why then self.report:fail(file, ("%s: track %d: %s"):format(file, k - 1, why), word) end
  end
  self.numbers = numbers_of(self, head)
  self.count = #self.numbers
  return self
end

return M
