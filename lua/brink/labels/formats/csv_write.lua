--- Writing CSV: a row for each picture, or for each box.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"
local rows = require "brink.labels.formats.rows"
local json = core.json

local M = {}

--- Where a picture goes.
function M.place(name, split) return (split and "images/" .. split .. "/" or "images/") .. name end

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

-- A row for each picture: its label, and the columns that stood beside it.
local function write_labels(out, records)
  local seen = {}
  for record in records() do
    for key in next, record.beside and record.beside.csv or {} do seen[key] = true end
  end
  local columns = common.sorted(seen)
  write_row(out, table.move(columns, 1, #columns, 3, { "path", "label" }))
  for record in records() do
    local label, also = record.label, record.beside and record.beside.csv or {}
    local row = { record.name, label == nil and "" or type(label) == "table" and json.encode(label) or label }
    for k, key in ipairs(columns) do row[k + 2] = also[key] or "" end
    write_row(out, row)
  end
end

--- labels.csv, or SPLIT.csv for every split. shares: corners in shares of the picture.
function M.finish(folder, records, opts, shares)
  for _, split in ipairs(opts.splits) do
    local out = folder:open(split and split .. ".csv" or "labels.csv")
    local function all() return records(split) end
    if any_shapes(all) then write_boxes(out, all, shares)
    else
      write_labels(out, all)
    end
    out:commit()
  end
end

return M
