--- brink replay: a synthetic picture again from its manifest line.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local exit = require "brink.cli.exit"
local manifest = require "brink.synth.manifest"
local map = require "brink.map"
local options = require "brink.cli.options"
local output = require "brink.cli.output"
local replay = require "brink.replay"
local setup = require "brink.cli.setup"
local shown = require "brink.shown"

local M = {
  name = "replay",
  usage = "brink replay MANIFEST [--name NAME | --line N | --all] [-o OUT]",
  doc = "Make synthetic pictures again from their manifest lines, to the byte.",
  details = [[MANIFEST is a manifest.jsonl or its folder. The source is found where the line says, or below --data; its content must be what the line was made from. With --all every picture is made and compared, and written into the folder OUT if one is given.]],
  options = {
    { name = "name", value = "NAME", doc = "the picture of this name" },
    { name = "line", type = "integer", lo = 1, value = "N", doc = "the picture of this line" },
    { name = "all", type = "flag", doc = "all of them" },
    { name = "output", short = "o", value = "OUT", doc = "file to write, - for standard output; with --all a folder" },
    { name = "data", value = "FOLDER", doc = "where the sources are, when they have moved" },
    (setup.options "threads"), (options.common "json"),
  },
  examples = {
    { "brink replay generated/manifest.jsonl --name 000007_cat.png -o again.png" },
    { "brink replay generated --all", "check that every picture can be made again" },
    { "brink replay generated --all -o restored --data /mnt/photos" },
  },
  json = {
    { "replayed", "list of { name, source, pixels, output }" },
    { "failures", "list of { name, reason }" },
  },
}

local function write(path, bytes)
  if path == "-" then
    io.write(bytes)
    return
  end
  local folder = path:match "^(.+)/[^/]*$"
  local ok, message = true, nil
  if folder then ok, message = core.file.mkdirs(folder) end
  if ok then ok, message = core.file.write(path, bytes) end
  if not ok then exit.with(exit.disk, "%s", message) end
end

local function single(values, path)
  local which = values.name or values.line
  local record = exit.try(replay.find(path, which))
  local folder = core.file.info(path).type == "dir" and path or path:match "^(.+)/[^/]*$" or "."
  local image, bytes, source = replay.picture(record, { data = values.data, folder = folder })
  if not image then exit.with(exit.word(source), "%s", bytes) end
  if values.output then write(values.output, bytes) end
  return { name = record.name, source = source.path, pixels = record.pixels, output = values.output }
end

local function every(values, path)
  local folder = core.file.info(path).type == "dir" and path or path:match "^(.+)/[^/]*$" or "."
  local file = folder == path and path .. "/" .. manifest.NAME or path
  if core.file.info(file).type ~= "file" then exit.with(exit.input, "%s: no manifest there", file) end
  local done, failures = core.json.array {}, core.json.array {}
  local lines = manifest.lines(file)
  map.each(function() return (lines()) end, function(record)
    local image, bytes, source = replay.picture(record, { data = values.data, folder = folder })
    if not image then return { failure = bytes, name = record.name } end
    local out = values.output and values.output .. "/" .. record.name
    if out then write(out, bytes) end
    image:close()
    return { name = record.name, source = source.path, pixels = record.pixels, output = out }
  end, { each = function(r)
    if r.failure then
      failures[#failures + 1] = { name = r.name, reason = r.failure }
      io.stderr:write("brink: ", shown.text(r.name), ": ", shown.text(r.failure), "\n")
    else
      done[#done + 1] = r
    end
  end })
  return done, failures
end

function M.run(values, operands)
  if #operands ~= 1 then exit.with(exit.usage, "replay: one MANIFEST expected, got %d", #operands) end
  local ways = (values.name and 1 or 0) + (values.line and 1 or 0) + (values.all and 1 or 0)
  if ways ~= 1 then exit.with(exit.usage, "replay: which picture? one of --name, --line and --all") end
  if values.output == "-" and (values.all or values.json) then exit.with(exit.usage, "replay: -o - holds one picture and nothing else") end
  if values.threads then exit.checked(core.async.threads, values.threads) end
  local done, failures
  if values.all then done, failures = every(values, operands[1])
  else done, failures = core.json.array { single(values, operands[1]) }, core.json.array {} end
  if values.json then output.json("replay", { replayed = done, failures = failures })
  elseif values.output ~= "-" then
    if values.all then io.write(("%s came out as the manifest says, %d did not\n"):format(shown.count(#done, "picture"), #failures))
    else io.write(values.output or (done[1].name .. " comes out as the manifest says"), "\n") end
  end
  return #failures > 0 and exit.input or exit.ok
end

return M
