--- A synthesis as a complete data set of a label format: where pictures go, the files beside each, and what describes the
-- set as a whole, made from the manifest.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local formats = require "brink.labels.formats"
local manifest = require "brink.synth.manifest"
local nearest = require "brink.nearest"
local writer = require "brink.dataset.writer"

local M = {}

local Labelled = {}
Labelled.__index = Labelled

--- name: of a format that can be written, or "same": that of the data. Returns an object, or nil and what is wrong.
function M.new(name, data)
  if name == "same" then name = data.format end
  local format = name and formats.get(name)
  if not format or not format.place then
    local known = formats.writable()
    return nil, ("label_format: %s: no format of this name that can be written%s; there are %s"):format(tostring(name), nearest.hint(tostring(name), known),
      table.concat(known, ", "))
  end
  return setmetatable({ format = format, name = format.name, opts = writer.options { classes = data.classes, meta = data.meta } }, Labelled)
end

--- The picture's place for this name.
function Labelled:place(name, item) return self.format.place(name, rawget(item.sample, "split"), item.label) end

--- Files beside the picture: { { path, text }, ... }; raises where the format cannot hold the label.
function Labelled:files(item, record, bytes)
  if not self.format.files then return {} end
  local list, why = self.format.files({ name = record.name, split = rawget(item.sample, "split"), width = record.width, height = record.height,
    channels = item.image.channels, label = item.label, beside = record.beside, bytes = bytes }, self.opts)
  return manifest.try(list, ("%s: %s: %s"):format(record.name, self.name, tostring(why)), "unsupported")
end

--- Write what describes the set, from the manifest in the folder.
function Labelled:finish(dir)
  local path, seen, splits = dir .. "/" .. manifest.NAME, {}, {}
  for record in manifest.lines(path) do
    local split = record.split or false
    if not seen[split] then
      seen[split] = true
      splits[#splits + 1] = split
    end
  end
  table.sort(splits, function(a, b) return (a or "") < (b or "") end)
  if #splits == 0 then splits[1] = false end
  self.opts.splits = splits
  local function records(split)
    local lines = manifest.lines(path)
    return function()
      for record in lines do
        if record.label == core.json.null then record.label = nil end
        if split == nil or (record.split or false) == split then return record end
      end
    end
  end
  local ok, message, code = writer.describe(self.format, dir, records, self.opts)
  manifest.try(ok, message, code)
end

return M
