--- Replay: any synthetic picture again from its manifest line, to the byte.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local manifest = require "brink.synth.manifest"
local nearest = require "brink.nearest"
local sample = require "brink.sample"
local synthesize = require "brink.synthesize"

local M = {}

local function fields(record)
  if type(record) ~= "table" or type(record.plan) ~= "table" or type(record.source) ~= "table" or type(record.sample) ~= "string"
    or type(record.pixels) ~= "string" or type(record.file) ~= "string" then
    return nil, "not a manifest line: plan, source, sample, pixels and file expected", "damaged"
  end
  if record.version ~= core.plan.result_version then
    return nil, ("made by result version %s, this is %s: the same plan would give other pixels"):format(tostring(record.version),
      tostring(core.plan.result_version)), "mismatch"
  end
  return true
end

-- Where the source may be now: as written, below `data`, and beside the manifest.
local function places(record, opts)
  local list, source = {}, record.source
  if opts.data then
    list[#list + 1] = opts.data .. "/" .. (source.relative or source.name)
    list[#list + 1] = opts.data .. "/" .. source.name
    list[#list + 1] = opts.data
  end
  list[#list + 1] = source.path
  if opts.folder and source.path:sub(1, 1) ~= "/" then list[#list + 1] = opts.folder .. "/" .. source.path end
  return list
end

local function source_of(record, opts)
  if opts.sample then
    local s = sample.new(opts.sample)
    local id, message, code = s:identify()
    if not id then return nil, message, code end
    if id ~= record.sample then return nil, ("%s: its content is %s, the line was made from %s"):format(s.path, id, record.sample), "mismatch" end
    return s
  end
  local other
  for _, path in ipairs(places(record, opts)) do
    local info = core.file.info(path)
    if info and info.type == "file" then
      local id, message, code = core.file.hash(path)
      if not id then return nil, message, code end
      if id == record.sample then return sample.new { path = path } end
      other = other or ("%s: the source has changed: its content is %s, the line was made from %s"):format(path, id, record.sample)
    end
  end
  if other then return nil, other, "mismatch" end
  return nil, record.source.path .. ": the source is not there (give the folder it is in as data)", "io"
end

--- The picture of a manifest line. Returns the image, its bytes as a file, and the sample it was made from; nil, message, code when
-- the source is missing or has changed, the line is of another result version, or the result is not what the line says.
-- record: the line as a table. opts: data (folder of the sources, when they are not where they were), folder (of the
-- manifest), sample (the source itself, when it was no file).
function M.picture(record, opts)
  opts = opts or {}
  local ok, message, code = fields(record)
  if not ok then return nil, message, code end
  local source
  source, message, code = source_of(record, opts)
  if not source then return nil, message, code end
  local image
  image, message, code = source:image()
  if not image then return nil, message, code end
  local out = image
  if #record.plan > 0 then
    local fine
    fine, out, message, code = pcall(image.run, image, record.plan)
    if not fine then return nil, "plan: " .. tostring(out), "damaged" end
    if not out then return nil, message, code end
  end
  if out:hash() ~= record.pixels then
    return nil, ("%s: the pixels came out as %s, the line says %s"):format(record.name, out:hash(), record.pixels), "mismatch"
  end
  local bytes
  bytes, message, code = synthesize.encode(out, record)
  if not bytes then return nil, message, code end
  if core.file.hash_text(bytes) ~= record.file then
    return nil, ("%s: the pixels are the same, the file is not: another version of the encoder"):format(record.name), "mismatch"
  end
  return out, bytes, source
end

--- The line of a manifest: by name (as in the manifest, or its last part) or by number of the line from 1. Returns the record, or
-- nil, message, code.
function M.find(path, which)
  if type(which) ~= "string" and math.type(which) ~= "integer" then error("replay: a name or the number of a line expected, got " .. tostring(which), 2) end
  local info, why, word = core.file.info(path)
  if not info then return nil, why, word end
  if info.type == "dir" then path = path .. "/" .. manifest.NAME end
  if core.file.info(path).type ~= "file" then return nil, path .. ": no manifest there", "io" end
  local all, count, found = {}, 0, nil
  local ok, err = pcall(function()
    for record, number in manifest.lines(path) do
      count = number
      if number == which then found = record break end
      if type(which) == "string" and type(record.name) == "string" then
        local last = record.name:match "[^/]*$"
        if record.name == which or last == which then found = record break end
        if #all < 10000 then all[#all + 1] = last end
      end
    end
  end)
  if found then return found end
  if not ok then
    local message, code = manifest.failure(err)
    if message then return nil, message, code end
    error(err, 0)
  end
  if type(which) == "string" then return nil, ("%s: no picture named %s%s"):format(path, which, nearest.hint(which, all)), "usage" end
  return nil, ("%s: line %d: there are %d"):format(path, which, count), "usage"
end

return M
