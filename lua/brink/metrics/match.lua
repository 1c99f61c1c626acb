--- Which prediction stands for which object: greedy by score, COCO's rules.
--
-- Predictions come in order of score. Each takes the object still free that it is
-- most like, if it is like enough; an object that does not count (a crowd, one
-- out of the size range) is taken only when no other is, and what took it does not
-- count either. A crowd can be taken any number of times.
-- SPDX-License-Identifier: MIT
local overlap = require "brink.metrics.overlap"
local read = require "brink.metrics.read"

local M = {}

--- Numbers 1..#list in falling order of score; equal scores keep their order.
function M.by_score(scores)
  local order = {}
  for k = 1, #scores do order[k] = k end
  table.sort(order, function(a, b)
    if scores[a] ~= scores[b] then return scores[a] > scores[b] end
    return a < b
  end)
  return order
end

--- Match. alike[p][t]: likeness of prediction p (in order of score) and object t. `ignored`, `crowd`: lists of booleans per
-- object. `least`: likeness from which a match counts. Returns per prediction the object's number or 0.
function M.greedy(alike, predictions, objects, ignored, crowd, least)
  local order, taken, out = {}, {}, {}
  for t = 1, objects do if not ignored[t] then order[#order + 1] = t end end
  for t = 1, objects do if ignored[t] then order[#order + 1] = t end end
  for p = 1, predictions do
    local best, found = math.min(least, 1 - 1e-10), 0
    for _, t in ipairs(order) do
      if not taken[t] or crowd[t] then
        if found > 0 and not ignored[found] and ignored[t] then break end
        if alike[p][t] >= best then best, found = alike[p][t], t end
      end
    end
    out[p] = found
    if found > 0 then taken[found] = true end
  end
  return out
end

--- Objects of both sides sorted into classes: list of { class, truth = {...}, predicted = {...} } in order of first appearance,
-- predictions by falling score, those below `least` left out. `classes` false: all in one.
function M.groups(label, prediction, opts)
  local groups, by_class = {}, {}
  local function group(class)
    if opts.classes == false then class = "" end
    local g = by_class[class]
    if not g then
      g = { class = class, truth = {}, predicted = {}, scores = {} }
      by_class[class] = g
      groups[#groups + 1] = g
    end
    return g
  end
  for _, o in ipairs(read.objects(label, "label")) do table.insert(group(read.class(o)).truth, o) end
  for k, o in ipairs(read.objects(prediction, "prediction")) do
    local score = read.score(o, ("prediction: object %d"):format(k))
    if score >= (opts.score or -math.huge) then
      local g = group(read.class(o))
      table.insert(g.predicted, o)
      table.insert(g.scores, score)
    end
  end
  for _, g in ipairs(groups) do
    local list, scores = {}, {}
    for k, n in ipairs(M.by_score(g.scores)) do list[k], scores[k] = g.predicted[n], g.scores[n] end
    g.predicted, g.scores = list, scores
  end
  return groups
end

-- What OKS needs to know of an object.
local function context(object, what, frame, sigmas)
  return { area = read.area(object, what, frame), box = read.box(object, what, frame), sigmas = sigmas }
end

--- True when an object has a keypoint that is labelled.
function M.labelled(object, what)
  local k = read.keypoints(object, what)
  for i = 3, k and #k or 0, 3 do if k[i] > 0 then return true end end
  return false
end

--- Table of likeness for a group: alike[p][t], and the crowd flags of the objects. kind: a name in overlap.kinds.
function M.alike(group, kind, frame, sigmas)
  local k = overlap.kinds[kind]
  local truth, predicted = k.prepare(group.truth, "label", frame), k.prepare(group.predicted, "prediction", frame)
  local crowd, about, alike = {}, {}, {}
  for t, o in ipairs(group.truth) do
    crowd[t] = o.crowd == true or o.crowd == 1
    if kind == "keypoints" then about[t] = context(o, ("label: object %d"):format(t), frame, sigmas) end
  end
  for p = 1, #predicted do
    alike[p] = {}
    for t = 1, #truth do alike[p][t] = k.alike(predicted[p], truth[t], crowd[t], about[t]) end
  end
  return alike, crowd
end

return M
