-- New jobs enter the queue, all or none. ARGV: client, max_queued, idempotency key ('': none), fingerprint, batch ('': none),
-- batch_ttl_s, jobs a minute (0: any number), jobs not done at once (0: any number), cache_ttl_ms, then of each job:
-- id, request (JSON), priority, result_ttl_s, queue_timeout_ms, deadline_ms (0: none), retry_of ('': none), seed,
-- likeness ('': it shares nothing), execution_timeout_ms, cost, ms before it could start (0: at once, or nobody knows),
-- webhook (JSON, '': none), traceparent ('': none)
-- Returns {'ok', created_ms, {status, ...}, {id to ring, ...}, place of the first, its record as a flat hash unless it is new
-- in the queue} | {'replayed', id of what the key made} | {'reused'}
-- | {'too_fast', ms to wait} | {'too_many', the client's jobs that are not done} | {'full', queued}
-- | {'late', number of the first job whose deadline passes before it could start, ms when it could}
local FIRST, FIELDS = 10, 14
local MINUTE_MS = 60000
local TRIMMED = 4  -- one job comes, up to four leave: at most a third of a list can be outdated
local client, batch, cache_ttl_ms = ARGV[1], ARGV[5], tonumber(ARGV[9])
local once = ARGV[3] ~= '' and once_key(ARGV[1], ARGV[3])
if once then
  local made = redis.call('HMGET', once, 'fingerprint', 'id')
  if made[1] then
    if made[1] ~= ARGV[4] then return {'reused'} end
    return {'replayed', made[2]}
  end
end

-- What answers each: a result that is there, or a job in flight (or of this batch) that it joins; else it enters the queue.
local answers, joins, rooms, answered, entering = {}, {}, {}, 0, 0
for i = FIRST, #ARGV, FIELDS do
  local likeness = ARGV[i + 8]
  if likeness ~= '' then
    answers[i] = cached(client, likeness, cache_ttl_ms)
    rooms[likeness] = rooms[likeness] or room(client, likeness)
  end
  joins[i] = not answers[i] and (rooms[likeness] or 0) > 0
  if answers[i] then
    answered = answered + 1
  elseif joins[i] then
    rooms[likeness] = rooms[likeness] - 1
  else
    entering = entering + 1
    if likeness ~= '' then rooms[likeness] = rooms[likeness] or MAX_FOLLOWERS end
  end
end
local jobs = (#ARGV - FIRST + 1) / FIELDS
local rate, most = tonumber(ARGV[7]), tonumber(ARGV[8])
local paid_until = math.max(tonumber(redis.call('GET', 'sq:paid:' .. client) or 0), now)
if rate > 0 then  -- a batch above a whole minute's jobs needs all of them, and is paid off afterwards
  local wait_ms = paid_until + math.min(jobs, rate) * MINUTE_MS / rate - now - MINUTE_MS
  if wait_ms >= 1 then return {'too_fast', math.ceil(wait_ms)} end
end
local active = tonumber(redis.call('HGET', 'sq:active', client) or 0)
if most > 0 and active + jobs - answered > most then return {'too_many', active} end

local queued = 0
for _, p in ipairs(PRIORITIES) do queued = queued + redis.call('ZCARD', 'sq:queued:' .. p) end
if entering > 0 and queued + entering > tonumber(ARGV[2]) then return {'full', queued} end

for i = FIRST, #ARGV, FIELDS do
  local deadline, queues = tonumber(ARGV[i + 5]), not answers[i] and not joins[i]
  local soonest = now + (queues and ARGV[i + 11] or 0)  -- one that joins others starts with them
  if deadline > 0 and deadline < soonest then return {'late', (i - FIRST) / FIELDS, soonest} end
end

if rate > 0 then
  paid_until = paid_until + jobs * MINUTE_MS / rate
  redis.call('SET', 'sq:paid:' .. client, paid_until, 'PX', math.ceil(paid_until - now))
end
redis.call('HINCRBY', 'sq:active', client, jobs)

local statuses, ring = {}, {}
local own = 'sq:jobs-of:' .. client
for i = FIRST, #ARGV, FIELDS do
  local id, request, priority, result_ttl_s, likeness = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 8]
  local starts_by, deadline = now + tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])
  if deadline > 0 then starts_by = math.min(starts_by, deadline) end
  redis.call('HSET', job_key(id), 'format', 1, 'status', 'queued', 'request', request, 'client', client, 'priority', priority,
    'result_ttl_s', result_ttl_s, 'starts_by', starts_by, 'created', now, 'rung', now, 'rings', 0,
    'attempt', 0, 'crashes', 0, 'lapses', 0, 'seed', ARGV[i + 7], 'execution_timeout_ms', ARGV[i + 9], 'cost', ARGV[i + 10])
  if ARGV[i + 6] ~= '' then redis.call('HSET', job_key(id), 'retry_of', ARGV[i + 6]) end
  if likeness ~= '' then redis.call('HSET', job_key(id), 'likeness', likeness, 'cache_ttl_ms', cache_ttl_ms) end
  if ARGV[i + 13] ~= '' then redis.call('HSET', job_key(id), 'trace', ARGV[i + 13]) end
  if ARGV[i + 12] ~= '' then redis.call('HSET', job_key(id), 'webhook', ARGV[i + 12]) end
  for _, old in ipairs(redis.call('ZRANDMEMBER', own, TRIMMED)) do
    if redis.call('EXISTS', job_key(old)) == 0 then redis.call('ZREM', own, old) end
  end
  if batch ~= '' then redis.call('RPUSH', 'sq:batch-jobs:' .. batch, id) end
  redis.call('ZADD', own, redis.call('INCR', 'sq:number:' .. client), id)
  if answers[i] then
    count_cache('hit')
    answer_like(id, answers[i])
  else
    take_number(id, priority, ARGV[i + 10])
    redis.call('ZADD', 'sq:expiring', starts_by, id)
    changed(id)
    local left = likeness ~= '' and room(client, likeness)
    if not left and likeness ~= '' then lead(id, client, likeness) end
    if not left or left <= 0 or join(id, client, likeness) then
      redis.call('ZADD', 'sq:queued:' .. priority, redis.call('HGET', job_key(id), 'seq'), id)
      ring[#ring + 1] = id
    end
  end
  statuses[#statuses + 1] = redis.call('HGET', job_key(id), 'status')
end
if batch ~= '' then
  redis.call('HSET', 'sq:batch:' .. batch, 'client', client, 'created', now)
  for _, key in ipairs({'sq:batch:', 'sq:batch-jobs:'}) do redis.call('EXPIRE', key .. batch, ARGV[6]) end
end
if once then
  redis.call('HSET', once, 'fingerprint', ARGV[4], 'id', batch ~= '' and batch or ARGV[FIRST])
  redis.call('EXPIRE', once, ONCE_S)
end
local first = ARGV[FIRST]
return {'ok', now, statuses, ring, stands_at(first), ring[1] == first and {} or redis.call('HGETALL', job_key(first))}
