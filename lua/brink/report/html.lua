--- Text into HTML, safely: one escaper per context, nothing else builds pages.
-- SPDX-License-Identifier: MIT
local M = {}

local entity = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

--- Bytes that are not UTF-8 and control characters become U+FFFD, so that any file name can be shown.
-- Directional overrides too: they would let a name rewrite the text around it.
local function clean(s)
  local out, at = {}, 1
  while at <= #s do
    local length, bad = utf8.len(s, at)
    if length then
      out[#out + 1] = s:sub(at)
      break
    end
    out[#out + 1] = s:sub(at, bad - 1) .. "\u{FFFD}"
    at = bad + 1
  end
  local text = table.concat(out):gsub("[%z\1-\8\11\12\14-\31\127]", "\u{FFFD}")
  return (text:gsub("\u{202A}", "\u{FFFD}"):gsub("\u{202B}", "\u{FFFD}"):gsub("\u{202D}", "\u{FFFD}")
    :gsub("\u{202E}", "\u{FFFD}"):gsub("\u{2066}", "\u{FFFD}"):gsub("\u{2067}", "\u{FFFD}"):gsub("\u{2068}", "\u{FFFD}"))
end

--- Any value as text for element content or a quoted attribute.
function M.escape(v)
  return (clean(tostring(v)):gsub("[&<>\"']", entity))
end

--- Fill a template: `{{name}}` is escaped, `{{{name}}}` is HTML made by this module's users.
function M.fill(template, values)
  local function value(name)
    local v = values[name]
    if v == nil then error("no value for {{" .. name .. "}}", 4) end
    return tostring(v)
  end
  return (template:gsub("{{({?)([%w_]+)}?}}", function(raw, name)
    return raw == "{" and value(name) or M.escape(value(name))
  end))
end

--- A picture as a data URI: `bytes` of type "png" or "jpeg".
function M.data_uri(kind, bytes)
  return "data:image/" .. kind .. ";base64," .. require("brink.core").base64.encode(bytes)
end

return M
