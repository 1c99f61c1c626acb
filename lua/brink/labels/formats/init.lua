--- The label formats, in the order they are asked from last to first.
--
-- A format: name, doc, detect(path, info, opts), open(path, opts) -> index (dataset/index.lua); and for writing place(name, split,
-- label) -> path of the picture, files(record, opts) -> { { path, text }, ... } beside it, finish(folder, records, opts) for
-- what describes the whole set. dataset/writer.lua says what it hands over.
-- SPDX-License-Identifier: MIT
local csv = require "brink.labels.formats.csv"

local M = {}

local LIST = {
  require "brink.labels.formats.imagefolder", csv.csv, csv.albumentations, require "brink.labels.formats.labelme",
  require "brink.labels.formats.voc", require "brink.labels.formats.cvat", require "brink.labels.formats.yolo",
  require "brink.labels.formats.coco", require "brink.labels.formats.panoptic", require "brink.labels.formats.huggingface", require "brink.labels.formats.jsonl", require "brink.labels.formats.webdataset",
}

function M.list() return table.move(LIST, 1, #LIST, 1, {}) end

--- The format of this name, nil for none.
function M.get(name)
  for _, format in ipairs(LIST) do if format.name == name then return format end end
  return require "brink.labels.formats.custom".get(name)
end

--- Names of the formats that can be written, sorted.
function M.writable()
  local out = {}
  for _, format in ipairs(LIST) do if format.place then out[#out + 1] = format.name end end
  for _, format in ipairs(require "brink.labels.formats.custom".list()) do if format.place then out[#out + 1] = format.name end end
  table.sort(out)
  return out
end

return M
