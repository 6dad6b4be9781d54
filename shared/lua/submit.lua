-- New jobs enter the queue, all or none. ARGV: client, max_queued, idempotency key ('': none), fingerprint, batch ('': none),
-- batch_ttl_s, jobs a minute (0: any number), jobs not done at once (0: any number), then of each job:
-- id, request (JSON), priority, result_ttl_s, queue_timeout_ms, deadline_ms (0: none), retry_of ('': none), seed_drawn ('': the client's),
-- cost, ms before it could start (0: at once, or nobody knows), webhook (JSON, '': none)
-- Returns {'ok', created_ms, place of the first} | {'replayed', id of what the key made} | {'reused'}
-- | {'too_fast', ms to wait} | {'too_many', the client's jobs that are not done} | {'full', queued}
-- | {'late', number of the first job whose deadline passes before it could start, ms when it could}
local FIRST, FIELDS = 9, 11
local MINUTE_MS = 60000
local TRIMMED = 4  -- one job comes, up to four leave: at most a third of a list can be outdated
local client, batch = ARGV[1], ARGV[5]
local once = ARGV[3] ~= '' and once_key(ARGV[1], ARGV[3])
if once then
  local made = redis.call('HMGET', once, 'fingerprint', 'id')
  if made[1] then
    if made[1] ~= ARGV[4] then return {'reused'} end
    return {'replayed', made[2]}
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
if most > 0 and active + jobs > most then return {'too_many', active} end

local queued = 0
for _, p in ipairs(PRIORITIES) do queued = queued + redis.call('ZCARD', 'sq:queued:' .. p) end
if queued + jobs > tonumber(ARGV[2]) then return {'full', queued} end

for i = FIRST, #ARGV, FIELDS do
  local deadline, soonest = tonumber(ARGV[i + 5]), now + ARGV[i + 9]
  if deadline > 0 and deadline < soonest then return {'late', (i - FIRST) / FIELDS, soonest} end
end

if rate > 0 then
  paid_until = paid_until + jobs * MINUTE_MS / rate
  redis.call('SET', 'sq:paid:' .. client, paid_until, 'PX', math.ceil(paid_until - now))
end
redis.call('HINCRBY', 'sq:active', client, jobs)
local own = 'sq:jobs-of:' .. client
for i = FIRST, #ARGV, FIELDS do
  local id, request, priority, result_ttl_s = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local starts_by, deadline = now + tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])
  if deadline > 0 then starts_by = math.min(starts_by, deadline) end
  redis.call('HSET', job_key(id), 'format', 1, 'status', 'queued', 'request', request, 'client', client, 'priority', priority,
    'result_ttl_s', result_ttl_s, 'starts_by', starts_by, 'created', now, 'rung', now, 'rings', 0, 'attempt', 0,
    'crashes', 0, 'lapses', 0)
  if ARGV[i + 6] ~= '' then redis.call('HSET', job_key(id), 'retry_of', ARGV[i + 6]) end
  if ARGV[i + 7] ~= '' then redis.call('HSET', job_key(id), 'seed_drawn', ARGV[i + 7]) end
  if ARGV[i + 10] ~= '' then redis.call('HSET', job_key(id), 'webhook', ARGV[i + 10]) end
  enqueue(id, priority, ARGV[i + 8])
  redis.call('ZADD', 'sq:expiring', starts_by, id)
  for _, old in ipairs(redis.call('ZRANDMEMBER', own, TRIMMED)) do
    if redis.call('EXISTS', job_key(old)) == 0 then redis.call('ZREM', own, old) end
  end
  if batch ~= '' then redis.call('RPUSH', 'sq:batch-jobs:' .. batch, id) end
  redis.call('ZADD', own, redis.call('INCR', 'sq:number:' .. client), id)
  changed(id)
end
if batch ~= '' then
  redis.call('HSET', 'sq:batch:' .. batch, 'client', client, 'created', now)
  for _, key in ipairs({'sq:batch:', 'sq:batch-jobs:'}) do redis.call('EXPIRE', key .. batch, ARGV[6]) end
end
if once then
  redis.call('HSET', once, 'fingerprint', ARGV[4], 'id', batch ~= '' and batch or ARGV[FIRST])
  redis.call('EXPIRE', once, ONCE_S)
end
return {'ok', now, place_of(ARGV[FIRST], ARGV[FIRST + 2])}
