--- The language of conditions: text to a tree. What it means is the head of lua/brink/gate/init.lua.
--
-- Nodes: { kind = "or" | "and", parts ... }; { kind = "compare", op, left, right, subject (the first reference to the new study:
-- what `baseline` alone is about), every ("any" or "all"), every_side }; { kind = "+ - * / minus", parts }; { kind = "number", value };
-- { kind = "value", study ("new" or "baseline"), what, side, measure, i, same (what the subject is) }. `at`: where in the text.
-- SPDX-License-Identifier: MIT
local nearest = require "brink.nearest"

local M = {}

local MEASURES = { "onset", "break", "error", "rise", "auc", "baseline", "clean" }
local SYMBOLS = { "<=", ">=", "<", ">", "+", "-", "*", "/", "(", ")", ".", "@" }

local Fault = {}

--- Raise: what is wrong with an expression, and where. Ends in M.caught.
function M.fault(at, format, ...) error(setmetatable({ at = at, message = format:format(...) }, Fault), 0) end
local fault = M.fault

-- Tokens { kind = "name", "number", "symbol" or "end", text, value, at }.
local function lex(text)
  local out, at = {}, 1
  local function put(kind, part, value)
    out[#out + 1] = { kind = kind, text = part, value = value, at = at }
    at = at + #part
  end
  while true do
    at = text:find("%S", at) or #text + 1
    local before = out[#out]
    local joined = before and before.at + #before.text == at and before.kind == "name"
    local number = text:match("^%d+%.?%d*[eE][+-]?%d+", at) or text:match("^%.%d+[eE][+-]?%d+", at) or text:match("^%d+%.?%d*", at)
      or not joined and text:match("^%.%d+", at) or nil
    local name = text:match("^[%a_\128-\255][%w_\128-\255]*", at)
    local quoted = text:match('^"[^"]*"', at) or text:match("^'[^']*'", at)
    if at > #text then
      put("end", "")
      return out
    elseif number then
      local v = tonumber(number)
      if v == math.huge then fault(at, "%s is too large", number) end
      put("number", number, v + 0.0)
    elseif name then put("name", name, name)
    elseif quoted then put("name", quoted, quoted:sub(2, -2))
    else
      local symbol
      for _, s in ipairs(SYMBOLS) do if text:sub(at, at + #s - 1) == s then symbol = s break end end
      if not symbol then
        local c = text:sub(at, at)
        if c == "=" or c == "!" then fault(at, "%s: one of < <= > >= expected", c) end
        fault(at, "unexpected %s", c)
      end
      put("symbol", symbol)
    end
  end
end

local function said(token) return token.kind == "end" and "the end" or token.text end

local Parser = {}
Parser.__index = Parser
function Parser:peek(k) return self.tokens[math.min(self.at + (k or 0), #self.tokens)] end
function Parser:next()
  local token = self:peek()
  self.at = self.at + 1
  return token
end
function Parser:symbol(...)
  local token = self:peek()
  for _, s in ipairs { ... } do
    if token.kind == "symbol" and token.text == s then return self:next() end
  end
end
function Parser:word(text)
  local token = self:peek()
  if token.kind == "name" and token.text == text then return self:next() end
end

local function is_measure(word)
  for _, m in ipairs(MEASURES) do if m == word then return true end end
  return false
end

-- A measure; `@ number` belongs to error and rise.
local function measure(p, node)
  local token = p:next()
  if token.kind ~= "name" then fault(token.at, "%s: a measure expected: %s", said(token), table.concat(MEASURES, ", ")) end
  if not is_measure(token.text) then fault(token.at, "no measure %s%s", token.text, nearest.hint(token.text, MEASURES)) end
  node.measure = token.text == "clean" and "baseline" or token.text
  if node.measure == "error" or node.measure == "rise" then
    if not p:symbol "@" then fault(p:peek().at, "%s needs an intensity: %s@0.5", token.text, token.text) end
    local i = p:next()
    if i.kind ~= "number" or i.value > 1 then fault(i.at, "%s: an intensity in 0..1 expected", said(i)) end
    node.i = i.value
  end
  return node
end

-- After WHAT: [. side] . measure
local function rest_of_reference(p, node)
  local dot = p:symbol "."
  if not dot then fault(p:peek().at, "%s: .MEASURE expected after %s", said(p:peek()), node.what) end
  local side = p:symbol("+", "-")
  if side then
    node.side = side.text
    if not p:symbol "." then fault(p:peek().at, "%s: .MEASURE expected after the side", said(p:peek())) end
  end
  return measure(p, node)
end

local function reference(p)
  local token = p:next()
  local node = { kind = "value", at = token.at, study = "new" }
  if token.text == "baseline" then
    node.study = "baseline"
    if p:peek().text ~= "." or p:peek().kind ~= "symbol" then
      node.same = true
      return node
    end
    p:next()
    token = p:peek()
    if token.kind ~= "name" then fault(token.at, "%s: an augmentation or a measure expected", said(token)) end
    local after = p:peek(1)
    if is_measure(token.text) and not (after.kind == "symbol" and after.text == ".") then
      node.same = token.text ~= "clean"
      return measure(p, node)
    end
    p:next()
  elseif token.text == "clean" then
    node.measure = "baseline"
    return node
  end
  node.what, node.what_at = token.value, token.at
  return rest_of_reference(p, node)
end

local sum

local function factor(p)
  local token = p:peek()
  if p:symbol "-" then return { kind = "minus", at = token.at, factor(p) } end
  if p:symbol "(" then
    local inner = sum(p)
    if not p:symbol ")" then fault(p:peek().at, "%s: ) expected", said(p:peek())) end
    return inner
  end
  if token.kind == "number" then
    p:next()
    return { kind = "number", at = token.at, value = token.value }
  end
  if token.kind == "name" and token.text ~= "and" and token.text ~= "or" then return reference(p) end
  fault(token.at, "%s: a number or WHAT.MEASURE expected", said(token))
end

local function product(p)
  local left = factor(p)
  while true do
    local op = p:symbol("*", "/")
    if not op then return left end
    left = { kind = op.text, at = op.at, left, factor(p) }
  end
end

function sum(p)
  local left = product(p)
  while true do
    local op = p:symbol("+", "-")
    if not op then return left end
    left = { kind = op.text, at = op.at, left, product(p) }
  end
end

local function walk(node, fn)
  fn(node)
  for _, part in ipairs(node) do walk(part, fn) end
end

local function comparison(p)
  local at = p:peek().at
  local left = sum(p)
  local op = p:symbol("<", "<=", ">", ">=")
  if not op then fault(p:peek().at, "%s: one of < <= > >= expected", said(p:peek())) end
  local node = { kind = "compare", at = at, op = op.text, left, sum(p) }
  walk(node, function(n)
    if n.kind == "value" and n.study == "new" and not node.subject then node.subject = n end
    if n.kind == "value" and (n.what == "any" or n.what == "all") then
      if node.every and node.every ~= n.what then fault(n.at, "any and all in one comparison") end
      if node.every and node.every_side ~= n.side then fault(n.at, "%s of two sides in one comparison", n.what) end
      node.every, node.every_side = n.what, n.side
    end
  end)
  walk(node, function(n)
    if n.same and not node.subject then fault(n.at, "baseline: of what? nothing else is named in this comparison") end
  end)
  return node
end

local function joined(p, word, part)
  local list = { kind = word, part(p) }
  while p:word(word) do list[#list + 1] = part(p) end
  return #list == 1 and list[1] or list
end

local function condition(p)
  return joined(p, "or", function() return joined(p, "and", comparison) end)
end

local function where(text, f) return ("%q, column %d: %s\n  %s\n  %s^"):format(text, f.at, f.message, text, (" "):rep(f.at - 1)) end

--- fn(...), or for a fault in it nil, message, "usage", column.
function M.caught(text, fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return result end
  if getmetatable(result) ~= Fault then error(result, 0) end
  return nil, where(text, result), "usage", result.at
end

--- Read an expression. Returns its tree, or nil, message, "usage", column (from 1, in bytes).
function M.parse(text)
  if type(text) ~= "string" then error("gate.parse: a text expected, got " .. type(text), 2) end
  return M.caught(text, function()
    local p = setmetatable({ tokens = lex(text), at = 1 }, Parser)
    local tree = condition(p)
    local left = p:peek()
    if left.kind ~= "end" then fault(left.at, "%s: the end, and or or expected", said(left)) end
    return tree
  end)
end

return M
