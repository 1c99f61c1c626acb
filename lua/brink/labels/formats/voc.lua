--- Pascal VOC: one XML file per picture in Annotations, pictures in JPEGImages, masks as palette PNG in SegmentationClass and
-- SegmentationObject (0 background, 255 void), splits in ImageSets/Main.
--
-- Corners are read from 0, as most tools write them; one_based = true reads the development kit's: from 1, inclusive.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local index_module = require "brink.dataset.index"
local tree = require "brink.labels.formats.tree"
local json = core.json

local M = { name = "voc", doc = "Pascal VOC XML and palette masks" }

local VOID = 255
local LABEL_TAGS = { filename = true, path = true, size = true, object = true }
local OBJECT_TAGS = { name = true, pose = true, truncated = true, difficult = true, occluded = true, bndbox = true }
local FLAGS = { "pose", "truncated", "difficult", "occluded" }

local function is_annotation(path) return path:find "%.xml$" and tree.begins(path, "annotation") end

-- The folder of XML files of a set: DIR/Annotations or DIR.
local function xml_folder(dir)
  for _, sub in ipairs { dir .. "/Annotations", dir .. "/annotations", dir } do
    local names = common.is_dir(sub) and core.file.list(sub) or {}
    for _, name in ipairs(names) do if is_annotation(sub .. "/" .. name) then return sub end end
  end
end

function M.detect(path, info)
  if info.type == "file" then return is_annotation(path) end
  local dir = common.trim(path)
  return xml_folder(dir) ~= nil or common.is_dir(dir .. "/SegmentationClass")
end

-- Pictures of masks --------------------------------------------------------------------------------------------------------

-- The palette of a PNG as hex digits of 768 bytes, nil without one.
local function palette_of(bytes)
  local at = 9
  while at + 8 <= #bytes do
    local n, kind = string.unpack(">I4c4", bytes, at)
    if kind == "PLTE" and n <= 768 and n % 3 == 0 and at + 8 + n <= #bytes then
      local colours = bytes:sub(at + 8, at + 7 + n) .. ("\0"):rep(768 - n)
      return (colours:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
    end
    if kind == "IDAT" then return nil end
    at = at + 12 + n
  end
end

local function load_mask(path, report)
  if not common.is_file(path) then return nil end
  local bytes, message, code = core.file.read(path, 1 << 30)
  local image
  if bytes then image, message, code = core.image.decode(bytes, { keep_palette = true, name = path }) end
  if not image then
    report:fail(path, message, code)
    return nil
  end
  if image.channels ~= 1 or image.type ~= "u8" then
    report:fail(path, path .. ": a picture of indices (palette or grey) expected")
    return nil
  end
  return image, palette_of(bytes)
end

local function read_masks(self, stem, label)
  local image, palette = load_mask(self.root .. "/SegmentationClass/" .. stem .. ".png", self.report)
  if image and (image.width ~= label.width or image.height ~= label.height) then
    self.report:fail(stem, ("SegmentationClass/%s.png: %d x %d, but the picture is %d x %d"):format(stem, image.width, image.height, label.width, label.height))
    return
  end
  label.segmentation, label.palette = image, palette
  local path = self.root .. "/SegmentationObject/" .. stem .. ".png"
  local objects = load_mask(path, self.report)
  if not objects then return end
  if objects.width ~= label.width or objects.height ~= label.height then
    self.report:fail(path, ("%s: %d x %d, but the picture is %d x %d"):format(path, objects.width, objects.height, label.width, label.height))
    return
  end
  local highest = objects:stats().max[1]
  for k, object in ipairs(label.shapes) do
    local runs, x = core.index.runs(objects, k)
    if x then object.mask = { size = { objects.height, objects.width }, counts = common.compress(runs) } end
  end
  for k = #label.shapes + 1, math.min(highest, VOID - 1) do
    local runs, x, y, w, h = core.index.runs(objects, k)
    if x then
      label.shapes[k] = { box = { x, y, w, h }, mask = { size = { objects.height, objects.width }, counts = common.compress(runs) }, extra = { no_box = true } }
    else
      label.shapes[k] = nil
      break
    end
  end
  if image and common.compress((core.index.runs(objects, VOID))) ~= common.compress((core.index.runs(image, VOID))) then
    self.report:fail(path, path .. ": its void (255) is not that of SegmentationClass, which is kept")
  end
end

-- XML ----------------------------------------------------------------------------------------------------------------------

local function corner(node, tag)
  local text = tree.text(node, tag)
  local v = common.number(text)
  if not v then return nil, ("bndbox.%s: a number expected, got %s"):format(tag, common.show(text)) end
  return v
end

local function read_box(node, self, label)
  local box = tree.child(node, "bndbox")
  if not box then return nil, "bndbox: missing" end
  local v = {}
  for k, tag in ipairs { "xmin", "ymin", "xmax", "ymax" } do
    local why
    v[k], why = corner(box, tag)
    if not v[k] then return nil, why end
  end
  if v[3] < v[1] or v[4] < v[2] then
    return nil, ("bndbox: %g, %g is before %g, %g"):format(v[3], v[4], v[1], v[2])
  end
  if self.one_based then v[1], v[2] = v[1] - 1, v[2] - 1 end
  return common.box(self.report, v[1], v[2], v[3] - v[1], v[4] - v[2], label.width, label.height)
end

local function read_object(node, self, label)
  local name = tree.text(node, "name")
  if not name or name == "" then return nil, "name: a class expected" end
  local box, why = read_box(node, self, label)
  if not box then return nil, why end
  local object = { class = name, box = box }
  for _, tag in ipairs(FLAGS) do
    local text = tree.text(node, tag)
    if text then
      object.attributes = object.attributes or {}
      object.attributes[tag] = math.tointeger(tonumber(text)) or text
    end
  end
  for _, c in ipairs(node) do
    if not OBJECT_TAGS[c.tag] then
      object.extra = object.extra or { voc = {} }
      table.insert(object.extra.voc, tree.plain(c))
    end
  end
  return object
end

local function read_xml(self, path, label)
  local text, message, code = core.file.read(path, 1 << 28)
  local root
  if text then root, message, code = core.xml.parse(text, path) end
  if root and root.tag ~= "annotation" then root, message, code = nil, path .. ": an element annotation expected, got " .. root.tag, "refused" end
  if not root then
    self.report:fail(path, message, code)
    return nil
  end
  local size = tree.child(root, "size")
  local w, h = size and common.number(tree.text(size, "width")), size and common.number(tree.text(size, "height"))
  if math.tointeger(w) and w > 0 and math.tointeger(h) and h > 0 then label.width, label.height = math.tointeger(w), math.tointeger(h) end
  label.name = tree.text(root, "filename")
  local k = 0
  for _, node in ipairs(root) do
    if node.tag == "object" then
      local object, why = read_object(node, self, label)
      if object then label.shapes[#label.shapes + 1] = object
      else self.report:fail(path, ("%s:%d: object[%d]: %s"):format(path, node.line, k, why)) end
      k = k + 1
    elseif not LABEL_TAGS[node.tag] then
      label.extra = label.extra or { voc = {} }
      table.insert(label.extra.voc, tree.plain(node))
    end
  end
  return root
end

local Index = {}
Index.__index = Index

function Index:picture(stem)
  for _, dir in ipairs { self.root .. "/JPEGImages", self.root .. "/images", self.xml, self.root } do
    local path = common.find_picture(dir .. "/" .. stem)
    if path then return path end
  end
  return self.root .. "/JPEGImages/" .. stem .. ".jpg"
end

function Index:label(stem, picture)
  local label = { kind = "shapes", shapes = json.array {}, meta = self.label_meta }
  local path = self.xml and self.xml .. "/" .. stem .. ".xml"
  local declared
  if path and common.is_file(path) then
    -- a size is needed to hold boxes to the frame; that in the file may be missing or 0
    if not read_xml(self, path, label) then return nil end
    declared = label.width
  end
  if not declared then label.width, label.height = common.size(picture) end
  label.name = nil
  if label.width then read_masks(self, stem, label) end
  return label
end

function Index:get(k)
  local stem = self.stems[k]
  local path = self:picture(stem)
  return { path = path, name = common.base(path), relative = stem .. (path:match "%.%w+$" or ""), split = self.split,
    read_label = function() return self:label(stem, path) end,
    load = function(sample)
      local image, info, code = core.image.load(path)
      if not image then return image, info, code end
      local label = sample.label
      if type(label) == "table" and label.width and (label.width ~= image.width or label.height ~= image.height) then
        if (info.orientation or 1) >= 5 and label.width == image.height and label.height == image.width then return core.image.load(path, { raw_orientation = true }) end
        return nil, ("%s: %d x %d, but its label says %d x %d"):format(path, image.width, image.height, label.width, label.height), "mismatch"
      end
      return image, info
    end }
end

local function classes(self)
  local seen = {}
  for k = 1, self.count do
    local label = { shapes = {} }
    local path = self.xml and self.xml .. "/" .. self.stems[k] .. ".xml"
    if path and common.is_file(path) then read_xml(setmetatable({ report = common.report() }, { __index = self }), path, label) end
    for _, object in ipairs(label.shapes) do if object.class then seen[object.class] = true end end
  end
  return common.sorted(seen)
end

-- The stems a split names, a line each; "stem 1" of the lists per class too. report: gets names that cannot be followed.
local function split_stems(root, split, report)
  local path = root .. "/ImageSets/Main/" .. split .. ".txt"
  local text = core.file.read(path, 1 << 30)
  if not text then return nil end
  local list, number = {}, 0
  for line in (text .. "\n"):gmatch "(.-)\r?\n" do
    number = number + 1
    local stem = line:match "^%s*(.-)%s*$"
    stem = stem:match "^(%S+)%s+%-?[01]$" or stem
    local why = stem ~= "" and common.refusal(stem)
    if why then report:fail(path, ("%s:%d: %s: %s"):format(path, number, common.show(stem), why))
    elseif stem ~= "" then list[#list + 1] = stem end
  end
  return list
end

local function all_stems(root, xml)
  local dir, ending = xml, "%.xml$"
  if not dir then dir, ending = root .. "/SegmentationClass", "%.png$" end
  local list = common.walk(dir, function(name) return name:find(ending) ~= nil end)
  for k, name in ipairs(list) do list[k] = common.stem(name) end
  return list
end

--- opts: split, one_based.
function M.open(path, opts)
  local info = core.file.info(path)
  local root = info.type == "file" and common.folder(path) or common.trim(path)
  local xml = info.type == "file" and root or xml_folder(root)
  if info.type == "file" and common.base(root) == "Annotations" then root = common.folder(root) end
  local label_meta = { void = common.is_dir(root .. "/SegmentationClass") and VOID or nil }
  local meta = { format = "voc", label = label_meta, voc = { one_based = opts.one_based or nil } }
  local function part(stems, split, report)
    report = report or common.report()
    return setmetatable({ stems = stems, count = #stems, split = split, root = root, xml = xml, report = report, classes = classes,
      one_based = opts.one_based, label_meta = label_meta, meta = meta }, Index)
  end
  if info.type == "file" then return part { common.stem(common.base(path)) } end
  local parts = {}
  for _, split in ipairs(opts.split and { opts.split } or { "train", "val", "test" }) do
    local report = common.report()
    local stems = split_stems(root, split, report)
    if stems then parts[#parts + 1] = part(stems, split, report) end
  end
  if opts.split and #parts == 0 then return nil, ("%s: no ImageSets/Main/%s.txt"):format(path, opts.split), "unsupported" end
  if #parts == 0 then return part(all_stems(root, xml)) end
  return #parts == 1 and parts[1] or index_module.join(parts)
end

-- Writing ------------------------------------------------------------------------------------------------------------------

function M.place(name) return "JPEGImages/" .. name end

local function element(tag, text) return { tag = tag, text = tostring(text) } end

local function write_object(object, opts, out)
  local box = common.box_of(object)
  if not box then return end
  local one = opts.meta.voc and opts.meta.voc.one_based and 1 or 0
  local node = { tag = "object", children = { element("name", object.class or "object") } }
  for _, tag in ipairs(FLAGS) do
    local v = object.attributes and object.attributes[tag]
    if type(v) == "boolean" then v = v and 1 or 0 end
    if v ~= nil and type(v) ~= "table" then table.insert(node.children, element(tag, v)) end
  end
  local function child(tag, v) return element(tag, common.text(v)) end
  table.insert(node.children, { tag = "bndbox", children = { child("xmin", box[1] + one), child("ymin", box[2] + one),
    child("xmax", box[1] + box[3]), child("ymax", box[2] + box[4]) } })
  for _, extra in ipairs(object.extra and object.extra.voc or {}) do table.insert(node.children, extra) end
  tree.write(node, out, "  ")
end

local function write_xml(record, opts)
  local label = record.label
  local out = { "<annotation>\n", ("  <filename>%s</filename>\n"):format(core.xml.quote(common.base(record.name))),
    ("  <size>\n    <width>%d</width>\n    <height>%d</height>\n    <depth>%d</depth>\n  </size>\n"):format(record.width, record.height, record.channels or 3) }
  for _, extra in ipairs(label and label.extra and label.extra.voc or {}) do tree.write(extra, out, "  ") end
  for _, object in ipairs(common.objects(label)) do
    if not (object.extra and object.extra.no_box) then write_object(object, opts, out) end
  end
  out[#out + 1] = "</annotation>\n"
  return table.concat(out)
end

local function write_masks(label, stem, out)
  local segmentation = label.segmentation
  local palette = common.palette_bytes(label.palette)
  out[#out + 1] = { "SegmentationClass/" .. stem .. ".png", assert(segmentation:encode("png", { palette = palette })) }
  local any = false
  for k, object in ipairs(label.shapes) do
    if object.mask and k >= VOID then return ("object %d: a mask of instances holds %d of them"):format(k, VOID - 1) end
    any = any or object.mask ~= nil
  end
  if not any then return end
  local image = core.image.new(segmentation.width, segmentation.height, 1, "u8", 0)
  for k, object in ipairs(label.shapes) do
    if object.mask then image = assert(core.index.paint(image, (common.counts(common.rle(object.mask).counts)), k)) end
  end
  image = assert(core.index.paint(image, (core.index.runs(segmentation, VOID)), VOID))
  out[#out + 1] = { "SegmentationObject/" .. stem .. ".png", assert(image:encode("png", { palette = palette })) }
end

--- Annotations/x.xml, and masks where the label has a segmentation.
function M.files(record, opts)
  local label = record.label
  if label ~= nil and not common.is_shapes(label) then return nil, "a label of shapes expected, got " .. common.show(label) end
  local stem = common.stem(record.name:gsub("^JPEGImages/", ""))
  local out = { { "Annotations/" .. stem .. ".xml", write_xml(record, opts) } }
  local why = label and type(label.segmentation) == "userdata" and write_masks(label, stem, out)
  if why then return nil, why end
  return out
end

--- ImageSets/Main/SPLIT.txt.
function M.finish(folder, records, opts)
  for _, split in ipairs(opts.splits) do
    if split then
      local out = folder:open("ImageSets/Main/" .. split .. ".txt")
      for record in records(split) do out:write(common.stem(record.name:gsub("^JPEGImages/", "")), "\n") end
      out:commit()
    end
  end
end

return M
