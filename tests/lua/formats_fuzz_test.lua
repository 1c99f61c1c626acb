-- Changed bytes in the files of every label format: read or refused with a reason, never a crash.
-- SPDX-License-Identifier: MIT
local t = require "check"
local sets = require "labelsets"
local brink = require "brink"
local core = require "brink.core"
local dataset = brink.dataset
local fresh, save, draw, coco_folder, yolo_folder, NAMES, VOC, voc_folder, LABELME, labelme_folder, CVAT = sets.fresh, sets.save, sets.draw, sets.coco_folder, sets.yolo_folder, sets.NAMES, sets.VOC, sets.voc_folder, sets.LABELME, sets.labelme_folder, sets.CVAT

-- Changed bytes of a file: some flipped, cut, doubled; every file the same on every machine.
local function mutate(text, n)
  local rng = core.rng("formats", "fuzz", n, 0)
  for _ = 1, rng:integer(1, 4) do
    local at, what = rng:integer(1, math.max(1, #text)), rng:integer(1, 5)
    if what == 1 then text = text:sub(1, at - 1) .. string.char(rng:integer(0, 255)) .. text:sub(at + 1)
    elseif what == 2 then text = text:sub(1, at - 1)
    elseif what == 3 then text = text:sub(1, at) .. text:sub(math.max(1, at - 20))
    elseif what == 4 then text = text:sub(1, at - 1) .. text:sub(at + rng:integer(1, 9))
    else text = text:sub(1, at - 1) .. ({ "-1", "1e999", "nan", "9223372036854775808", "null", "[", "}", "\"", "<", "&x;" })[rng:integer(1, 10)] .. text:sub(at) end
  end
  return text
end

local ROUNDS = tonumber(os.getenv "BRINK_FUZZ") or 60

-- What was read of a damaged file can be written in any format, or is refused with a reason.
local WRITTEN = { "coco", "panoptic", "yolo", "voc", "labelme", "csv", "jsonl", "huggingface", "webdataset" }

local function fuzz(name, dir, file, opts)
  t.test("changed bytes in a " .. name .. " file: read or refused with a reason, never a crash", function()
    local path = dir() .. "/" .. file
    local text = core.file.read(path)
    for n = 1, ROUNDS do
      save(path, mutate(text, n))
      local ok, set, message = pcall(dataset, path:sub(1, -#file - 2), opts)
      if not ok then error(("round %d: %s"):format(n, set)) end
      if set then
        for _, failure in ipairs(set:check()) do t.ok(type(failure.reason) == "string" and failure.reason ~= "", "round " .. n) end
        for s in set:samples() do
          local label = s.label
          if label and label.kind == "shapes" then require("brink.labels").record(label) end
        end
        local to = n <= ROUNDS / 2 and WRITTEN[n % #WRITTEN + 1]
        local done, why = true, nil
        if to then done, why = pcall(dataset.write, set, to, fresh()) end
        if not done then error(("round %d, written as %s: %s"):format(n, to, why)) end
      else t.ok(type(message) == "string", "round " .. n) end
    end
  end)
end

fuzz("COCO", coco_folder, "annotations/instances.json", { format = "coco" })
fuzz("panoptic", sets.panoptic_folder, "annotations/panoptic_train.json", { format = "panoptic" })
fuzz("panoptic mask", sets.panoptic_folder, "annotations/panoptic_train/a.png", { format = "panoptic" })
fuzz("YOLO", function() return yolo_folder({ ["train/a"] = "0 0.5 0.5 0.2 0.2\n2 0.123457 0.7 0.1 0.333333\n" }, NAMES) end, "labels/train/a.txt", { format = "yolo" })
fuzz("data.yaml", function() return yolo_folder({ ["train/a"] = "0 0.5 0.5 0.2 0.2\n" }, NAMES .. "kpt_shape: [1, 3]\nflip_idx: [0]\n") end, "data.yaml", { format = "yolo" })
fuzz("VOC", function() return voc_folder(VOC) end, "Annotations/a.xml", { format = "voc" })
fuzz("VOC mask", function() return voc_folder(VOC, true) end, "SegmentationObject/a.png", { format = "voc" })
fuzz("LabelMe", function() return labelme_folder(LABELME) end, "a.json", { format = "labelme" })
fuzz("CVAT", function()
  local dir = fresh()
  save(dir .. "/annotations.xml", CVAT)
  return dir
end, "annotations.xml", { format = "cvat" })
fuzz("CVAT tracks", function()
  local dir = fresh()
  draw(dir .. "/images/frame_000000.png", 63, 47)
  save(dir .. "/annotations.xml", [[<annotations><meta><original_size><width>63</width><height>47</height></original_size></meta>
<track id="7" label="car"><box frame="0" outside="0" xtl="1" ytl="2" xbr="10" ybr="12"/><polygon frame="1" points="1,1;9,1;5,9"/></track></annotations>]])
  return dir
end, "annotations.xml", { format = "cvat" })
for name, text in pairs { csv = "path,xmin,ymin,xmax,ymax,class\nc.png,1,2,3,4,\"c,at\"\nc.png,,,,,\n",
  jsonl = '{"path":"c.png","label":{"kind":"shapes","width":63,"height":47,"shapes":[{"class":"a","box":[1,2,3,4],"polygon":{"parts":[[1,1,2,2,3,1]],"holes":[]}}]}}\n' } do
  fuzz(name, function()
    local dir = fresh()
    draw(dir .. "/c.png", 63, 47)
    save(dir .. "/labels." .. name, text)
    return dir
  end, "labels." .. name, { format = name })
end
fuzz("Hugging Face", function()
  local dir = fresh()
  draw(dir .. "/c.png", 63, 47)
  save(dir .. "/metadata.jsonl", '{"file_name": "c.png", "objects": {"bbox": [[1, 2, 30.5, 4]], "category": [4], "id": [7]}}\n')
  return dir
end, "metadata.jsonl", { format = "huggingface" })
fuzz("tar", function()
  local dir = fresh()
  local f = assert(io.open(dir .. "/a.tar", "wb"))
  local out = require("brink.dataset.tar").writer { write = function(_, s) return f:write(s) and true end }
  for _, name in ipairs { "a.png", "a.json", ("n"):rep(150) .. ".png", "b.cls" } do assert(out:add(name, "{}")) end
  out:finish()
  f:close()
  return dir
end, "a.tar", { format = "webdataset" })

t.done()
