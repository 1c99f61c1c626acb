--- brink apply: effects on files.
-- SPDX-License-Identifier: MIT
local augment = require "brink.augment"
local core = require "brink.core"
local effects = require "brink.cli.effects"
local exit = require "brink.cli.exit"
local options = require "brink.cli.options"
local output = require "brink.cli.output"
local script = require "brink.cli.script"
local shown = require("brink.shown").text

local M = {
  name = "apply",
  usage = "brink apply NAME=i [NAME=i ...] INPUT... OUTPUT",
  doc = "Apply augmentations to pictures and write the results.",
  details = [[Effects run in the order given. An INPUT may be a folder: its PNG and JPEG files. OUTPUT is a file (its name says PNG or JPEG), or a folder when there are several inputs, or when it is one already or ends in a slash; files keep their base names there and become PNG unless --format says otherwise.

A bad input is named and the rest go on; the exit code then is 3.]],
  options = {
    (options.common "recipe"), (options.common "seed"),
    { name = "draw", type = "integer", default = 0, lo = 0, doc = "which of the endless draws of the same picture and seed" },
    { name = "format", choices = { "png", "jpeg" }, default = "png", doc = "of files written into a folder" },
    { name = "quality", type = "integer", lo = 1, hi = 100, doc = "of JPEG output" },
    (options.common "threads"),
    (options.common "json"),
  },
  json = { { "files", "one per input: { input, output, applied = { { name, i, params } } }, or { input, error, code }" } },
  examples = {
    { "brink apply GaussianBlur=0.3 Hue=0.1 in.jpg out.png" },
    { "brink apply Rotate=-0.2 --seed 7 photos/ turned/" },
    { "brink apply Rotate.angle=12 in.png out.png", "one physical parameter" },
  },
}

local EXTENSIONS = { png = true, jpg = true, jpeg = true, jpe = true }

local function is_folder(path) return core.file.info(path).type == "dir" end

--- Input paths with folders opened up.
local function inputs_of(paths)
  local list = {}
  for _, path in ipairs(paths) do
    if is_folder(path) then
      for _, name in ipairs(exit.try(core.file.list(path))) do
        local extension = name:match "%.([^.]+)$"
        if extension and EXTENSIONS[extension:lower()] then list[#list + 1] = (path:gsub("/+$", "")) .. "/" .. name end
      end
    else
      list[#list + 1] = path
    end
  end
  return list
end

--- One output path per input; refuses two that meet and one that is its own input.
local function outputs_of(inputs, target, folder, format)
  local list, taken = {}, {}
  for k, path in ipairs(inputs) do
    local out = target
    if folder then
      local base = path:match "([^/]*)$":gsub("%.[^.]*$", "")
      out = (target:gsub("/+$", "")) .. "/" .. base .. (format == "jpeg" and ".jpg" or ".png")
    end
    if taken[out] then exit.with(exit.usage, "%s and %s would both become %s", taken[out], path, out) end
    local a, b = core.file.info(path), core.file.info(out)
    if b.type ~= "missing" and a.ino == b.ino and a.dev == b.dev then
      exit.with(exit.usage, "%s: output and input are the same file", out)
    end
    taken[out] = path
    list[k] = out
  end
  return list
end

--- One file: what was applied, or nil, message, code word.
local function one(path, out, list, values)
  local image, why, word = core.image.load(path)
  if not image then return nil, why, word end
  local id, problem, id_word = core.file.hash(path)
  if not id then return nil, problem, id_word end
  local made, applied = exit.checked(augment.apply, image, list, { seed = values.seed, sample = id, draw = values.draw })
  local saved, complaint = made:save(out, { quality = values.quality })
  if not saved then exit.with(exit.disk, "%s", complaint) end
  return applied
end

function M.run(values, operands)
  if values.recipe then script.load(values.recipe)() end
  local list, paths = effects.split(operands)
  if #list == 0 then effects.check_words(paths) end
  if #list == 0 then exit.with(exit.usage, "apply: which effect? (brink apply Hue=0.3 in.jpg out.png)") end
  if #paths < 2 then exit.with(exit.usage, "apply: INPUT and OUTPUT expected, got %d path%s", #paths, #paths == 1 and "" or "s") end
  if values.threads then core.async.threads(values.threads) end
  local target = table.remove(paths)
  local folder = #paths > 1 or is_folder(paths[1]) or is_folder(target) or target:sub(-1) == "/"
  local inputs = inputs_of(paths)
  if #inputs == 0 then exit.with(exit.input, "%s: no PNG or JPEG file in it", table.concat(paths, ", ")) end
  if folder then
    local made, why = core.file.mkdirs(target)
    if not made then exit.with(exit.disk, "%s", why) end
  end
  if not folder and not EXTENSIONS[(target:match "%.([^./]+)$" or ""):lower()] then
    exit.with(exit.usage, "%s: its name says neither PNG nor JPEG (.png, .jpg)", target)
  end
  local outputs = outputs_of(inputs, target, folder, values.format)
  local report, failures = core.json.array {}, 0
  require "brink.map".each(inputs, function(path, k)
    return { one(path, outputs[k], list, values) }
  end, { each = function(result, k)
    local applied, why = result[1], result[2]
    if not applied then
      failures = failures + 1
      io.stderr:write("brink: ", shown(why), "\n")
      report[k] = { input = inputs[k], error = why, code = result[3] }
      return
    end
    report[k] = { input = inputs[k], output = outputs[k], applied = core.json.array(applied) }
    if not values.json then
      local words = {}
      for n, a in ipairs(applied) do words[n] = effects.text(a) end
      io.write(inputs[k], " -> ", outputs[k], ": ", table.concat(words, ", "), "\n")
    end
  end })
  if values.json then output.json("apply", { files = report }) end
  return failures > 0 and exit.input or exit.ok
end

return M
