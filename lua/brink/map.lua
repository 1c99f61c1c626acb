--- Parallelism: ordinary sequential functions, many at a time.
--
-- Each call of fn runs in a coroutine of its own, a *task*. A job inside it (decoding, a plan, a model) yields the task
-- until the pool has done the work; meanwhile the others run. One OS thread runs all Lua code, so tasks never race.
--
-- The caller of map hands out items and takes results itself. At the top it then *drives*: it steps the tasks that can
-- go on and waits for the next finished job. Inside a task it waits as a task does, so that a map in a map shares the
-- driver at the top and nothing ever blocks it.
-- SPDX-License-Identifier: MIT
local async = require("brink.core").async

local M = {}

local WAIT, BATCH = {}, {} -- what a task yields when it waits for its own map, or for its gang; else a job
local tasks = setmetatable({}, { __mode = "k" }) -- coroutine -> task
local waiting = setmetatable({}, { __mode = "k" }) -- job -> task

local function push(task, value)
  local root = task.root
  root.last = root.last + 1
  root.ready[root.last], root.values[root.last] = task, value
end

--- A task that will run fn(a, b) and then call ended(task, ok, value).
local function spawn(root, ended, fn, a, b)
  local task = { root = root, ended = ended, co = coroutine.create(fn), a = a, b = b }
  root.serial = root.serial + 1
  task.serial = root.serial
  root.alive[task.serial] = task
  tasks[task.co] = task
  async.task(task.co, true)
  push(task)
  return task
end

local function retire(task, ok, value)
  task.root.alive[task.serial] = nil
  tasks[task.co] = nil
  async.task(task.co, false)
  task:ended(ok, value)
end

--- The error with the stack it came from, once. Error values that are not text stay what they are.
local function traced(co, err)
  if type(err) ~= "string" or err:find("\nstack traceback:", 1, true) then return err end
  return debug.traceback(co, err)
end

local gang_check

--- Let a task run until it waits or ends.
local function step(task, value)
  local co, ok, what, batcher, item = task.co
  local was = async.breakable(co)
  if task.started then
    ok, what, batcher, item = coroutine.resume(co, value)
  else
    task.started = true
    ok, what, batcher, item = coroutine.resume(co, task.a, task.b)
  end
  async.breakable(was)
  if not ok then
    what = traced(co, what)
    debug.sethook(co)
    async.task(co, false) -- closing handlers run outside the scheduler
    coroutine.close(co)
    return retire(task, false, what)
  end
  if coroutine.status(co) == "dead" then return retire(task, true, what) end
  if what == WAIT then return end
  if what == BATCH then
    task.batcher, task.item = batcher, item
    task.gang.waiting = task.gang.waiting + 1
    return gang_check(task.gang)
  end
  if async.queued(what) then
    waiting[what] = task
    return
  end
  async.task(co, false)
  coroutine.close(co)
  retire(task, false, "coroutine.yield in a task of brink.map, outside any coroutine of its own")
end

--- Take down everything of this root after an interruption, innermost first.
local function cancel(root)
  async.drain()
  for k = root.serial, 1, -1 do
    local task = root.alive[k]
    if task then
      debug.sethook(task.co)
      tasks[task.co] = nil
      async.task(task.co, false)
      coroutine.close(task.co)
    end
  end
  root.alive = {}
end

--- Step tasks until the group has news.
local function drive(root, group)
  while not group.news do
    if async.interrupted() then
      local why = async.interruption()
      cancel(root)
      error(why, 0)
    end
    if root.first <= root.last then
      local k = root.first
      local task, value = root.ready[k], root.values[k]
      root.ready[k], root.values[k], root.first = nil, nil, k + 1
      step(task, value)
    else
      local job, why = async.next()
      if job then
        local task = waiting[job]
        waiting[job] = nil
        if task then push(task, job) end
      elseif why == "idle" then
        error("brink.map: every task waits and nothing is under way", 0)
      end
    end
  end
end

--- When every live member of a gang waits for a batch: one batch per batcher, in the order of the items.
function gang_check(gang)
  if gang.open or gang.live == 0 or gang.waiting < gang.live then return end
  local order, members = {}, {}
  for _, task in ipairs(gang) do
    local batcher = task.batcher
    if batcher ~= nil then
      if not members[batcher] then
        order[#order + 1] = batcher
        members[batcher] = {}
      end
      table.insert(members[batcher], task)
    end
  end
  gang.waiting = 0
  for _, batcher in ipairs(order) do
    local list, items = members[batcher], {}
    for k, task in ipairs(list) do
      items[k] = task.item
      task.batcher, task.item = nil, nil
    end
    spawn(gang.root, function(_, ok, out)
      if ok and (type(out) ~= "table" or (out.n or #out) ~= #list) then
        ok, out = false, ("batch of %d items: expected a list of as many results, got %s"):format(#list, type(out) == "table" and #out or type(out))
      end
      for k, task in ipairs(list) do push(task, { ok = ok, value = ok and out[k] or not ok and out or nil }) end
    end, batcher, items)
  end
end

--- The result of batcher for this item, computed together with those of the other members of the gang
-- (see the gang option of map). Which items share a batch depends on the items alone, never on timing.
-- Outside a gang the batch is the item alone.
-- @param batcher function(list of items) -> list of results of the same length; may run jobs
function M.wait_batch(batcher, item)
  if type(batcher) ~= "function" then error("batcher: expected a function, got " .. type(batcher), 2) end
  local task = tasks[coroutine.running()]
  if not (task and task.gang and coroutine.isyieldable()) then
    local out = batcher({ item })
    return out[1]
  end
  local answer = coroutine.yield(BATCH, batcher, item)
  if not answer.ok then error(answer.value, 0) end
  return answer.value
end

--- "item 3: " before errors that are text.
local function in_item(index, err)
  return type(err) == "string" and ("item %d: %s"):format(index, err) or err
end

local function fail(group, index, err)
  group.stopped = true
  if not group.failed or index < group.failed then group.failed, group.err = index, err end
end

local function news(group)
  group.news = true
  if group.parked then
    group.parked = false
    push(group.owner)
  end
end

local function item_ended(task, ok, value)
  local group, index, gang = task.group, task.index, task.gang
  group.running = group.running - 1
  group.done[index] = true
  if ok then group.value[index] = value
  else fail(group, index, in_item(index, value)) end
  if gang then
    gang.live = gang.live - 1
    gang_check(gang)
  end
  news(group)
end

--- Start the next item; false when there is none.
local function take(group, gang)
  local index = group.taken + 1
  local ok, item = pcall(group.next_item, index)
  if not ok then
    fail(group, index, item)
    return false
  end
  if item == nil then
    group.stopped = true
    return false
  end
  group.taken, group.running = index, group.running + 1
  local task = spawn(group.root, item_ended, group.fn, item, index)
  task.group, task.index, task.gang = group, index, gang
  if gang then
    gang.live = gang.live + 1
    gang[#gang + 1] = task
  end
  return true
end

local function fill(group)
  local size = group.gang
  while not group.stopped and group.running <= group.inflight - size and group.taken - group.given <= group.window - size do
    if size == 1 then
      take(group)
    else
      local gang = { root = group.root, live = 0, waiting = 0, open = true }
      for _ = 1, size do
        if not take(group, gang) then break end
      end
      gang.open = false
      gang_check(gang)
    end
  end
end

--- Hand over what is finished, in order, up to the first failure.
local function give(group)
  while true do
    local index = group.given + 1
    if not group.done[index] or (group.failed and index >= group.failed) then return end
    local value = group.value[index]
    group.done[index], group.value[index], group.given = nil, nil, index
    local ok, err = xpcall(group.deliver, debug.traceback, value, index)
    if not ok then fail(group, index, in_item(index, err)) end
  end
end

local function work(group, in_task)
  while true do
    group.news = false
    give(group)
    fill(group) -- may let others run, when the iterator has jobs
    if group.running == 0 then
      if group.stopped and not group.news then break end
    elseif not in_task then
      drive(group.root, group)
    elseif not group.news then
      group.parked = true
      coroutine.yield(WAIT)
    end
  end
end

-- While plain code drives, a signal must not break it: cancelling is orderly. A host without signal handling of ours (a
-- stock Lua with brink.so) lends us its signals for that time. Undone by the closing value.
local shield = { __close = function(self)
  async.breakable(self.was)
  if self.signals then async.signals(false) end
end }

local function count(opts, name, default)
  local n = opts[name]
  if n == nil then return default end
  if math.type(n) ~= "integer" or n < 1 then
    error(("%s: expected an integer from 1, got %s"):format(name, tostring(n)), 4)
  end
  return n
end

local function reader(items)
  if type(items) == "function" then return items end
  if type(items) ~= "table" and type(items) ~= "userdata" then
    error("items: expected a list or an iterator function, got " .. type(items), 4)
  end
  local n = #items
  return function(k) if k <= n then return items[k] end end
end

local function run(items, fn, opts, deliver, bounded)
  opts = opts or {}
  if type(opts) ~= "table" then error("opts: expected a table, got " .. type(opts), 3) end
  if type(fn) ~= "function" then error("fn: expected a function, got " .. type(fn), 3) end
  local gang = count(opts, "gang", 1)
  local inflight = math.max(count(opts, "inflight", 2 * async.threads() + 2), gang)
  local owner = coroutine.isyieldable() and tasks[coroutine.running()] or nil
  local group = {
    next_item = reader(items), fn = fn, deliver = deliver, owner = owner,
    gang = gang, inflight = inflight, window = bounded and math.max(4 * inflight, 64) or math.huge,
    taken = 0, given = 0, running = 0, done = {}, value = {},
  }
  if owner then
    group.root = owner.root
    work(group, true)
  else
    group.root = { ready = {}, values = {}, first = 1, last = 0, alive = {}, serial = 0 }
    local _ <close> = setmetatable({ was = async.breakable(false), signals = async.signals(true) }, shield)
    work(group, false)
  end
  if group.failed then error(group.err, 0) end
  return group.taken
end

--- Call fn(item, index) for every item, many at a time, and return the list of results in the order of the items.
--
-- The first result of fn counts. An error in fn stops the taking of new items; those under way are finished, then the
-- error of the lowest index is raised again, with its traceback and "item k: " before it when it is text. That is the
-- error a plain loop would have met. A signal (see core.async.signals) cancels what is under way, closes the tasks and
-- raises an interruption, a table with exit = 130 or 143.
--
--     local sizes = map(paths, function(path) return assert(image.load(path)).width end)
--
-- @param items a list, or a function that returns the next item and nil at the end
-- @param fn function(item, index) -> result
-- @param opts inflight = most items under way (default 2 x threads + 2); gang = how many consecutive items share
--   batches (default 1), see wait_batch
-- @return the list of results, and their number (which counts when results are nil)
function M.map(items, fn, opts)
  local results = {}
  local n = run(items, fn, opts, function(value, index) results[index] = value end, false)
  return results, n
end

--- As map, but keeps no results: opts.each(result, index), when given, is called for each in the order of the items,
-- from the caller's side. Results that wait for an earlier one are bounded (4 x inflight, at least 64). In case of an
-- error the results before it are still delivered. Returns the number of items.
function M.each(items, fn, opts)
  local deliver = type(opts) == "table" and opts.each or function() end
  if type(deliver) ~= "function" then error("each: expected a function, got " .. type(deliver), 2) end
  return (run(items, fn, opts, deliver, true))
end

return M
