--- YOLO as Ultralytics has it: images/SPLIT/x.jpg next to labels/SPLIT/x.txt, one object a line, numbers in shares of the
-- picture; data.yaml names classes and splits. Boxes, segments, poses and oriented boxes (docs.ultralytics.com/datasets).
--
-- Numbers are written in as few digits as read back the same pixels.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local index_module = require "brink.dataset.index"
local json = core.json

local M = { name = "yolo", doc = "YOLO text files: detect, segment, pose, obb" }

local TASKS = { detect = true, segment = true, pose = true, obb = true }
local SPLITS = { "train", "val", "valid", "test", "minival" }
local CONFIGS = { "data.yaml", "dataset.yaml", "data.yml", "dataset.yml" }
local KNOWN = { path = true, train = true, val = true, test = true, names = true, nc = true, kpt_shape = true, flip_idx = true, task = true }

local function is_yaml(path) return path:find "%.ya?ml$" ~= nil end

local function config_in(dir)
  for _, name in ipairs(CONFIGS) do if common.is_file(dir .. "/" .. name) then return dir .. "/" .. name end end
  for _, name in ipairs(core.file.list(dir) or {}) do
    if is_yaml(name) then
      local text = core.file.read(dir .. "/" .. name, 1 << 20)
      if text and text:find "^names%s*:" or text and text:find "\nnames%s*:" then return dir .. "/" .. name end
    end
  end
end

local function has_text(dir)
  local found = common.walk(dir, function(name) return name:find "%.txt$" ~= nil end, nil, 1)
  return #found > 0
end

function M.detect(path, info)
  if info.type == "file" then
    if not is_yaml(path) then return false end
    local text = core.file.read(path, 1 << 24) or ""
    return text:find "^names%s*:" ~= nil or text:find "\nnames%s*:" ~= nil
  end
  local dir = common.trim(path)
  return config_in(dir) ~= nil or (common.is_dir(dir .. "/images") and common.is_dir(dir .. "/labels") and has_text(dir .. "/labels"))
end

-- names as a map from 0 or a list -> class names, list of those known.
local function read_names(names)
  local by_id, list, max = {}, {}, -1
  if type(names) ~= "table" then return by_id, list end
  if getmetatable(names) ~= nil then -- the mark of a list; a map may look like one
    for k, name in ipairs(names) do by_id[k - 1] = tostring(name) end
    max = #names - 1
  else
    for key, name in next, names do
      local id = math.tointeger(key)
      if id and id >= 0 and id < 1000000 then
        by_id[id] = tostring(name)
        max = math.max(max, id)
      end
    end
  end
  for id = 0, max do list[id + 1] = by_id[id] or tostring(id) end
  return by_id, list
end

-- flip_idx (from 0, for every point the one that takes its place) -> pairs from 1.
local function read_flips(flip_idx)
  if type(flip_idx) ~= "table" then return nil end
  local pairs_list = json.array {}
  for k, other in ipairs(flip_idx) do
    if math.type(other) == "integer" and other > k - 1 and flip_idx[other + 1] == k - 1 then pairs_list[#pairs_list + 1] = { k, other + 1 } end
  end
  return pairs_list
end

local function read_config(path)
  local text, message, code = core.file.read(path, 1 << 26)
  if not text then return nil, message, code end
  local config
  config, message, code = core.yaml.decode(text, path)
  if config == nil then return nil, message, code end
  if type(config) ~= "table" then return nil, path .. ": a map with names, train and val expected", "refused" end
  return config
end

local function classes_txt(dir)
  for _, name in ipairs { "classes.txt", "labels/classes.txt", "obj.names" } do
    local text = core.file.read(dir .. "/" .. name, 1 << 24)
    if text then
      local names = json.array {}
      for line in text:gmatch "[^\r\n]+" do names[#names + 1] = line end
      return names
    end
  end
end

-- A folder or list named in the config: inside the set's root, "../" in front taken off as Roboflow writes it.
local function resolve(root, entry)
  if type(entry) ~= "string" then return nil, "a folder or a list of names expected, got " .. common.show(entry) end
  local rel = entry:gsub("^%./", "")
  while rel:find "^%.%./" do rel = rel:sub(4) end
  local why = common.refusal(rel)
  if why then return nil, ("%q: %s"):format(entry, why) end
  for _, place in ipairs { root .. "/" .. rel, root .. "/images/" .. rel } do
    if common.type_of(place) ~= "missing" then return place end
  end
  return nil, ("%q: no such file or folder in %s"):format(entry, root)
end

-- Pictures of one entry of a split, as paths.
local function pictures_of(place, root, report, out)
  if common.is_dir(place) then
    for _, rel in ipairs((common.walk(place, common.is_picture, report))) do out[#out + 1] = place .. "/" .. rel end
    return
  end
  local text, message, code = core.file.read(place)
  if not text then return report:fail(place, message, code) end
  local number = 0
  for line in (text .. "\n"):gmatch "(.-)\r?\n" do
    number = number + 1
    if line ~= "" then
      local rel = line:gsub("^%./", "")
      local why = common.refusal(rel)
      if why then report:fail(place, ("%s:%d: %q: %s"):format(place, number, line, why)) else out[#out + 1] = root .. "/" .. rel end
    end
  end
end

--- images/a/x.jpg -> labels/a/x.txt: the last folder called images; without one, beside the picture.
function M.label_path(picture)
  local stem = common.stem(picture)
  local before, after = ("/" .. stem):match "^(.*)/images/(.*)$"
  if before then return ((before .. "/labels/" .. after .. ".txt"):sub(2)) end
  return stem .. ".txt"
end

-- Lines ------------------------------------------------------------------------------------------------------------------

local function fields_of(line)
  local out = {}
  for word in line:gmatch "%S+" do out[#out + 1] = word end
  return out
end

local function box_of(v, first, width, height)
  local w, h = v[first + 2] * width, v[first + 3] * height
  return v[first] * width - w / 2, v[first + 1] * height - h / 2, w, h
end

local function points_of(v, first, last, width, height)
  local out = {}
  for k = first, last, 2 do out[#out + 1], out[#out + 2] = v[k] * width, v[k + 1] * height end
  return out
end

local function read_pose(object, v, self, report, width, height)
  local k_count, dims = self.kpt[1], self.kpt[2]
  if #v ~= 4 + k_count * dims then
    return nil, ("%d numbers expected (a box and %d points of %d), got %d"):format(4 + k_count * dims, k_count, dims, #v)
  end
  local points = {}
  for k = 1, k_count do
    local at = 5 + (k - 1) * dims
    local x, y, see = v[at], v[at + 1], dims == 3 and v[at + 2] or (v[at] == 0 and v[at + 1] == 0) and 0 or 2
    see = math.tointeger(see)
    if see == nil or see < 0 or see > 2 then return nil, ("point %d: visibility 0, 1 or 2 expected, got %s"):format(k, v[at + 2]) end
    if see > 0 then
      local hx, hy = math.min(math.max(x, 0), 1), math.min(math.max(y, 0), 1)
      if (hx ~= x or hy ~= y) and math.max(math.abs(hx - x), math.abs(hy - y)) <= 1e-3 then
        report.clipped = report.clipped + 1
        x, y = hx, hy
      end
    end
    table.move({ x * width, y * height, see }, 1, 3, #points + 1, points)
  end
  object.keypoints = points
  return object
end

-- Numbers behind the class as an object's shapes, or nil and what is wrong.
local function read_shapes(object, v, self, report, width, height)
  local task, n = self.task, #v
  local boxed = task == "pose" or n == 4 or (n == 5 and task ~= "segment")
  if boxed and n < 4 then return nil, ("4 numbers cx cy w h expected after the class, got %d"):format(n) end
  if boxed then
    for k = 1, 2 do if v[k] < -1e-3 or v[k] > 1 + 1e-3 then return nil, ("centre %g: a share of the picture in 0..1 expected"):format(v[k]) end end
    local x, y, w, h = box_of(v, 1, width, height)
    local box, why = common.box(report, x, y, w, h, width, height)
    if not box then return nil, why end
    object.box = box
    if task == "pose" then return read_pose(object, v, self, report, width, height) end
    if n == 5 then object.extra = { confidence = v[5] } end
    return object
  end
  if n < 6 or n % 2 ~= 0 then return nil, ("a box of 4 numbers or 3 points or more expected after the class, got %d numbers"):format(n) end
  if task == "obb" then
    if n ~= 8 then return nil, ("4 corners (8 numbers) expected after the class, got %d numbers"):format(n) end
    object.quad = points_of(v, 1, 8, width, height)
    object.box = common.bounds { object.quad }
    return object
  end
  local ring, why = common.ring(report, points_of(v, 1, n, width, height), width, height)
  if not ring then return nil, why end
  object.polygon, object.box = { parts = { ring }, holes = {} }, common.bounds { ring }
  return object
end

local function read_line(line, self, report, width, height)
  local words = fields_of(line)
  local v = {}
  local id = math.tointeger(common.number(words[1]))
  if not id then return nil, "class: an integer from 0 expected, got " .. common.show(words[1]) end
  if id < 0 then return nil, ("class: %d, an integer from 0 expected"):format(id) end
  if self.classes[1] and id >= #self.classes then return nil, ("class: %d, but there are names for 0..%d"):format(id, #self.classes - 1) end
  for k = 2, #words do
    v[k - 1] = common.number(words[k])
    if not v[k - 1] then return nil, ("column %d: a finite number expected, got %s"):format(k, common.show(words[k])) end
  end
  return read_shapes({ class = self.by_id[id] or id, class_id = id }, v, self, report, width, height)
end

--- The objects in the text of a label file. `self`: by_id, classes, task, kpt.
function M.decode(text, path, self, report, width, height)
  local objects, number = json.array {}, 0
  for line in (text .. "\n"):gmatch "(.-)\r?\n" do
    number = number + 1
    if line:find "%S" then
      local object, why = read_line(line, self, report, width, height)
      if object then objects[#objects + 1] = object else report:fail(path, ("%s:%d: %s"):format(path, number, why)) end
    end
  end
  return objects
end

-- Segments or oriented boxes? Both may have 8 numbers: segments when any line has another count.
local function guess_task(items)
  local eights, others = 0, 0
  for k = 1, math.min(#items, 500) do
    local text = core.file.read(M.label_path(items[k]), 1 << 24)
    for line in (text or ""):gmatch "[^\r\n]+" do
      local n = #fields_of(line) - 1
      if n == 8 then eights = eights + 1 elseif n > 5 then others = others + 1 end
    end
    if others > 0 then return "segment" end
  end
  return eights > 0 and "obb" or "detect"
end

local function read_label(self, path)
  local file = M.label_path(path)
  local width, height, code = common.size(path)
  if not width then
    self.report:fail(path, height, code)
    return nil
  end
  local label = { kind = "shapes", width = width, height = height, shapes = json.array {}, meta = self.label_meta }
  if common.type_of(file) == "missing" then return label end
  local text, message
  text, message, code = core.file.read(file, 1 << 28)
  if not text then
    self.report:fail(file, message, code)
    return nil
  end
  label.shapes = M.decode(text, file, self, self.report, width, height)
  return label
end

local function relative_to(root, path) return path:sub(1, #root + 1) == root .. "/" and path:sub(#root + 2) or path end

local function new_index(items, split, shared)
  return index_module.list(items, function(path, _, self)
    return { path = path, name = common.base(path), relative = relative_to(shared.root, path), split = split,
      read_label = function() return read_label(self, path) end }
  end, setmetatable({ split = split, report = common.report() }, { __index = shared }))
end

local function entries_of(config, root)
  local list = {}
  if config then
    for _, split in ipairs(SPLITS) do
      local entry = config[split]
      if entry ~= nil and entry ~= json.null then list[#list + 1] = { split = split, places = type(entry) == "table" and entry or { entry } } end
    end
    if #list > 0 then return list end
  end
  for _, split in ipairs(SPLITS) do
    if common.is_dir(root .. "/images/" .. split) then list[#list + 1] = { split = split, places = { "images/" .. split } }
    elseif common.is_dir(root .. "/" .. split .. "/images") then list[#list + 1] = { split = split, places = { split .. "/images" } } end
  end
  if #list == 0 then list[1] = { places = { common.is_dir(root .. "/images") and "images" or "." } } end
  return list
end

local function shared_of(config, root, opts, path)
  local names = config and config.names
  if names == nil then names = classes_txt(root) end
  local by_id, classes = read_names(names)
  local kpt = config and type(config.kpt_shape) == "table" and config.kpt_shape or nil
  if kpt and not (#kpt == 2 and math.type(kpt[1]) == "integer" and kpt[1] > 0 and (kpt[2] == 2 or kpt[2] == 3)) then
    return nil, path .. ": kpt_shape: [points, 2 or 3] expected", "refused"
  end
  local task = opts.task or config and TASKS[config.task] and config.task or kpt and "pose" or nil
  if task and not TASKS[task] then error("dataset: task: detect, segment, pose or obb expected, got " .. tostring(task), 0) end
  if task == "pose" and not kpt then return nil, path .. ": kpt_shape is missing, [points, 2 or 3] expected for poses", "refused" end
  local meta = { class_names = json.array(classes), flip_pairs = config and read_flips(config.flip_idx) }
  local shared = { root = root, by_id = by_id, classes = classes, kpt = kpt, task = task, label_meta = meta }
  shared.meta = { format = "yolo", label = meta, yolo = { kpt_shape = kpt, flip_idx = config and config.flip_idx, rest = config and common.unknown(config, KNOWN) } }
  return shared
end

--- opts: task ("detect", "segment", "pose", "obb"; else from the files), split, root (else where data.yaml is).
function M.open(path, opts)
  local info = core.file.info(path)
  local file = info.type == "file" and path or config_in(common.trim(path))
  local config, message, code
  if file then
    config, message, code = read_config(file)
    if not config then return nil, message, code end
  end
  local base = file and common.folder(file) or common.trim(path)
  local root = opts.root or base
  if not opts.root and config and type(config.path) == "string" and not common.refusal(config.path) and common.is_dir(base .. "/" .. config.path) and config.path ~= "." then
    root = base .. "/" .. common.trim(config.path:gsub("^%./", ""))
  end
  local shared
  shared, message, code = shared_of(config, root, opts, file or path)
  if not shared then return nil, message, code end
  local parts, seen, problem = {}, {}, common.report()
  for _, entry in ipairs(entries_of(config, root)) do
    local items, key = {}, {}
    for _, name in ipairs(entry.places) do
      local place, why = resolve(root, name)
      if place then
        pictures_of(place, root, problem, items)
        key[#key + 1] = place
      else problem:fail(file or path, ("%s: %s: %s"):format(file or path, entry.split or "images", why)) end
    end
    key = table.concat(key, "\n")
    if not seen[key] and (not opts.split or opts.split == entry.split) then parts[#parts + 1] = new_index(items, entry.split, shared) end
    seen[key] = true
  end
  if #parts == 0 then return nil, ("%s: no split %s"):format(path, tostring(opts.split)), "unsupported" end
  if not shared.task then shared.task = guess_task(parts[1].items) end
  shared.meta.yolo.task = shared.task
  for _, f in ipairs(problem.failures) do parts[1].report:fail(f.path, f.reason, f.code) end
  if #parts == 1 then return parts[1] end
  return index_module.join(parts)
end

-- Writing ----------------------------------------------------------------------------------------------------------------

-- Shortest decimals (6 digits or more) of numbers in shares, so that `same` holds for what they read back as.
local function shares(values, same)
  local texts, read
  for digits = 6, 17 do
    texts, read = {}, {}
    for k, v in ipairs(values) do
      texts[k] = (digits < 17 and "%." .. digits .. "f" or "%.17g"):format(v)
      read[k] = tonumber(texts[k])
    end
    if same(read) then break end
  end
  return table.concat(texts, " ")
end

local function box_text(box, width, height)
  local v = { (box[1] + box[3] / 2) / width, (box[2] + box[4] / 2) / height, box[3] / width, box[4] / height }
  return shares(v, function(r)
    local x, y, w, h = box_of(r, 1, width, height)
    return x == box[1] and y == box[2] and w == box[3] and h == box[4]
  end)
end

local function points_text(points, width, height)
  local out = {}
  for k = 1, #points do
    local size = k % 2 == 1 and width or height
    out[k] = shares({ points[k] / size }, function(r) return r[1] * size == points[k] end)
  end
  return table.concat(out, " ")
end

local function signed_area(ring)
  local sum, px, py = 0, ring[#ring - 1], ring[#ring]
  for k = 1, #ring, 2 do
    sum = sum + px * ring[k + 1] - ring[k] * py
    px, py = ring[k], ring[k + 1]
  end
  return sum
end

local function turned(ring, k)
  local out = table.move(ring, k, #ring, 1, {})
  return table.move(ring, 1, k - 1, #out + 1, out)
end

local function reversed(ring)
  local out = {}
  for k = #ring - 1, 1, -2 do out[#out + 1], out[#out + 2] = ring[k], ring[k + 1] end
  return out
end

-- Two rings as one, over a bridge of no width between their nearest points.
local function bridged(a, b)
  local best, at_a, at_b = math.huge, 1, 1
  for i = 1, #a, 2 do
    for j = 1, #b, 2 do
      local d = (a[i] - b[j])^2 + (a[i + 1] - b[j + 1])^2
      if d < best then best, at_a, at_b = d, i, j end
    end
  end
  local out, inner = table.move(a, 1, at_a + 1, 1, {}), turned(b, at_b)
  table.move(inner, 1, #inner, #out + 1, out)
  out[#out + 1], out[#out + 2] = inner[1], inner[2]
  out[#out + 1], out[#out + 2] = a[at_a], a[at_a + 1]
  return table.move(a, at_a + 2, #a, #out + 1, out)
end

--- A polygon of several parts and holes as one ring: parts turn one way, holes the other.
function M.one_ring(polygon)
  local ring = polygon.parts[1]
  local way = signed_area(ring) >= 0
  for k = 2, #polygon.parts do
    local part = polygon.parts[k]
    ring = bridged(ring, (signed_area(part) >= 0) == way and part or reversed(part))
  end
  for _, hole in ipairs(polygon.holes or {}) do ring = bridged(ring, (signed_area(hole) >= 0) == way and reversed(hole) or hole) end
  return ring
end

local function polygon_of(object)
  if object.polygon then return object.polygon end
  if object.mask then
    local rle = common.rle(object.mask)
    return core.shapes.mask_polygon(core.shapes.rle_mask(rle))
  end
  if object.quad then return { parts = { object.quad } } end
  if object.obb then return { parts = { common.corners(object.obb) } } end
  local b = common.box_of(object)
  return b and { parts = { { b[1], b[2], b[1] + b[3], b[2], b[1] + b[3], b[2] + b[4], b[1], b[2] + b[4] } } }
end

local function corners_of(object)
  if object.quad then return object.quad end
  if object.obb then return common.corners(object.obb) end
  local polygon = polygon_of(object)
  if not polygon then return nil end
  if #polygon.parts == 1 and #polygon.parts[1] == 8 then return polygon.parts[1] end
  local points = {}
  for _, part in ipairs(polygon.parts) do table.move(part, 1, #part, #points + 1, points) end
  return common.corners { core.shapes.rectangle(points) }
end

local function pose_text(object, opts, width, height)
  local box = common.box_of(object)
  if not box then return nil end
  local kpt = opts.meta.yolo and opts.meta.yolo.kpt_shape or opts.kpt_shape
  local out, points = { box_text(box, width, height) }, object.keypoints or {}
  for k = 1, kpt[1] do
    local x, y, v = points[3 * k - 2] or 0, points[3 * k - 1] or 0, points[3 * k] or 0
    if v == 0 and (x < 0 or y < 0 or x > width or y > height) then x, y = 0, 0 end
    out[#out + 1] = points_text({ x, y }, width, height)
    if kpt[2] == 3 then out[#out + 1] = ("%d"):format(v) end
  end
  return table.concat(out, " ")
end

local function shape_text(object, opts, label, task)
  local width, height = label.width, label.height
  if task == "pose" then return pose_text(object, opts, width, height) end
  if task == "segment" then
    local polygon = polygon_of(object)
    return polygon and #polygon.parts > 0 and points_text(M.one_ring(polygon), width, height) or nil
  end
  if task == "obb" then
    local corners = corners_of(object)
    return corners and points_text(corners, width, height)
  end
  local box = common.box_of(object)
  local confidence = type(object.extra) == "table" and object.extra.confidence
  return box and box_text(box, width, height) .. (common.finite(confidence) and " " .. common.text(confidence) or "")
end

-- A class as its number from 0: by name; a number stays.
local function class_of(object, opts)
  local id = opts.class_ids[object.class]
  if id then return id - 1 end
  if math.type(object.class) == "integer" and object.class >= 0 and not opts.classes[1] then return object.class end
  return nil
end

local function task_of(opts)
  local meta = opts.meta
  if opts.task then return opts.task end
  if meta.yolo and meta.yolo.task then return meta.yolo.task end
  if meta.label and meta.label.keypoint_names then
    opts.kpt_shape = { #meta.label.keypoint_names, 3 }
    return "pose"
  end
  return "detect"
end

M.needs_classes = true
function M.place(name, split) return "images/" .. (split or "train") .. "/" .. name end

--- The label file beside a picture. Task: opts.task, else that of the set it was read from, else pose where the set names
-- keypoints, else detect.
function M.files(record, opts)
  local label, task, lines = record.label, task_of(opts), {}
  if label ~= nil and not common.is_shapes(label) then return nil, "a label of shapes expected, got " .. common.show(label) end
  for k, object in ipairs(common.objects(label)) do
    local id = class_of(object, opts)
    if not id then return nil, ("object %d: class %s is not among the set's classes"):format(k, common.show(object.class)) end
    local text = shape_text(object, opts, label, task)
    if text then lines[#lines + 1] = ("%d %s\n"):format(id, text) end
  end
  return { { M.label_path(record.name), table.concat(lines) } }
end

-- A JSON text is also YAML.
local function yaml_lines(t, out, skip)
  for _, key in ipairs(common.sorted(t)) do
    if not skip[key] then out[#out + 1] = ("%s: %s\n"):format(json.encode(tostring(key)), json.encode(t[key])) end
  end
end

--- data.yaml.
function M.finish(folder, _, opts)
  local out, splits, task = { "path: .\n" }, {}, task_of(opts)
  for _, split in ipairs(opts.splits) do splits[split or "train"] = true end
  if not next(splits) then splits.train = true end
  local train = splits.train and "train" or common.sorted(splits)[1]
  for _, split in ipairs { "train", "val", "test" } do
    local other = split == "val" and splits.valid and not splits.val and "valid" or split
    if splits[other] then out[#out + 1] = ("%s: images/%s\n"):format(split, other)
    elseif split ~= "test" then out[#out + 1] = ("%s: images/%s\n"):format(split, train) end
  end
  for _, split in ipairs(common.sorted(splits)) do
    if split ~= "train" and split ~= "val" and split ~= "valid" and split ~= "test" then out[#out + 1] = ("%s: images/%s\n"):format(json.encode(split), split) end
  end
  if #opts.classes > 0 then
    out[#out + 1] = ("nc: %d\nnames:\n"):format(#opts.classes)
    for k, name in ipairs(opts.classes) do out[#out + 1] = ("  %d: %s\n"):format(k - 1, json.encode(tostring(name))) end
  end
  local yolo, label = opts.meta.yolo or {}, opts.meta.label or {}
  if task == "pose" then
    local kpt = yolo.kpt_shape or opts.kpt_shape
    out[#out + 1] = ("kpt_shape: [%d, %d]\n"):format(kpt[1], kpt[2])
    local flip = yolo.flip_idx
    if not flip and label.flip_pairs and #label.flip_pairs > 0 then
      flip = {}
      for k = 1, kpt[1] do flip[k] = k - 1 end
      for _, p in ipairs(label.flip_pairs) do flip[p[1]], flip[p[2]] = p[2] - 1, p[1] - 1 end
    end
    if flip then out[#out + 1] = ("flip_idx: %s\n"):format(json.encode(json.array(flip))) end
  end
  out[#out + 1] = "task: " .. task .. "\n"
  yaml_lines(yolo.rest or {}, out, KNOWN)
  local file = folder:open "data.yaml"
  file:write(table.concat(out))
  file:commit()
end

return M
