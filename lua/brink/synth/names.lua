--- Names of synthetic pictures, relative to their folder.
-- SPDX-License-Identifier: MIT
local labels = require "brink.labels"

local M = {}

local EXTENSION = { png = "png", jpeg = "jpg" }
local LONGEST = 100 -- bytes kept of a source's name

-- Bytes that make trouble in a name (separators, controls, what is not UTF-8) replaced; cut between characters.
local function tame(text, longest)
  local out, at, size = {}, 1, 0
  while at <= #text do
    local ok, bad = utf8.len(text, at, at)
    local piece = "_"
    if ok then
      piece = text:sub(at, (utf8.offset(text, 2, at) or #text + 1) - 1)
      at = at + #piece
      if piece:find "[%c/\\]" then piece = "_" end
    else
      at = (bad or at) + 1
    end
    if size + #piece > longest then break end
    out[#out + 1], size = piece, size + #piece
  end
  return table.concat(out)
end

--- The folder of a label: its class, with what cannot stand in a folder's name as %XX; "unlabelled" without one.
function M.folder(label)
  local text = labels.class(label)
  if text == nil then return "unlabelled" end
  text = text:gsub("[%c/\\%%\127]", function(c) return ("%%%02X"):format(c:byte()) end):gsub("^%.", "%%2E")
  if text == "" then return "%" end
  return #text <= 200 and text or text:sub(1, 160) .. "%" .. require("brink.core").file.hash_text(text)
end

local function check(name, n)
  local function refuse(why) error(("name: draw %d: %q: %s"):format(n, tostring(name), why), 0) end
  if type(name) ~= "string" or name == "" then refuse("a file name expected") end
  if name:find "%c" then refuse("control characters in it") end
  if name:sub(1, 1) == "/" or name:sub(-1) == "/" then refuse("a path inside the folder expected") end
  for part in (name .. "/"):gmatch "(.-)/" do
    if part == "" or part:sub(1, 1) == "." then refuse("a part that is empty or begins with a dot") end
    if #part > 250 then refuse("longer than 250 bytes") end
  end
end

--- The name of an item's picture: the draw's number and the source's name, or what the user's function says; the extension
-- is added where it is missing. Raises on a name that would leave the folder.
function M.of(run, item)
  local extension = EXTENSION[run.format]
  local name
  if run.name then
    name = run.name(item.sample, item, item.n)
    check(name, item.n)
    local own = name:match "%.(%w+)$"
    own = own and own:lower()
    if not (own == extension or (own == "jpeg" and extension == "jpg")) then name = name .. "." .. extension end
  else
    name = ("%06d_%s.%s"):format(item.n, tame(item.sample.name:match "[^/]*$":gsub("(.)%.[^.]*$", "%1"), LONGEST), extension)
  end
  if run.labelled then name = run.labelled:place(name, item) end
  if run.folders then name = M.folder(item.label) .. "/" .. name end
  return name
end

return M
