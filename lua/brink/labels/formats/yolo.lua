--- YOLO as Ultralytics has it: images/SPLIT/x.jpg next to labels/SPLIT/x.txt, one object a line, numbers in shares of the
-- picture; data.yaml names classes and splits. Boxes, segments, poses and oriented boxes (docs.ultralytics.com/datasets).
--
-- A line holds one ring: several parts and holes are written as one, over bridges without width, and read back as one ring of
-- the same area. Numbers are written in as few digits as read back the same pixels.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local index_module = require "brink.dataset.index"
local writing = require "brink.labels.formats.yolo_write"
local json = core.json

local M = { name = "yolo", doc = "YOLO text files: detect, segment, pose, obb", needs_classes = true, label_path = writing.label_path,
  place = writing.place, files = writing.files, finish = writing.finish }

local TASKS = { detect = true, segment = true, pose = true, obb = true }
local SPLITS = { "train", "val", "valid", "test", "minival" }
local CONFIGS = { "data.yaml", "dataset.yaml", "data.yml", "dataset.yml" }
local KNOWN = writing.KNOWN

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

-- Lines ------------------------------------------------------------------------------------------------------------------

local function fields_of(line)
  local out = {}
  for word in line:gmatch "%S+" do out[#out + 1] = word end
  return out
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
    local x, y, w, h = writing.box_of(v, 1, width, height)
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
  text = text:gsub("^\xEF\xBB\xBF", "")
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
    local text = core.file.read(writing.label_path(items[k]), 1 << 24)
    for line in (text or ""):gmatch "[^\r\n]+" do
      local n = #fields_of(line) - 1
      if n == 8 then eights = eights + 1 elseif n > 5 then others = others + 1 end
    end
    if others > 0 then return "segment" end
  end
  return eights > 0 and "obb" or "detect"
end

local function read_label(self, path)
  local file = writing.label_path(path)
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

return M
