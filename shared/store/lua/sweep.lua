-- Once a second, by whoever comes first: lapsed leases, expired waits, lost doorbells, ageing.
-- ARGS: lease_ms, max_attempts, worker_lost (JSON: a failure), every_ms, grace_ms,
--   timed_out (JSON: the failure of a follower whose time is up before its leader's),
--   last_ms (what the caller's last sweep answered first; '': there was none),
--   since_ms (how long ago that was by a clock that does not jump)
-- LIST: broker_lists (of each priority, highest first)
-- Returns {steady time (ms), id, lane to ring it in, ...}: the caller rings them | {below 0}: left to others
every_ms = tonumber(every_ms)
local jumped_ms = number(redis.call('GET', PREFIX .. 'jumped'))
local steady_ms = now - jumped_ms  -- what the clock would say, had it never jumped
local locked_ms = redis.call('PTTL', PREFIX .. 'sweep-lock')
if locked_ms > 0 and locked_ms <= every_ms then return {steady_ms} end  -- longer: the clock stepped back since
lease_ms, max_attempts = tonumber(lease_ms), tonumber(max_attempts)
local MAX_GAP_MS = longest_gap_ms(lease_ms)
local swept = redis.call('GET', PREFIX .. 'swept')
swept = swept and tonumber(swept)
-- Who has just come cannot tell a jump of the clock from a time when everybody was away. It leaves the sweep to others, unless
-- by its next one nobody has swept: then there are none.
last_ms = tonumber(last_ms) or 0  -- below 0: the sweep after which it did so
if swept and math.abs(now - swept) > MAX_GAP_MS and last_ms <= 0 and last_ms ~= -swept then return {-swept} end
redis.call('SET', PREFIX .. 'sweep-lock', '1', 'PX', every_ms)
grace_ms = tonumber(grace_ms)
local ring = {}
local AGE_MS = 60000

-- Whose doorbell is looked for: the jobs that came first, and the first of each client that is next.
local function first_in_line(priority)
  local ids = redis.call('ZRANGE', PREFIX .. 'queued:' .. priority, 0, 99)
  local met = {}
  for _, id in ipairs(ids) do met[id] = true end
  for _, client in ipairs(redis.call('ZRANGE', PREFIX .. 'turns:' .. priority, 0, 99)) do
    local head = head_of(priority, client)
    if head and not met[head] then ids[#ids + 1] = head end
  end
  return ids
end

if not swept then redis.call('SET', PREFIX .. 'began', now, 'NX') end  -- it is new, or came back empty
local server = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local known_server = redis.call('HGET', PREFIX .. 'server', 'replid')
if server and server ~= known_server then
  redis.call('HSET', PREFIX .. 'server', 'replid', server)
  if known_server then redis.call('HSET', PREFIX .. 'server', 'since', now) end
end
redis.call('SET', PREFIX .. 'swept', now)
local gap_ms = now - (swept or now)

-- How far the clock jumped (ms; below 0: back) since anybody noted it: the caller knows how much of its own gap was time.
local jump_ms = last_ms > 0 and math.floor(steady_ms - last_ms - since_ms) or 0
if gap_ms < -MAX_GAP_MS then jump_ms = math.min(jump_ms, gap_ms) end
if math.abs(jump_ms) <= MAX_GAP_MS then jump_ms = 0 end
if jump_ms ~= 0 then redis.call('INCRBY', PREFIX .. 'jumped', jump_ms) end
ring[1] = steady_ms - jump_ms

-- Nobody swept for a while: Redis or everybody was away and no lease could be renewed; or its clock stepped. Give every runner
-- a fresh one.
if gap_ms > MAX_GAP_MS then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', PREFIX .. 'running', '-inf', now + lease_ms)) do
    redis.call('ZADD', PREFIX .. 'running', now + lease_ms, id)
  end
end
if jump_ms < 0 then  -- what began before the step would last as much longer
  for _, worker in ipairs(redis.call('ZRANGE', PREFIX .. 'workers', 0, -1)) do
    local kind = serves(worker)
    if kind then redis.call('ZADD', PREFIX .. 'serves:' .. kind, 'XX', now + lease_ms, worker) end
  end
  make_due_earlier(-jump_ms)
  for _, ends in ipairs({'running', 'workers', 'senders'}) do
    for _, member in ipairs(redis.call('ZRANGE', PREFIX .. ends, 0, -1)) do
      redis.call('ZADD', PREFIX .. ends, now + lease_ms, member)
    end
  end
  redis.call('ZREMRANGEBYSCORE', PREFIX .. 'jumps', now, '+inf')
end

-- A jump forward is no time in which a job waited: it is taken off when the wait seems to be over.
if jump_ms > 0 then
  redis.call('ZADD', PREFIX .. 'jumps', now, now .. ' ' .. jump_ms)
  redis.call('EXPIRE', PREFIX .. 'jumps', 8 * 86400)  -- nothing waits longer than 7 days
end

-- When this wait, or this follower's run, is over; a deadline is a time of day and stays.
local function over_at(id)
  local job = redis.call('HMGET', job_key(id), 'status', 'created', 'starts_by', 'deadline', 'started', 'execution_timeout_ms')
  if job[1] == 'queued' then
    local forgiven_ms = jumped_since(job[2])
    return forgiven_ms > 0 and math.min(job[3] + forgiven_ms, tonumber(job[4]) or math.huge) or now
  elseif job[1] == 'running' then
    local forgiven_ms = jumped_since(job[5])
    return forgiven_ms > 0 and job[5] + job[6] + forgiven_ms or now
  end
  return now
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', PREFIX .. 'running', '-inf', now, 'LIMIT', 0, 100)) do
  if spare <= 0 then break end
  local worker = redis.call('HGET', job_key(id), 'worker')
  if lose(id, 'lapses', false, max_attempts, worker_lost) then
    redis.call('SADD', PREFIX .. 'lapsed:' .. worker, id)
    redis.call('EXPIRE', PREFIX .. 'lapsed:' .. worker, 3600)
    ring[#ring + 1] = id
    ring[#ring + 1] = first_lane_of(id)  -- its turn has passed: the next free row
  end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', PREFIX .. 'expiring', '-inf', now, 'LIMIT', 0, 100)) do
  if spare <= 0 then break end
  local job = redis.call('HMGET', job_key(id), 'status', 'role')
  local over = over_at(id)
  if over > now then
    redis.call('ZADD', PREFIX .. 'expiring', over, id)
  elseif job[1] == 'queued' then
    end_job(id, 'expired', {})
  elseif job[1] == 'running' and job[2] == 'follower' then
    end_job(id, 'failed', {'error', timed_out})
  else
    redis.call('ZREM', PREFIX .. 'expiring', id)
  end
end

-- A cancel that whoever began it did not bring to its end.
for _, batch in ipairs(redis.call('SRANDMEMBER', PREFIX .. 'stopping', 1)) do stop_batch(batch) end

catch_up()

-- Followers that have to generate for themselves now; after the expiries above, which may have left a lead to some of them.
for _ = 1, math.min(100, redis.call('LLEN', PREFIX .. 'promoted')) do
  local id = redis.call('LPOP', PREFIX .. 'promoted')
  local job = redis.call('HMGET', job_key(id), 'status', 'role', 'priority', 'attempt')
  if job[1] == 'queued' and job[2] ~= 'follower' then
    ring[#ring + 1] = id
    ring[#ring + 1] = job[4] == '0' and lane_of_job(id) or first_lane_of(id)  -- one whose leader had started: its turn has passed
  end
end

-- A doorbell is lost when the job waits although its list is empty, or although later jobs of its client and priority were
-- claimed. Each ring waits twice as long as the one before, so that a mistaken one costs next to nothing.
local function ring_lost(i, model)
  local priority = lane_of(PRIORITIES[i], model)
  local list = model == '' and broker_lists[i] or PREFIX .. 'jobs-for:' .. model .. (i > 1 and '/' .. i - 1 or '')
  local empty = redis.call('LLEN', list) == 0
  for _, id in ipairs(first_in_line(priority)) do
    local job = redis.call('HMGET', job_key(id), 'seq', 'rung', 'rings', 'client', 'status', 'cost')
    if not job[5] or held(job[5]) or FINAL[job[5]] then  -- ended by an older version, which knows no lanes of models
      dequeue(id, priority, job[4] or SHARE_OF_NOBODY, job[6])
    end
    local claimed = number(job[1] and redis.call('HGET', PREFIX .. 'claimed-of:' .. priority, job[4]))
    local passed = job[1] and tonumber(job[1]) + OUT_OF_ORDER < claimed
    local rings = number(job[3])
    local since_ms = now - number(job[2])
    local long_ago = since_ms > grace_ms * 2 ^ math.min(rings, 5) or since_ms < 0  -- the clock stepped back
    if (empty or passed) and job[5] == 'queued' and long_ago then
      redis.call('HSET', job_key(id), 'rung', now, 'rings', rings + 1)
      redis.call('SREM', PREFIX .. 'owed:' .. priority, id)
      ring[#ring + 1] = id
      ring[#ring + 1] = passed and lane_of(PRIORITIES[1], model) or priority
    end
  end
end

-- Ageing: a minute's wait counts one priority. One job a priority and sweep, so that a long queue does not rise as a whole.
local function age(i, model)
  local lane = lane_of(PRIORITIES[i], model)
  for _, id in ipairs(redis.call('ZRANGE', PREFIX .. 'queued:' .. lane, 0, 99)) do
    local job = redis.call('HMGET', job_key(id), 'created', 'risen')
    local risen = tonumber(job[2] or '0') + 1
    local waited_ms = job[1] and now - tonumber(job[1]) or 0  -- its record is gone: it leaves the lane in its time
    if waited_ms < 0 then waited_ms = AGE_MS * risen end  -- the clock stepped back: nobody knows
    if waited_ms < AGE_MS then break end
    local above = PRIORITIES[i - risen]
    if above and waited_ms >= AGE_MS * risen then
      redis.call('HSET', job_key(id), 'risen', risen)
      redis.call('SREM', PREFIX .. 'owed:' .. lane, id)
      ring[#ring + 1] = id
      ring[#ring + 1] = lane_of(above, model)
      break
    end
  end
end

for _, model in ipairs(named_models()) do
  local waiting = 0
  for i, priority in ipairs(PRIORITIES) do
    ring_lost(i, model)
    if i > 1 then age(i, model) end
    waiting = waiting + redis.call('ZCARD', PREFIX .. 'queued:' .. lane_of(priority, model))
  end
  if waiting == 0 and model ~= '' then redis.call('SREM', PREFIX .. 'named', model) end
end
return ring
