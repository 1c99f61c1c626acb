--- XML elements as plain data { tag, attributes, text, children } and back to text.
-- SPDX-License-Identifier: MIT
local common = require "brink.labels.formats.common"
local core = require "brink.core"

local M = {}

local function blank(text) return text == nil or not text:find "%S" end

--- Does an element of this name stand near the beginning of the file?
function M.begins(path, tag)
  local f = io.open(path, "rb")
  if not f then return false end
  local head = f:read(4096) or ""
  f:close()
  return head:find("<" .. tag .. "[%s>]") ~= nil
end

--- The first child of this name.
function M.child(node, tag)
  for _, c in ipairs(node) do if c.tag == tag then return c end end
end

--- Text of a child without the blanks around it, nil without one.
function M.text(node, tag)
  local c = M.child(node, tag)
  return c and (c.text or ""):match "^%s*(.-)%s*$" or nil
end

--- An element as data that JSON can hold.
function M.plain(node)
  local out = { tag = node.tag }
  if next(node.attributes) then out.attributes = node.attributes end
  if not blank(node.text) then out.text = #node > 0 and node.text:match "^%s*(.-)%s*$" or node.text end
  for k, c in ipairs(node) do
    out.children = out.children or {}
    out.children[k] = M.plain(c)
  end
  return out
end

--- The element that plain data was made from.
function M.node(data)
  local out = { tag = data.tag, attributes = data.attributes or {}, text = data.text }
  for k, c in ipairs(data.children or {}) do out[k] = M.node(c) end
  return out
end

local function attributes(t)
  local out = {}
  for k, name in ipairs(common.sorted(t or {})) do out[k] = (' %s="%s"'):format(name, core.xml.quote(t[name])) end
  return table.concat(out)
end

--- Lines of a plain element, indented.
function M.write(node, out, indent)
  local head = ("%s<%s%s"):format(indent, node.tag, attributes(node.attributes))
  if not node.children then
    out[#out + 1] = node.text and ("%s>%s</%s>\n"):format(head, core.xml.quote(node.text), node.tag) or head .. "/>\n"
    return
  end
  out[#out + 1] = head .. ">" .. (node.text and core.xml.quote(node.text) or "") .. "\n"
  for _, c in ipairs(node.children) do M.write(c, out, indent .. "  ") end
  out[#out + 1] = ("%s</%s>\n"):format(indent, node.tag)
end

return M
