-- What every script may use: who is next. Clients share each priority by their weights (API__WEIGHTS), whoever queued more.
--
-- Each client stands in its own line, by seq. The line that is behind with its share is next: a virtual time is kept for
-- each, and a job's start moves its line on by the job's cost / the client's weight (start-time fair queueing). A client that
-- comes, or comes back, begins at the virtual time of those that wait, so that neither a long queue nor a long silence gains
-- anything. With one client this is the order of arrival. Jobs that were given a turn before, and must run again, are next.
--
-- Jobs that name their model stand in lanes of their own, where all this holds as well; `priority` is a lane wherever it is
-- part of a key here. A worker of that model hears the doorbells of both in turn, so that neither keeps the other waiting.
--
-- sq:queued:<priority> stays the truth about who waits. What an older version put there enters its line when its doorbell
-- rings; what it took out leaves its line when it is met at the head.
local OUT_OF_ORDER = 64  -- a client's doorbells are answered at most so many places out of order
local SHARE_OF_NOBODY = ''  -- field of sq:waiting:<priority> for sq:back:<priority>; no client's name is empty

local function line_key(priority, client)
  if client == SHARE_OF_NOBODY then return PREFIX .. 'back:' .. priority end
  return PREFIX .. 'queued-of:' .. priority .. ':' .. client
end

local function number(value) return tonumber(value or '0') end
local function virtual_time(priority) return number(redis.call('GET', PREFIX .. 'virtual:' .. priority)) end
-- What a job of this cost moves its line on: a whole number, so that clients who are level are seen to be.
local function step_of(cost, weight) return math.max(1, math.floor(cost * 1000 / weight + 0.5)) end
local function weight_of(client) return tonumber(redis.call('HGET', PREFIX .. 'weights', client) or '1') end

local function stand_in(client, id, priority, seq, cost)
  if redis.call('ZADD', line_key(priority, client), seq, id) == 0 then return end
  redis.call('HINCRBY', PREFIX .. 'waiting:' .. priority, client, cost)
  if client == SHARE_OF_NOBODY or redis.call('ZSCORE', PREFIX .. 'turns:' .. priority, client) then return end
  local due = math.max(virtual_time(priority), number(redis.call('HGET', PREFIX .. 'served:' .. priority, client)))
  redis.call('ZADD', PREFIX .. 'turns:' .. priority, due, client)
end

-- Into its line. `back`: it had its turn before.
local function into_line(id, priority, back)
  local job = redis.call('HMGET', job_key(id), 'seq', 'client', 'cost')
  stand_in(back and SHARE_OF_NOBODY or job[2], id, priority, job[1], job[3] or 0)
end

-- Returns whether it stood in this line.
local function out_of_line(id, priority, client, cost)
  local line = line_key(priority, client)
  if redis.call('ZREM', line, id) == 0 then return false end
  if redis.call('EXISTS', line) == 1 then
    redis.call('HINCRBY', PREFIX .. 'waiting:' .. priority, client, -number(cost))
  else
    redis.call('HDEL', PREFIX .. 'waiting:' .. priority, client)
    redis.call('ZREM', PREFIX .. 'turns:' .. priority, client)
  end
  return true
end

-- Something waits in this lane.
local function note_model(lane)
  local model = string.match(lane, '/(.*)$')
  if model then redis.call('SADD', PREFIX .. 'named', model) end
end

-- A job begins to wait. `back`: it had its turn before.
function enqueue(id, priority, back)
  note_model(priority)
  redis.call('ZADD', PREFIX .. 'queued:' .. priority, redis.call('HGET', job_key(id), 'seq'), id)
  into_line(id, priority, back)
end

-- A new job begins to wait.
local function stand_last(id, priority, client, seq, cost)
  note_model(priority)
  redis.call('ZADD', PREFIX .. 'queued:' .. priority, seq, id)
  stand_in(client, id, priority, seq, cost)
end

-- It waits no longer. Returns whether it stood in its client's line: it had no turn yet.
function dequeue(id, priority, client, cost)
  if redis.call('ZREM', PREFIX .. 'queued:' .. priority, id) == 0 then return false end
  local first_turn = out_of_line(id, priority, client, cost)
  if not first_turn then out_of_line(id, priority, SHARE_OF_NOBODY, cost) end
  redis.call('SREM', PREFIX .. 'owed:' .. priority, id)
  if redis.call('EXISTS', PREFIX .. 'queued:' .. priority) == 0 then
    redis.call('DEL', PREFIX .. 'owed:' .. priority, PREFIX .. 'in-vain:' .. priority)
  end
  return first_turn
end

-- How many of its client stand before it; false when it had its turn before. What an older version queued enters its line.
local function rank_in_line(id, priority, client, had_turn)
  local line = line_key(priority, client)
  local rank = redis.call('ZRANK', line, id)
  if rank or redis.call('ZSCORE', PREFIX .. 'back:' .. priority, id) then return rank end
  into_line(id, priority, had_turn)
  return redis.call('ZRANK', line, id)
end

-- Who is first in a line; nothing when nobody is.
local function head_of(priority, client)
  for _ = 1, 100 do
    local id = redis.call('ZRANGE', line_key(priority, client), 0, 0)[1]
    local cost = id and redis.call('HGET', job_key(id), 'cost')
    if not id or (cost and redis.call('ZSCORE', PREFIX .. 'queued:' .. priority, id)) then return id end
    out_of_line(id, priority, client, cost)
  end
end

-- The client whose turn it is, and its first job; nothing when no client waits.
local function in_turn(priority)
  for _ = 1, 100 do
    local client = redis.call('ZRANGE', PREFIX .. 'turns:' .. priority, 0, 0)[1]
    if not client then return end
    local head = head_of(priority, client)
    if head then return client, head end
  end
end

-- Whether it is this client's turn. Often the first says so already, whatever its line looks like.
local function is_next(client, priority)
  return redis.call('ZRANGE', PREFIX .. 'turns:' .. priority, 0, 0)[1] == client or in_turn(priority) == client
end

-- A job has its turn: its client pays for it, unless it had one before.
local function take_turn(id, priority, client, cost, seq)
  local turns, served, virtual = PREFIX .. 'turns:' .. priority, PREFIX .. 'served:' .. priority, virtual_time(priority)
  local first = redis.call('ZRANGE', turns, 0, 0, 'WITHSCORES')
  if number(first[2]) > virtual then
    virtual = tonumber(first[2])
    redis.call('SET', PREFIX .. 'virtual:' .. priority, first[2])
  end
  local due = first[1] == client and first[2] or redis.call('ZSCORE', turns, client)
  if dequeue(id, priority, client, cost) then
    due = due or math.max(virtual, number(redis.call('HGET', served, client)))
    local paid = due + step_of(number(cost), weight_of(client))
    redis.call('HSET', served, client, paid)
    redis.call('ZADD', turns, 'XX', paid, client)
  end
  local claimed = PREFIX .. 'claimed-of:' .. priority
  if tonumber(seq) > number(redis.call('HGET', claimed, client)) then redis.call('HSET', claimed, client, seq) end
end

-- New jobs' places are behind all others of their priority. `seq` and the `work` before it are a job's own for life. Returns
-- what stands before the first of so many jobs, which cost so much together.
local function next_numbers(priority, count, cost)
  return redis.call('INCRBY', PREFIX .. 'seq:' .. priority, count) - count,
    redis.call('INCRBY', PREFIX .. 'work:' .. priority, cost) - cost
end

-- The cost of the first `count` of a queue, which entered before `seq` and `work`. Jobs that left from between are
-- allowed for as if all were alike, so that nothing is added up and no sum can go astray.
local function work_of(priority, count, seq, work)
  if count == 0 then return 0 end
  local head = redis.call('HMGET', job_key(redis.call('ZRANGE', PREFIX .. 'queued:' .. priority, 0, 0)[1]), 'seq', 'work')
  if not head[1] then return 0 end  -- somebody deleted a record by hand: an estimate is no reason to refuse a job
  if tonumber(seq) <= tonumber(head[1]) then return 0 end
  return math.floor((work - head[2]) * count / (seq - head[1]))
end

local function waiting_work(priority)
  local count = redis.call('ZCARD', PREFIX .. 'queued:' .. priority)
  if count == 0 then return 0 end
  -- Nothing was submitted to it yet where all that waits came from another lane.
  local seq = number(redis.call('GET', PREFIX .. 'seq:' .. priority))
  return work_of(priority, count, seq + 1, number(redis.call('GET', PREFIX .. 'work:' .. priority)))
end

-- Each client's line: {client, virtual time of its next start, weight, jobs, their cost, a job's step}. Looked at once a
-- script.
local looked_at = {}
local function lines_of(priority)
  if looked_at[priority] then return looked_at[priority] end
  local lines, turns = {}, redis.call('ZRANGE', PREFIX .. 'turns:' .. priority, 0, -1, 'WITHSCORES')
  for i = 1, #turns, 2 do
    local client = turns[i]
    local weight, count = weight_of(client), redis.call('ZCARD', line_key(priority, client))
    local cost = number(redis.call('HGET', PREFIX .. 'waiting:' .. priority, client))
    lines[#lines + 1] = {client, tonumber(turns[i + 1]), weight, count, cost, step_of(cost / count, weight)}
  end
  looked_at[priority] = lines
  return lines
end

-- How many jobs of a line start before one of another client that starts at this virtual time. shared/eta.py has the same.
local function ahead(line, start, wins_tie)
  local past = start - line[2] + (wins_tie and 1 or 0)
  if past <= 0 then return 0 end
  return math.min(line[4], math.ceil(past / line[6]))
end

-- Where a job stands among all of its priority: how many are before it, and their cost.
local function before_it(id, priority)
  local back = redis.call('ZRANK', PREFIX .. 'back:' .. priority, id)
  local job = redis.call('HMGET', job_key(id), 'seq', 'work', 'client')
  local rank = not back and redis.call('ZRANK', line_key(priority, job[3]), id)
  local returned = redis.call('ZCARD', PREFIX .. 'back:' .. priority)
  if rank and redis.call('ZCARD', PREFIX .. 'turns:' .. priority) > 1 then
    local count, work, own = returned + rank, number(redis.call('HGET', PREFIX .. 'waiting:' .. priority, '')), nil
    for _, line in ipairs(lines_of(priority)) do own = line[1] == job[3] and line or own end
    local start = own[2] + rank * own[6]
    work = work + rank * own[5] / own[4]
    for _, line in ipairs(lines_of(priority)) do
      if line ~= own then
        local others = ahead(line, start, line[1] < own[1])
        count, work = count + others, work + others * line[5] / line[4]
      end
    end
    return count, math.floor(work)
  end
  local count = back or (rank and returned + rank) or redis.call('ZRANK', PREFIX .. 'queued:' .. priority, id) or 0
  return count, work_of(priority, count, job[1], job[2])
end

-- The lane of the next free row, for a job whose turn has passed.
local function first_lane_of(id) return lane_of(PRIORITIES[1], redis.call('HGET', job_key(id), 'only_model')) end

-- Where a queued job stands: {its position (1 is next), the work before it in the queue, how many run}. One that names its
-- model waits for those of any model, too: of its own priority for one before each of its own lane's.
local function place_of(id, lane)
  local priority, model = string.match(lane, '^([^/]+)/?(.*)$')
  local position, work = 1, 0
  for _, p in ipairs(PRIORITIES) do
    local shared = model ~= '' and redis.call('ZCARD', PREFIX .. 'queued:' .. p) or 0
    local shared_work = shared > 0 and waiting_work(p) or 0
    if p == priority then
      local count, cost = before_it(id, lane)
      local between = math.min(count, shared)
      if between > 0 then cost = math.floor(cost + shared_work * between / shared) end
      return {position + count + between, work + cost, redis.call('ZCARD', PREFIX .. 'running')}
    end
    position = position + redis.call('ZCARD', PREFIX .. 'queued:' .. lane_of(p, model)) + shared
    work = work + waiting_work(lane_of(p, model)) + shared_work
  end
end
