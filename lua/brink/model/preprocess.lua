--- How a picture becomes a network's input: one declaration, checked against what the model says about itself.
--
--   input = "imagenet" | { preset = "imagenet", size = 224, ... }
--
--   size           pixels, or { width, height }; default what the model says
--   fit            "squash" (default): proportions lost; "crop": short side to `side`, then the middle;
--                  "letterbox": whole, the rest filled with `pad`; "none": as it is
--   side           with crop: the short side before the crop (default: that of size)
--   interpolation  "bilinear" (default), "bicubic", "nearest"
--   antialias      true (default): as Pillow, the kernel widens when shrinking; false: as OpenCV
--   channels       "RGB" (default), "BGR", "gray", "RGBA"
--   scale, mean, std   a sample v of 0..255 becomes (v * scale - mean) / std; mean and std: a number or one per channel, in
--                  the order of `channels`; default 1, 0, 1
--   layout         "NCHW", "NHWC"; default what the model says
--   dtype          "f32", "f16", "u8", ...; default what the model says
--   pad            level of a letterbox's fill, 0..255, default 114
--   align          "centre" (default), "corner": where a letterbox puts the picture
--   enlarge        true (default): a letterbox enlarges small pictures
--   rounding       "nearest" (default), "torchvision": how crop rounds the long side and the corner
--   name           the model's input the picture goes into; default the one that looks like a picture
--
-- A wrong declaration gives wrong answers and no error: take it from where the model was trained.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local nearest = require "brink.nearest"

local M = {}

M.presets = {
  -- torchvision's classification preset: Resize(256), CenterCrop(224), ToTensor, Normalize
  imagenet = { fit = "crop", size = 224, side = 256, scale = 1 / 255, mean = { 0.485, 0.456, 0.406 }, std = { 0.229, 0.224, 0.225 }, rounding = "torchvision" },
  -- OpenAI CLIP's _transform
  clip = { fit = "crop", size = 224, side = 224, interpolation = "bicubic", scale = 1 / 255, mean = { 0.48145466, 0.4578275, 0.40821073 },
    std = { 0.26862954, 0.26130258, 0.27577711 }, rounding = "torchvision" },
  -- Ultralytics' LetterBox
  yolo = { fit = "letterbox", size = 640, antialias = false, pad = 114, scale = 1 / 255 },
  -- samples of 0..255 as they are
  raw = {},
}

local FIELDS = { "preset", "name", "size", "fit", "side", "interpolation", "antialias", "channels", "scale", "mean", "std", "layout", "dtype", "pad", "align", "enlarge", "rounding" }
local CHOICES = {
  fit = { "squash", "crop", "letterbox", "none" }, interpolation = { "bilinear", "bicubic", "nearest" }, channels = { "RGB", "BGR", "gray", "RGBA" },
  layout = { "NCHW", "NHWC" }, align = { "centre", "corner" }, rounding = { "nearest", "torchvision" },
  dtype = { "f32", "f16", "f64", "u8", "i8", "u16", "i16", "i32", "i64" },
}
local COUNT = { RGB = 3, BGR = 3, gray = 1, RGBA = 4 }

local function raise(format, ...) error("input: " .. format:format(...), 0) end

local function sorted_keys(t)
  local keys = {}
  for key in next, t do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  return keys
end

-- The declaration with its preset's fields; names and choices checked. Raises.
local function merged(given)
  if given == nil then given = {} end
  if type(given) == "string" then given = { preset = given } end
  if type(given) ~= "table" then raise("a preset or a table expected, got %s", type(given)) end
  for _, key in ipairs(sorted_keys(given)) do
    local known = false
    for _, name in ipairs(FIELDS) do known = known or name == key end
    if not known then raise("no field %s%s", key, nearest.hint(key, FIELDS)) end
  end
  local preset = {}
  if given.preset ~= nil then
    preset = M.presets[given.preset]
    if not preset then raise("no preset %s%s", tostring(given.preset), nearest.hint(tostring(given.preset), sorted_keys(M.presets))) end
  end
  local spec = {}
  for _, name in ipairs(FIELDS) do
    spec[name] = given[name]
    if spec[name] == nil then spec[name] = preset[name] end
    local choices = CHOICES[name]
    if choices and spec[name] ~= nil then
      local ok = false
      for _, c in ipairs(choices) do ok = ok or c == spec[name] end
      if not ok then raise("%s: %s, one of %s expected%s", name, tostring(spec[name]), table.concat(choices, ", "), nearest.hint(tostring(spec[name]), choices)) end
    end
  end
  spec.given_size = given.size ~= nil
  return spec
end

local function finite(v) return type(v) == "number" and v == v and v ~= math.huge and v ~= -math.huge end

local function pixels(v, what)
  if math.type(v) ~= "integer" or v < 1 or v > 65536 then raise("%s: %s, pixels in 1..65536 expected", what, tostring(v)) end
  return v
end

local function per_channel(v, n, otherwise, what)
  if v == nil then v = otherwise end
  local out = {}
  for k = 1, n do
    local x = v
    if type(v) == "table" then x = v[k] end
    if not finite(x) then raise("%s: %s for channel %d, a finite number expected", what, tostring(x), k) end
    if what == "std" and x == 0 then raise("std: 0 for channel %d", k) end
    out[k] = x + 0.0
  end
  if type(v) == "table" and #v ~= n then raise("%s: %d numbers for %d channels", what, #v, n) end
  return out
end

local function shape_text(shape)
  local out = {}
  for k, d in ipairs(shape) do out[k] = d < 0 and "?" or tostring(d) end
  return table.concat(out, "x")
end
M.shape_text = shape_text

local function mismatch(value, got, expected) return nil, ("input %s: got %s, the model expects %s"):format(value.name, got, expected), "mismatch" end

local function picture_channels(d) return d == 1 or d == 3 or d == 4 end

-- Does this look like a picture's input?
local function is_picture(value)
  local s = value.shape
  if value.dtype == "other" or (#s ~= 4 and #s ~= 3) then return false end
  local k = #s - 2
  return picture_channels(s[k]) or picture_channels(s[#s]) or s[k] < 0
end

--- The model's input that the picture goes into: its position in `inputs`; or nil, message, code.
function M.choose(inputs, name)
  local list = {}
  for k, value in ipairs(inputs) do
    list[k] = value.name
    if name == value.name or (name == nil and is_picture(value)) then return k end
  end
  if name then return nil, ("input %s: the model has %s%s"):format(name, table.concat(list, ", "), nearest.hint(name, list)), "mismatch" end
  return nil, "no input of the model takes a picture: it has " .. table.concat(list, ", "), "mismatch"
end

local function size_of(spec)
  local s = spec.size
  if s == nil then return nil, nil end
  if type(s) == "table" then return pixels(s[1], "size: width"), pixels(s[2], "size: height") end
  return pixels(s, "size"), s
end

-- One or three channels are likelier than four.
local function layout_of(s)
  if s[2] == 1 or s[2] == 3 then return "NCHW" end
  if s[4] == 1 or s[4] == 3 or (s[4] == 4 and s[2] ~= 4) then return "NHWC" end
  return "NCHW"
end

-- Layout, channels, width and height from the declaration and the model's shape (rank 4, -1: free).
local function settle(spec, value, s)
  local layout = spec.layout or layout_of(s)
  local c, h, w = s[2], s[3], s[4]
  if layout == "NHWC" then c, h, w = s[4], s[2], s[3] end
  local channels = spec.channels or (c == 1 and "gray" or c == 4 and "RGBA" or "RGB")
  local n = COUNT[channels]
  if c > 0 and c ~= n then
    return mismatch(value, ("%s (%d channels, %s)"):format(channels, n, layout), shape_text(value.shape))
  end
  local want_w, want_h = size_of(spec)
  if want_w and not spec.given_size and (w > 0 or h > 0) then want_w, want_h = w > 0 and w or want_w, h > 0 and h or want_h end
  if (want_w and w > 0 and want_w ~= w) or (want_h and h > 0 and want_h ~= h) then
    return mismatch(value, ("%dx%d pixels"):format(want_w, want_h), ("%sx%s (shape %s)"):format(w < 0 and "?" or w, h < 0 and "?" or h, shape_text(value.shape)))
  end
  return { layout = layout, channels = channels, n = n, width = want_w or w, height = want_h or h }
end

local function side_of(spec, w, h)
  local side = spec.side and pixels(spec.side, "side") or math.min(w, h)
  if spec.preset and not spec.given_size and M.presets[spec.preset].size and math.min(w, h) ~= M.presets[spec.preset].size then
    -- the preset's proportion of side to size, at the size the model has
    side = math.max(1, math.floor(side * math.min(w, h) / M.presets[spec.preset].size + 0.5))
  end
  return side
end

--- Preprocessing from a declaration (see the head of this file) for one input { name, dtype, shape } of a model.
-- Returns a brink.Preprocess (prep:apply(image) -> tensor, map) and the declaration with every field filled in; or nil,
-- message, "mismatch" when the model says otherwise. Raises on a declaration that makes no sense.
function M.new(given, value)
  local spec = merged(given)
  local shape = value.shape
  if #shape == 3 then shape = { 1, shape[1], shape[2], shape[3] } end
  if value.dtype == "other" or #shape ~= 4 then return mismatch(value, "a picture", ("%s of shape %s"):format(value.dtype, shape_text(value.shape))) end
  local dtype = spec.dtype or value.dtype
  if dtype ~= value.dtype then return mismatch(value, dtype, value.dtype) end
  local at, message, code = settle(spec, value, shape)
  if not at then return nil, message, code end
  local fit = spec.fit or "squash"
  if at.width < 1 or at.height < 1 then
    if spec.fit and spec.fit ~= "none" then raise("size: the model leaves it open (%s) and fit is %s: say it", shape_text(value.shape), fit) end
    fit = "none"
  end
  local full = {
    fit = fit, width = math.max(at.width, 0), height = math.max(at.height, 0), interpolation = spec.interpolation or "bilinear",
    antialias = spec.antialias == nil or not not spec.antialias, channels = at.n, bgr = at.channels == "BGR", nhwc = at.layout == "NHWC", dtype = dtype,
    scale = spec.scale == nil and 1.0 or spec.scale, mean = per_channel(spec.mean, at.n, 0, "mean"), std = per_channel(spec.std, at.n, 1, "std"),
    pad = spec.pad == nil and 114.0 or spec.pad, corner = spec.align == "corner", grow = spec.enlarge ~= false, torchvision = spec.rounding == "torchvision",
  }
  for _, name in ipairs { "scale", "pad" } do
    if not finite(full[name]) then raise("%s: %s, a finite number expected", name, tostring(full[name])) end
  end
  if fit == "crop" then full.side = side_of(spec, full.width, full.height) end
  return core.preprocess.new(full), full
end

--- Pictures made ready by `prep` as one tensor with as many rows, and the list of their maps; or nil, message when they do not
-- come out alike.
function M.stack(prep, images)
  local bytes, maps, shape, dtype = {}, {}, nil, nil
  for k, image in ipairs(images) do
    local tensor, map = prep:apply(image)
    if not tensor then return nil, map end
    if #images == 1 then return tensor, { map } end
    if shape and shape_text(tensor.shape) ~= shape_text(shape) then
      return nil, "batch: pictures of one size expected when the input's size is not declared"
    end
    shape, dtype = tensor.shape, tensor.dtype
    bytes[k], maps[k] = tensor:bytes(), map
  end
  shape[1] = #images
  return core.tensor.from_bytes(table.concat(bytes), shape, dtype), maps
end

return M
