--- Labels through a plan: the same Warp that moves the pixels moves them.
--
-- A box is the hull of the object's polygon or mask where there is one, else of its own outline; which stands in
-- `box_from`. Visibility is the share of the object's original area (as it lay in the source picture) that is still in
-- the frame and not behind a box that the plan drew, times the visibility it had before; growing and shrinking do not
-- change it. An opaque box (erase, erase_many, opacity from .5) hides what lies under it at that point of the plan;
-- scattered pixels, grids, stripes and see-through boxes do not count.
-- SPDX-License-Identifier: MIT
local core = require "brink.core"
local rules_of = require "brink.labels.rules"
local shapes = require "brink.labels.shapes"

local geometry = core.shapes

local M = {}

local GEOMETRY = { box = true, obb = true, quad = true, polygon = true, polyline = true, keypoints = true, mask = true }

--- Raised for geometry that is damaged; M.shapes makes it a reason.
local Damaged = {}
local function damaged(reason) error(setmetatable({ reason = reason }, Damaged)) end

local function checked(value, message)
  if value == nil and message ~= nil then damaged(message) end
  return value
end

--- warp:polygon: polygon or nil when nothing is left, share still seen, cut.
local function carried(job, polygon, covers)
  local left, seen, cut = job.warp:polygon(polygon, covers)
  if left == nil and type(seen) == "string" then damaged(seen) end
  return left, seen, cut
end

local warps
local function is_warp(op)
  if not warps then
    warps = {}
    for _, prim in ipairs(core.plan.prims()) do warps[prim.name] = prim.kind == "warp" end
  end
  return warps[op]
end

local function add_boxes(holes, steps, list, width, height)
  local warp = assert(core.plan.new(steps):warp(width, height))
  for k = 1, #list - 3, 4 do
    if list[k + 2] > 0 and list[k + 3] > 0 then
      local back = checked(warp:back { parts = { shapes.box_outline { list[k], list[k + 1], list[k + 2], list[k + 3] } }, holes = {} })
      table.move(back.parts, 1, #back.parts, #holes + 1, holes)
    end
  end
end

--- What the plan's opaque boxes hide, as rings in the source picture; nil for nothing.
local function covers_of(steps, width, height)
  local rings, moves = {}, {}
  for _, step in ipairs(steps) do
    if is_warp(step.op) then
      moves[#moves + 1] = step
    elseif (step.opacity or 1) >= 0.5 then
      if step.op == "erase" then add_boxes(rings, moves, { step.x, step.y, step.w, step.h }, width, height) end
      if step.op == "erase_many" then add_boxes(rings, moves, step.boxes or {}, width, height) end
    end
  end
  if #rings == 0 then return nil end
  return { parts = rings, holes = {} }
end

--- Does the warp bend straight lines?
local function bends(warp)
  for _, s in ipairs(warp:stages()) do if s == "field" then return true end end
  return false
end

--- The whole warp as one affine map { a, b, c, d, e, f }, or nil where it is none.
local function affine_of(warp)
  local m = { 1, 0, 0, 0, 1, 0 }
  for _, s in ipairs(warp:stages()) do
    if type(s) ~= "table" then return nil end
    m = { s[1] * m[1] + s[2] * m[4], s[1] * m[2] + s[2] * m[5], s[1] * m[3] + s[2] * m[6] + s[3],
      s[4] * m[1] + s[5] * m[4], s[4] * m[2] + s[5] * m[5], s[4] * m[3] + s[5] * m[6] + s[6] }
  end
  return m
end

local function degrees(dy, dx)
  local t = core.math.atan2(dy, dx) * 180 / core.math.pi
  return t >= 180 and t - 360 or t
end

--- { scale } when the affine map keeps angles.
local function similarity(m)
  if not m then return nil end
  local u, v, dot = m[1] * m[1] + m[4] * m[4], m[2] * m[2] + m[5] * m[5], m[1] * m[2] + m[4] * m[5]
  if math.abs(u - v) > 1e-9 * u or math.abs(dot) > 1e-9 * u then return nil end
  return math.sqrt(u)
end

--- The direction at (x, y) along `angle`, after the warp.
local function turned(warp, x, y, angle)
  local t = angle * core.math.pi / 180
  local dx, dy = core.math.cos(t), core.math.sin(t)
  local ax, ay = warp:point(x - dx / 2, y - dy / 2)
  local bx, by = warp:point(x + dx / 2, y + dy / 2)
  return degrees(by - ay, bx - ax)
end

--- A rectangle { cx, cy, w, h, angle } given the other way round so that its angle is nearest to `want`.
local function facing(rect, want)
  local quarter = math.floor((want - rect[5]) / 90 + 0.5)
  local angle = rect[5] + 90 * quarter
  angle = angle - 360 * math.floor((angle + 180) / 360)
  if quarter % 2 == 1 then return { rect[1], rect[2], rect[4], rect[3], angle } end
  return { rect[1], rect[2], rect[3], rect[4], angle }
end

local function all_points(polygon)
  local out = {}
  for _, ring in ipairs(polygon.parts) do table.move(ring, 1, #ring, #out + 1, out) end
  return out
end

local function rectangle(points, angle)
  local x, y, w, h, turn = geometry.rectangle(points, angle)
  checked(x, y)
  return { x, y, w, h, turn }
end

local function move_obb(job, o)
  local left, _, cut = carried(job, { parts = { shapes.obb_outline(o) }, holes = {} })
  if not left then return nil end
  local angle = turned(job.warp, o[1], o[2], o[5])
  local scale = similarity(job.affine)
  if scale then
    local x, y = job.warp:point(o[1], o[2])
    if not (cut and job.rules.clip) then return { x, y, o[3] * scale, o[4] * scale, angle } end
    return rectangle(all_points(left), angle)
  end
  local rect = facing(rectangle(checked(job.warp:outline(shapes.obb_outline(o)))), angle)
  if not (cut and job.rules.clip) then return rect end
  return rectangle(all_points(left), rect[5])
end

-- The corners of a rectangle in the order of the moved corners `out`: the first side along the first, turning the same way.
local function in_order(rect, out)
  local r = shapes.obb_outline(rect)
  local turn = (out[3] - out[1]) * (out[6] - out[4]) - (out[4] - out[2]) * (out[5] - out[3])
  if turn >= 0 then return r end
  return { r[7], r[8], r[5], r[6], r[3], r[4], r[1], r[2] }
end

-- Corners where straight sides stay straight; else, and where the frame cuts, the rectangle around what its sides enclose.
local function move_quad(job, q)
  local left, _, cut = carried(job, { parts = { q }, holes = {} })
  if not left then return nil end
  local out = {}
  for k = 1, 7, 2 do out[k], out[k + 1] = job.warp:point(q[k], q[k + 1]) end
  cut = cut and job.rules.clip
  if not cut and not job.bent then return out end
  local angle = degrees(out[4] - out[2], out[3] - out[1])
  if job.bent then
    local rect = facing(rectangle(checked(job.warp:outline(q))), angle)
    if not cut then return in_order(rect, out) end
    angle = rect[5]
  end
  return in_order(rectangle(all_points(left), angle), out)
end

local function move_polyline(job, polyline)
  local lines, seen = job.warp:lines(shapes.lines(polyline))
  checked(lines, seen)
  if #lines == 0 then return nil, 0 end
  return #lines == 1 and lines[1] or lines, seen
end

--- Left and right change places when the picture is mirrored.
local function swap_pairs(points, pairs_list)
  for _, pair in ipairs(pairs_list) do
    local a, b = 3 * pair[1] - 2, 3 * pair[2] - 2
    if points[a] and points[b] then
      for k = 0, 2 do points[a + k], points[b + k] = points[b + k], points[a + k] end
    end
  end
end

--- Every point stays in the list. Out of the frame: v = 0 at the place where it would be; behind a drawn box: v = 1.
-- Unlabelled ones (0, 0, 0) stay so. Returns points, share of the labelled ones that are still in the frame.
local function move_keypoints(job, given)
  local out, labelled, inside = {}, 0, 0
  for k = 1, #given - 2, 3 do
    local x, y, v = given[k], given[k + 1], given[k + 2]
    if v == 0 and x == 0 and y == 0 then
      out[k], out[k + 1], out[k + 2] = x, y, v
    else
      local nx, ny, is_in = job.warp:place(x, y)
      if v > 0 then labelled = labelled + 1 end
      if not is_in then
        v = 0
      elseif v > 0 then
        inside = inside + 1
        if v > 1 and job.covers and M.is_covered(job.covers, x, y) then v = 1 end
      end
      out[k], out[k + 1], out[k + 2] = nx, ny, v
    end
  end
  if job.mirrored and job.flip_pairs then swap_pairs(out, job.flip_pairs) end
  return out, labelled > 0 and inside / labelled or 1
end

--- Is the point (of the source picture) inside one of the rings?
function M.is_covered(covers, x, y)
  for _, ring in ipairs(covers.parts) do if geometry.contains(ring, x, y) then return true end end
  return false
end

--- Bounds without the frame: of the moved outlines.
local function loose_bounds(job, region)
  local all = {}
  for _, ring in ipairs(region.parts) do
    local moved = checked(job.warp:outline(ring))
    table.move(moved, 1, #moved, #all + 1, all)
  end
  return geometry.bounds(all)
end

--- The box around what is left, and what it was taken from.
local function move_box(job, object, out, region, from, left)
  local x, y, w, h
  if from == "mask" and out.mask then
    x, y, w, h = geometry.mask_box((checked(shapes.mask_image(out.mask))))
  elseif from == "box" and job.rules.outline == "ellipse" then
    region, from = { parts = { shapes.ellipse_outline(object.box) }, holes = {} }, "ellipse"
    left = carried(job, region) or left
  end
  if not job.rules.clip then
    x, y, w, h = loose_bounds(job, region)
  elseif not x and left then
    x, y, w, h = geometry.bounds(left)
  end
  if x then return { x, y, w, h }, from end
end

--- Share of the pixels of a mask that arrive in the frame, from at most 4,096 of them, evenly taken.
local function share_of_mask(job, image)
  local x, y, w, h = geometry.mask_box(image)
  if not x then return 0 end
  local step, hits, all = math.max(1, math.ceil(math.sqrt(w * h / 4096))), 0, 0
  for py = y, y + h - 1, step do
    for px = x, x + w - 1, step do
      if image:pixel(px // 1 | 0, py // 1 | 0) > 0 then
        all = all + 1
        local _, _, inside = job.warp:place(px + 0.5, py + 0.5)
        if inside then hits = hits + 1 end
      end
    end
  end
  return all > 0 and hits / all or 1
end

--- The region of an object after the warp: polygon or nil, share still seen, nil, cut; or nil, nil, reason. The outline of a
-- mask that cannot be followed (torn to shreds and folded) is its pixels' share, and a box.
local function move_region(job, region, object, from)
  local left, seen, cut = job.warp:polygon(region, job.covers)
  if left ~= nil or type(seen) ~= "string" then return left, seen, nil, cut end
  if from ~= "mask" or cut == "memory" then return nil, nil, seen end
  local image = checked(shapes.mask_image(object.mask))
  local x, y, w, h = geometry.mask_box((checked(job.warp:mask(image, 0))))
  if not x then return nil, 0, nil, true end
  return { parts = { shapes.box_outline { x, y, w, h } }, holes = {} }, share_of_mask(job, image), nil, true
end

local function move_mask(job, mask)
  local image, message = shapes.mask_image(mask)
  if not image then return nil, message end
  if image.width ~= job.warp.in_width or image.height ~= job.warp.in_height then
    return nil, ("mask of %d x %d on a picture of %d x %d"):format(image.width, image.height, job.warp.in_width, job.warp.in_height)
  end
  local moved = checked(job.warp:mask(image, 0))
  if not geometry.mask_box(moved) then return nil end
  return checked(shapes.mask_like(moved, mask))
end

local function other_fields(object)
  local out = {}
  for key, value in pairs(object) do if not GEOMETRY[key] then out[key] = value end end
  return out
end

local function flipped_class(job, object)
  local map = job.rules.class_on_flip
  local class = object.class
  if not job.mirrored or class == nil then return class end
  if map[class] ~= nil then return map[class] end
  local names = job.meta.class_names
  local name = names and names[class]
  if name == nil or map[name] == nil then return class end
  for k, n in ipairs(names) do if n == map[name] then return k end end
  return map[name]
end

--- One object: the new one, and its measures { seen =, area =, w =, h =, cut = }; or nil, reason for damaged geometry.
local function move_object(job, object)
  local out, measure = other_fields(object), { seen = 1 }
  local region, from, why = shapes.region(object)
  if why then return nil, why end
  out.class = flipped_class(job, object)
  if out.class ~= object.class then out.class_id = nil end -- the number belonged to the old class
  if region then
    local left, seen, reason, cut = move_region(job, region, object, from)
    if reason then return nil, reason end
    measure.seen, measure.cut, measure.area = seen, cut, left and checked(geometry.area(left)) or 0
    if object.polygon then out.polygon = left end
    if object.mask then
      out.mask, reason = move_mask(job, object.mask)
      if reason then return nil, reason end
      if out.mask and from == "mask" then measure.area = geometry.mask_area((checked(shapes.mask_image(out.mask)))) end
    end
    if object.quad then out.quad = move_quad(job, object.quad) end
    if object.obb then out.obb = move_obb(job, object.obb) end
    local box, source = nil, nil
    if left then box, source = move_box(job, object, out, region, from, left) end
    if box then
      measure.w, measure.h = box[3], box[4]
      if object.box then out.box, out.box_from = box, source end
      if from == "box" then measure.area = box[3] * box[4] end
    else
      measure.w, measure.h = 0, 0
    end
    measure.lost = not left
    out.area = measure.area
  end
  if object.polyline then
    local seen
    out.polyline, seen = move_polyline(job, object.polyline)
    if not region then measure.seen, measure.lost, measure.cut = seen, not out.polyline, seen < 1 end
  end
  if object.keypoints then
    local seen
    out.keypoints, seen = move_keypoints(job, object.keypoints)
    if not region and not object.polyline then measure.seen = seen end
  end
  out.visibility = (object.visibility or 1) * measure.seen
  return out, measure
end

--- Measures of an object in a picture nothing moved.
local function still_measure(object)
  local region = shapes.region(object)
  if not region then return { seen = 1 } end
  local box = shapes.box_of(object)
  return { seen = 1, area = geometry.area(region) or 0, w = box and box[3] or 0, h = box and box[4] or 0 }
end

local function judge(job, out, measure)
  local rules = job.rules
  local reason = measure.lost and "out of the frame" or rules:lost(out.visibility or 1, measure.area, measure.w, measure.h)
  if measure.cut and not reason then rules:count "clipped" end
  if not reason then return out end
  local verb = rules.on_lost == "drop" and "dropped" or rules.on_lost == "keep" and "kept" or "rejected"
  rules:count(verb .. ": " .. reason)
  if rules.on_lost == "keep" then return out end
  return nil, rules.on_lost == "reject" and reason or nil
end

local function move_heatmap(job, image)
  local w, h = job.warp.in_width, job.warp.in_height
  if image.width == w and image.height == h then return assert(job.warp:heat(image)) end
  -- coarser than the picture: enlarged, moved, brought back to the same share of the picture
  local function scaled(side, from, to) return math.max(1, math.floor(side * to / from + 0.5)) end
  local moved = assert(job.warp:heat(image:resize(w, h)))
  return moved:resize(scaled(image.width, w, job.warp.out_width), scaled(image.height, h, job.warp.out_height))
end

local function steps_of(plan) return type(plan) == "userdata" and plan:steps() or plan end

-- One object of the label, moved and measured, or as it stands: the object, its measures; nil and what is damaged.
local function moved_object(job, object)
  if job.still then return object, still_measure(object) end
  local ok, moved, measure = pcall(move_object, job, object)
  if ok then return moved, measure end
  if getmetatable(moved) ~= Damaged then error(moved, 0) end
  return nil, moved.reason
end

-- The objects that are left, or nil and why the rules reject the picture.
local function move_objects(job, objects)
  local out, rules = {}, job.rules
  for k, object in ipairs(objects) do
    local moved, measure = moved_object(job, object)
    if not moved then
      rules:count("rejected: damaged label")
      return nil, ("object %s: %s"):format(object.id or k, measure)
    end
    local kept, reject = judge(job, moved, measure)
    if reject then return nil, ("object %s: %s"):format(object.id or k, reject) end
    out[#out + 1] = kept
  end
  if #out < math.min(rules.min_objects, #objects) then
    rules:count "rejected: min_objects"
    return nil, ("%d objects left of %d"):format(#out, #objects)
  end
  return out
end

local function move_heatmaps(job, label)
  local out = {}
  for k, image in ipairs(label.heatmaps) do out[k] = move_heatmap(job, image) end
  if job.mirrored and job.flip_pairs and #(label.shapes or {}) == 0 then
    for _, pair in ipairs(job.flip_pairs) do out[pair[1]], out[pair[2]] = out[pair[2]], out[pair[1]] end
  end
  return out
end

-- What moves the label of a w x h picture under these steps.
local function job_of(steps, w, h, meta, rules)
  local warp = assert(core.plan.new(steps):warp(w, h))
  local covers = covers_of(steps, w, h)
  return { warp = warp, covers = covers, rules = rules, still = warp:still() and not covers, mirrored = warp:mirrors(), affine = affine_of(warp), bent = bends(warp),
    meta = meta, flip_pairs = meta.flip_pairs }
end

--- The label that goes with the new picture, for a label in canonical form (others: labels.transport).
-- plan: a Plan or list of primitives; image_in: the source picture or { width =, height = }; rules: as labels.rules takes.
-- Returns a new label (or the same when nothing changes), or nil, reason: the rules reject the picture, or the label is
-- damaged or belongs to a picture of another size.
function M.shapes(label, plan, image_in, rules)
  local w, h, objects = image_in.width, image_in.height, label.shapes or {}
  if (label.width or w) ~= w or (label.height or h) ~= h then
    return nil, ("label for a picture of %s x %s, this one is %d x %d"):format(label.width, label.height, w, h)
  end
  local job = job_of(steps_of(plan), w, h, label.meta or {}, rules_of.new(rules))
  local kept, reason = move_objects(job, objects)
  if not kept then return nil, reason end
  if job.still and #kept == #objects then return label end
  local out = {}
  for key, value in pairs(label) do out[key] = value end
  out.width, out.height, out.shapes = job.warp.out_width, job.warp.out_height, kept
  if job.still then return out end
  local mask = label.segmentation
  if mask then
    if mask.width ~= w or mask.height ~= h then return nil, ("segmentation of %d x %d on a picture of %d x %d"):format(mask.width, mask.height, w, h) end
    out.segmentation = assert(job.warp:mask(mask, job.rules.void or job.meta.void or 0))
  end
  if label.heatmaps then out.heatmaps = move_heatmaps(job, label) end
  return out
end

return M
