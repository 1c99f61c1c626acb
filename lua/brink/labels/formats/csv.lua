--- CSV: a row per picture (path, label), or per box (path, xmin, ymin, xmax, ymax, class); RFC 4180 quotes, header optional.
-- "albumentations" is the same with corners in shares of the picture, 0..1.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local index_module = require "brink.dataset.index"
local rows = require "brink.labels.formats.rows"
local json = core.json

local NAMES = {
  path = { "path", "file", "filename", "file_name", "image", "image_path", "img", "filepath", "image_name", "imagename" },
  label = { "label", "class", "class_name", "category", "target", "class_label" },
  xmin = { "xmin", "x_min", "x1", "left", "xtl" }, ymin = { "ymin", "y_min", "y1", "top", "ytl" },
  xmax = { "xmax", "x_max", "x2", "right", "xbr" }, ymax = { "ymax", "y_max", "y2", "bottom", "ybr" },
  width = { "width", "image_width", "img_width" }, height = { "height", "image_height", "img_height" },
}
local BOX = { "xmin", "ymin", "xmax", "ymax" }

-- Which column is what, from a header; nil when the row is none.
local function read_header(fields)
  local at = {}
  for k, field in ipairs(fields) do
    local name = field:lower():match "^%s*(.-)%s*$"
    for what, names in next, NAMES do
      for _, n in ipairs(names) do if n == name and not at[what] then at[what] = k end end
    end
  end
  if not at.path or not (at.label or at.xmin) then return nil end
  at.names, at.columns = fields, #fields
  return at
end

local function plain_columns(fields)
  local function box(first)
    for k = first, first + 3 do if fields[k] ~= "" and not common.number(fields[k]) then return false end end
    return true
  end
  if #fields == 6 and box(2) then return { path = 1, xmin = 2, ymin = 3, xmax = 4, ymax = 5, label = 6, columns = 6 } end
  if #fields == 2 then return { path = 1, label = 2, columns = 2 } end
end

local function first_rows(path)
  local file = rows.open(path)
  if not file then return nil end
  local out = {}
  for _, _, _, fields in rows.rows(file, ",") do
    out[#out + 1] = fields
    if #out == 2 then break end
  end
  file.handle:close()
  return out[1], out[2]
end

local function columns_of(fields) return read_header(fields) or plain_columns(fields) end

-- Corners in shares: names as albumentations has them, and numbers up to 1.
local function normalised(first, second)
  local at = first and read_header(first)
  if not at or not at.xmin or not second or first[at.xmin]:lower() ~= "x_min" then return false end
  for _, name in ipairs(BOX) do
    local v = common.number(second[at[name]])
    if v and v > 1.001 then return false end
  end
  return true
end

local function is_csv(path)
  if not path:lower():find "%.csv$" or common.base(path) == "metadata.csv" then return false end
  local first = first_rows(path)
  return first ~= nil and columns_of(first) ~= nil
end

local function file_in(dir)
  for _, name in ipairs { "labels.csv", "annotations.csv", "_annotations.csv" } do if is_csv(dir .. "/" .. name) then return dir .. "/" .. name end end
end

-- Files of splits: { path, split }, ...
local function splits_in(dir)
  local out = {}
  for _, split in ipairs { "train", "val", "valid", "test" } do
    if is_csv(dir .. "/" .. split .. ".csv") then out[#out + 1] = { dir .. "/" .. split .. ".csv", split } end
  end
  return out
end

local function some_in(dir)
  local splits = splits_in(dir)
  return file_in(dir) or splits[1] and splits[1][1]
end

local Index = {}
Index.__index = Index

local function sized(self, sample_path, fields)
  local at = self.at
  local w, h = at.width and math.tointeger(common.number(fields[at.width])), at.height and math.tointeger(common.number(fields[at.height]))
  if w and h and w > 0 and h > 0 then return w, h end
  return common.size(sample_path)
end

local function read_box(self, fields, label)
  local v, at = {}, self.at
  for k, name in ipairs(BOX) do
    v[k] = common.number(fields[at[name]])
    if not v[k] then return nil, ("%s: a finite number expected, got %s"):format(name, common.show(fields[at[name]])) end
  end
  if v[3] < v[1] or v[4] < v[2] then return nil, ("corner %g, %g is before %g, %g"):format(v[3], v[4], v[1], v[2]) end
  local facts
  if self.shares then
    facts = { corners = { v[1], v[2], v[3], v[4] } }
    v = { v[1] * label.width, v[2] * label.height, v[3] * label.width, v[4] * label.height }
  end
  local box, why = common.box(self.report, v[1], v[2], v[3] - v[1], v[4] - v[2], label.width, label.height)
  if not box then return nil, why end
  local object = { class = fields[at.label], box = box }
  for k, name in ipairs(at.names or {}) do
    if k ~= at.path and k ~= at.label and k ~= at.xmin and k ~= at.ymin and k ~= at.xmax and k ~= at.ymax and k ~= at.width and k ~= at.height then
      object.extra = object.extra or {}
      object.extra[name] = fields[k]
    end
  end
  return facts and common.seal(object, facts) or object
end

local function blank_box(self, fields)
  for _, name in ipairs(BOX) do if fields[self.at[name]] ~= "" then return false end end
  return true
end

-- The label of a picture from its rows, which lie at the places packed in `places`.
local function read_label(self, path, places)
  local label
  for pos = 1, #places, 16 do
    local at, n, line = string.unpack("<I8I4I4", places, pos)
    local fields = rows.split(self.file:piece(at, n), ",")
    if not self.at.xmin then return fields[self.at.label] end
    if not label then
      local width, height, code = sized(self, path, fields)
      if not width then
        self.report:fail(path, height, code)
        return nil
      end
      label = { kind = "shapes", width = width, height = height, shapes = json.array {}, meta = self.label_meta }
    end
    if not blank_box(self, fields) then
      local object, why = read_box(self, fields, label)
      if object then label.shapes[#label.shapes + 1] = object
      else self.report:fail(self.file.path, ("%s:%d: %s"):format(self.file.path, line, why)) end
    end
  end
  return label
end

function Index:get(k)
  local rel, places = self.names[k], self.places[k]
  local path = common.join(self.root, rel)
  return { path = path, relative = rel, name = common.base(rel), split = self.split, read_label = function() return read_label(self, path, places) end }
end

local function classes(self)
  if self.at.label == nil then return {} end
  local seen = {}
  for k = 1, self.count do
    for pos = 1, #self.places[k], 16 do
      local at, n = string.unpack("<I8I4", self.places[k], pos)
      local fields = rows.split(self.file:piece(at, n), ",")
      if not self.at.xmin or not blank_box(self, fields) then seen[fields[self.at.label]] = true end
    end
  end
  return common.sorted(seen)
end

-- Take in a row: 16 bytes (place, length, line) join those of its picture.
local function take(self, at, text, line, fields, by_name)
  local columns = self.at.columns
  if #fields ~= columns then return ("%d columns expected, got %d"):format(columns, #fields) end
  local rel = fields[self.at.path]:gsub("^%./", "")
  local why = common.refusal(rel)
  if why then return ("%s: %s"):format(common.show(rel), why) end
  local place = string.pack("<I8I4I4", at, #text, line)
  local k = by_name[rel]
  if k and not self.at.xmin then return ("a second row for %s, one label for a picture expected"):format(rel) end
  if not k then
    self.count = self.count + 1
    by_name[rel], self.names[self.count], self.places[self.count] = self.count, rel, place
  else
    self.places[k] = self.places[k] .. place
  end
end

local function open_file(name, opts, shares, split)
  local file, message, code = rows.open(name)
  if not file then return nil, message, code end
  local report = common.report()
  local self = setmetatable({ file = file, names = {}, places = {}, count = 0, report = report, shares = shares, split = split, label_meta = {}, classes = classes,
    root = opts.images and common.trim(opts.images) or common.folder(name), meta = { format = shares and "albumentations" or "csv" } }, Index)
  local by_name = {}
  for at, text, line, fields, why in rows.rows(file, ",") do
    local header = false
    if fields and not self.at then
      self.at = columns_of(fields)
      header = self.at and self.at.names ~= nil
      if not self.at then return nil, ("%s:%d: columns path,label or path,xmin,ymin,xmax,ymax,class expected, or a header that names them"):format(name, line), "refused" end
      if self.at.xmin and not (self.at.ymin and self.at.xmax and self.at.ymax and self.at.label) then
        return nil, ("%s:%d: xmin, ymin, xmax, ymax and class expected in the header"):format(name, line), "refused"
      end
    end
    if fields and not header and text ~= "" then why = take(self, at, text, line, fields, by_name) end
    if why then report:fail(name, ("%s:%d: %s"):format(name, line, why)) end
  end
  if not self.at then
    if report.lost > 0 then return nil, report.failures[1].reason, "refused" end
    return nil, name .. ": empty, rows path,label or path,xmin,ymin,xmax,ymax,class expected", "refused"
  end
  self.meta.csv = { names = self.at.names }
  return self
end

local function open(path, opts, shares)
  local info, dir = core.file.info(path), common.trim(path)
  if info.type == "file" then return open_file(path, opts, shares) end
  local name = file_in(dir)
  if name and not opts.split then return open_file(name, opts, shares) end
  local parts = {}
  for _, entry in ipairs(splits_in(dir)) do
    if not opts.split or opts.split == entry[2] then
      local part, message, code = open_file(entry[1], opts, shares, entry[2])
      if not part then return nil, message, code end
      parts[#parts + 1] = part
    end
  end
  if #parts == 0 then return nil, ("%s: no %s.csv in it"):format(path, opts.split or "labels"), "unsupported" end
  return #parts == 1 and parts[1] or index_module.join(parts)
end

-- Writing ------------------------------------------------------------------------------------------------------------------

local function place(name, split) return (split and "images/" .. split .. "/" or "images/") .. name end

local function extra_names(records)
  local seen = {}
  for record in records() do
    for _, object in ipairs(common.objects(record.label)) do
      for key, value in next, object.extra or {} do if type(key) == "string" and type(value) ~= "table" then seen[key] = true end end
    end
  end
  return common.sorted(seen)
end

local function any_shapes(records)
  for record in records() do if common.is_shapes(record.label) then return true end end
  return false
end

local function corners_of(object, record, shares)
  local facts = common.sealed(object)
  if shares and facts.corners then return facts.corners end
  local b = common.box_of(object)
  if not b then return nil end
  if not shares then return { b[1], b[2], b[1] + b[3], b[2] + b[4] } end
  return { b[1] / record.width, b[2] / record.height, (b[1] + b[3]) / record.width, (b[2] + b[4]) / record.height }
end

local function write_row(out, values)
  for k, v in ipairs(values) do values[k] = rows.quote(v) end
  out:write(table.concat(values, ","), "\n")
end

local function write_boxes(out, records, shares)
  local extras = extra_names(records)
  local head = { "path", shares and "x_min" or "xmin", shares and "y_min" or "ymin", shares and "x_max" or "xmax", shares and "y_max" or "ymax", "class" }
  if not shares then table.move({ "width", "height" }, 1, 2, 7, head) end
  write_row(out, table.move(extras, 1, #extras, #head + 1, head))
  for record in records() do
    local size = shares and {} or { record.width, record.height }
    local any = false
    for _, object in ipairs(common.objects(record.label)) do
      local c = corners_of(object, record, shares)
      if c then
        local row = { record.name, common.text(c[1]), common.text(c[2]), common.text(c[3]), common.text(c[4]), object.class or "", size[1], size[2] }
        for _, key in ipairs(extras) do
          local v = object.extra and object.extra[key]
          row[#row + 1] = (v == nil or type(v) == "table") and "" or v
        end
        write_row(out, row)
        any = true
      end
    end
    if not any then
      local row = { record.name, "", "", "", "", "", size[1], size[2] }
      for _ = 1, #extras do row[#row + 1] = "" end
      write_row(out, row)
    end
  end
end

local function finish(folder, records, opts, shares)
  for _, split in ipairs(opts.splits) do
    local out = folder:open(split and split .. ".csv" or "labels.csv")
    local function all() return records(split) end
    if any_shapes(all) then write_boxes(out, all, shares)
    else
      write_row(out, { "path", "label" })
      for record in all() do
        local label = record.label
        write_row(out, { record.name, label == nil and "" or type(label) == "table" and json.encode(label) or label })
      end
    end
    out:commit()
  end
end

local M = {}

M.csv = { name = "csv", doc = "CSV: path,label or path,xmin,ymin,xmax,ymax,class", place = place,
  detect = function(path, info)
    if info.type == "file" then return is_csv(path) end
    return some_in(common.trim(path)) ~= nil
  end,
  open = function(path, opts) return open(path, opts, false) end,
  finish = function(folder, records, opts) finish(folder, records, opts, false) end }

M.albumentations = { name = "albumentations", doc = "CSV with corners in shares of the picture", place = place,
  detect = function(path, info)
    local name = info.type == "file" and path or some_in(common.trim(path))
    return name ~= nil and is_csv(name) and normalised(first_rows(name))
  end,
  open = function(path, opts) return open(path, opts, true) end,
  finish = function(folder, records, opts) finish(folder, records, opts, true) end }

return M
