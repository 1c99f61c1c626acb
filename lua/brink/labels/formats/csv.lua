--- CSV: a row per picture (path, label), or per box (path, xmin, ymin, xmax, ymax, class, or x, y, w, h); RFC 4180 quotes,
-- header optional. Read with commas, semicolons (then also decimal commas) or tabs between the columns, written with commas.
-- "albumentations" is the same with corners in shares of the picture, 0..1.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local index_module = require "brink.dataset.index"
local rows = require "brink.labels.formats.rows"
local writing = require "brink.labels.formats.csv_write"

local NAMES = {
  path = { "path", "file", "filename", "file_name", "image", "image_path", "img", "filepath", "image_name", "imagename" },
  label = { "label", "class", "class_name", "category", "target", "class_label" },
  xmin = { "xmin", "x_min", "x1", "left", "xtl" }, ymin = { "ymin", "y_min", "y1", "top", "ytl" },
  xmax = { "xmax", "x_max", "x2", "right", "xbr" }, ymax = { "ymax", "y_max", "y2", "bottom", "ybr" },
  x = { "x", "bbox_x", "box_x" }, y = { "y", "bbox_y", "box_y" },
  w = { "w", "bbox_w", "bbox_width", "box_width" }, h = { "h", "bbox_h", "bbox_height", "box_height" },
  width = { "width", "image_width", "img_width" }, height = { "height", "image_height", "img_height" },
}
local MEANING = {}
for what, names in next, NAMES do for _, name in ipairs(names) do MEANING[name] = what end end
local BOX, SIDES = { "xmin", "ymin", "xmax", "ymax" }, { "x", "y", "w", "h" }
local SEPARATORS = { ",", ";", "\t" }

local function all_of(at, names)
  for _, name in ipairs(names) do if not at[name] then return false end end
  return true
end

-- Which column is what, from a header; nil when the row is none.
local function read_header(fields)
  local at = {}
  for k, field in ipairs(fields) do
    local what = MEANING[field:lower():match "^%s*(.-)%s*$"]
    if what and not at[what] then at[what] = k end
  end
  if at.x and at.y and not at.w and not at.h then at.w, at.h, at.width, at.height = at.width, at.height, nil, nil end
  if all_of(at, BOX) then at.box = BOX elseif all_of(at, SIDES) then at.box = SIDES end
  if not at.path or not (at.label or at.xmin) then return nil end
  at.names, at.columns = fields, #fields
  return at
end

local function plain_columns(fields, number)
  local function box(first)
    for k = first, first + 3 do if fields[k] ~= "" and not number(fields[k]) then return false end end
    return true
  end
  if #fields == 6 and box(2) then return { path = 1, xmin = 2, ymin = 3, xmax = 4, ymax = 5, label = 6, columns = 6, box = BOX } end
  if #fields == 2 then return { path = 1, label = 2, columns = 2 } end
end

-- Numbers between semicolons may have a decimal comma.
local function comma_number(text) return common.number((text:gsub(",", "."))) end
local function number_for(separator) return separator == ";" and comma_number or common.number end

local function first_rows(path, separator)
  local file = rows.open(path)
  if not file then return nil end
  local out = {}
  for _, _, _, fields in rows.rows(file, separator) do
    out[#out + 1] = fields
    if #out == 2 then break end
  end
  file.handle:close()
  return out[1], out[2]
end

-- The separator with which the first row says what the columns are, and the first two rows; nil for none.
local function dialect(path)
  for _, separator in ipairs(SEPARATORS) do
    local first, second = first_rows(path, separator)
    if first and (read_header(first) or plain_columns(first, number_for(separator))) then return separator, first, second end
  end
end

-- Corners in shares: names as albumentations has them, and numbers up to 1.
local function normalised(separator, first, second)
  local at = first and read_header(first)
  if not at or at.box ~= BOX or not second or first[at.xmin]:lower() ~= "x_min" then return false end
  for _, name in ipairs(BOX) do
    local v = second[at[name]] and number_for(separator)(second[at[name]])
    if v and v > 1.001 then return false end
  end
  return true
end

local function is_csv(path)
  local name = path:lower()
  if not (name:find "%.csv$" or name:find "%.tsv$") or common.base(path) == "metadata.csv" then return false end
  local file, _, code = rows.open(path)
  if not file then return code == "unsupported" end -- so that opening it says why
  file.handle:close()
  return dialect(path) ~= nil
end

local function file_in(dir)
  for _, name in ipairs { "labels.csv", "annotations.csv", "_annotations.csv", "labels.tsv" } do if is_csv(dir .. "/" .. name) then return dir .. "/" .. name end end
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
  local w, h = at.width and math.tointeger(self.number(fields[at.width])), at.height and math.tointeger(self.number(fields[at.height]))
  if w and h and w > 0 and h > 0 then return w, h end
  return common.size(sample_path)
end

-- The corners a row says, or nil and what is wrong.
local function read_corners(self, fields)
  local v, at = {}, self.at
  for k, name in ipairs(at.box) do
    v[k] = self.number(fields[at[name]])
    if not v[k] then return nil, ("%s: a finite number expected, got %s"):format(name, common.show(fields[at[name]])) end
  end
  if at.box == SIDES then
    if v[3] < 0 or v[4] < 0 then return nil, ("%g x %g, width and height from 0 expected"):format(v[3], v[4]) end
    v[3], v[4] = v[1] + v[3], v[2] + v[4]
  end
  if v[3] < v[1] or v[4] < v[2] then return nil, ("corner %g, %g is before %g, %g"):format(v[3], v[4], v[1], v[2]) end
  return v
end

-- Columns that are not understood, by name; nil for none.
local function other_columns(at, fields)
  local out
  for k, name in ipairs(at.names or {}) do
    if not at.known[k] and name ~= "" then
      out = out or {}
      out[name] = fields[k]
    end
  end
  return out
end

local function read_box(self, fields, label)
  local v, why = read_corners(self, fields)
  if not v then return nil, why end
  local facts
  if self.shares then
    facts = { corners = { v[1], v[2], v[3], v[4] } }
    v = { v[1] * label.width, v[2] * label.height, v[3] * label.width, v[4] * label.height }
  end
  local box
  box, why = common.box(self.report, v[1], v[2], v[3] - v[1], v[4] - v[2], label.width, label.height)
  if not box then return nil, why end
  local object = { class = fields[self.at.label], box = box, extra = other_columns(self.at, fields) }
  return facts and common.seal(object, facts) or object
end

local function blank_box(at, fields)
  for _, name in ipairs(at.box) do if fields[at[name]] ~= "" then return false end end
  return true
end

local function fields_at(self, places, pos)
  local at, n, line = string.unpack("<I8I4I4", places, pos)
  return rows.split(self.file:piece(at, n), self.separator), line
end

-- The label of a picture from its rows, which lie at the places packed in `places`.
local function read_label(self, path, places)
  local label
  for pos = 1, #places, 16 do
    local fields, line = fields_at(self, places, pos)
    if not self.at.box then return fields[self.at.label] end
    if not label then
      local width, height, code = sized(self, path, fields)
      if not width then
        self.report:fail(path, height, code)
        return nil
      end
      label = { kind = "shapes", width = width, height = height, shapes = core.json.array {}, meta = self.label_meta }
    end
    if not blank_box(self.at, fields) then
      local object, why = read_box(self, fields, label)
      if object then label.shapes[#label.shapes + 1] = object
      else self.report:fail(self.file.path, ("%s:%d: %s"):format(self.file.path, line, why)) end
    end
  end
  return label
end

-- The other columns of a picture's row; those of boxes are with the boxes.
local function read_beside(self, places)
  local other = not self.at.box and other_columns(self.at, (fields_at(self, places, 1)))
  return other and { csv = other } or nil
end

function Index:get(k)
  local rel, places = self.names[k], self.places[k]
  local path = common.join(self.root, rel)
  return { path = path, relative = rel, name = common.base(rel), split = self.split, read_label = function() return read_label(self, path, places) end,
    read_beside = function() return read_beside(self, places) end }
end

-- Take in a row: 16 bytes (place, length, line) join those of its picture.
local function take(self, at, text, line, fields)
  local columns = self.at
  if #fields ~= columns.columns then return ("%d columns expected, got %d"):format(columns.columns, #fields) end
  local rel = fields[columns.path]
  local k = self.by_name[rel]
  if not k then
    local name = rel:gsub("^%./", "")
    local why = common.refusal(name)
    if why then return ("%s: %s"):format(common.show(name), why) end
    k = self.by_name[name]
    if not k then
      self.count = self.count + 1
      self.by_name[name], self.names[self.count], self.places[self.count] = self.count, name, ""
      k = self.count
    end
  end
  if not columns.box and self.places[k] ~= "" then return ("a second row for %s, one label for a picture expected"):format(self.names[k]) end
  self.places[k] = self.places[k] .. string.pack("<I8I4I4", at, #text, line)
  if not columns.box or not blank_box(columns, fields) then self.seen[fields[columns.label]] = true end
end

-- What the columns are, from the first row; a header says it, or their number. nil and what is wrong.
local function columns_of(fields, number)
  local at = read_header(fields) or plain_columns(fields, number)
  if not at then return nil, "columns path,label or path,xmin,ymin,xmax,ymax,class expected, or a header that names them" end
  if at.xmin and not at.box then return nil, "xmin, ymin, xmax, ymax and class expected in the header" end
  if not at.label then return nil, "class expected in the header" end
  at.known = {}
  for what in next, NAMES do if at[what] then at.known[at[what]] = true end end
  return at
end

local function open_file(name, opts, shares, split)
  local separator = dialect(name) or ","
  local file, message, code = rows.open(name)
  if not file then return nil, message, code end
  local report, number = common.report(), number_for(separator)
  local self = setmetatable({ file = file, names = {}, places = {}, count = 0, report = report, shares = shares, split = split, label_meta = {}, separator = separator,
    number = number, seen = {}, by_name = {}, root = opts.images and common.trim(opts.images) or common.folder(name),
    meta = { format = shares and "albumentations" or "csv" } }, Index)
  for at, text, line, fields, why in rows.rows(file, separator) do
    local header = false
    if fields and not self.at and text ~= "" then
      self.at, why = columns_of(fields, number)
      if not self.at then return nil, ("%s:%d: %s"):format(name, line, why), "refused" end
      header = self.at.names ~= nil
    end
    if fields and not header and text ~= "" then why = take(self, at, text, line, fields) end
    if why then report:fail(name, ("%s:%d: %s"):format(name, line, why)) end
  end
  if not self.at then
    if report.lost > 0 then return nil, report.failures[1].reason, "refused" end
    return nil, name .. ": empty, rows path,label or path,xmin,ymin,xmax,ymax,class expected", "refused"
  end
  self.classes, self.seen, self.by_name = common.sorted(self.seen), nil, nil
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

local M = {}

M.csv = { name = "csv", doc = "CSV: path,label or path,xmin,ymin,xmax,ymax,class", place = writing.place,
  detect = function(path, info)
    if info.type == "file" then return is_csv(path) end
    return some_in(common.trim(path)) ~= nil
  end,
  open = function(path, opts) return open(path, opts, false) end,
  finish = function(folder, records, opts) writing.finish(folder, records, opts, false) end }

M.albumentations = { name = "albumentations", doc = "CSV with corners in shares of the picture", place = writing.place,
  detect = function(path, info)
    local name = info.type == "file" and path or some_in(common.trim(path))
    return name ~= nil and is_csv(name) and normalised(dialect(name))
  end,
  open = function(path, opts) return open(path, opts, true) end,
  finish = function(folder, records, opts) writing.finish(folder, records, opts, true) end }

return M
