-- A worker takes a queued job: a token for this attempt and a lease.
-- ARGS: id, worker, lease_ms, max_attempts
-- ANSWER: token, request, attempt, queued_ms (until its first start), scenes (published; '': none),
--   resume (from what; '': nothing), seed, trace (W3C traceparent; '': none)
-- Returns {'ok', ANSWER} | {status} | {'unknown'} | {'follows'}: another job generates for it | {'newer'}: written by a
-- newer version | {'wait'}: a suspect runs alone; ask again while it waits for the others here, or they for it
local key = job_key(id)
local job = redis.call('HMGET', key, 'status', 'request', 'attempt', 'seq', 'priority', 'starts_by', 'created', 'format',
  'crashes', 'lapses', 'client', 'likeness', 'role', 'cache_ttl_ms', 'scenes')
if not job[1] then return {'unknown'} end
if job[1] ~= 'queued' then return {job[1]} end
if job[8] ~= FORMAT then return {'newer'} end  -- leave it to a worker that knows it

local attempt = tonumber(job[3]) + 1
if attempt == 1 and now > tonumber(job[6]) then
  end_job(id, 'expired', {})
  return {'expired'}
end
if job[13] == 'follower' then return {'follows'} end
if job[12] and not job[15] then  -- a result came meanwhile, or was there but no worker
  local other = cached(job[11], job[12], tonumber(job[14]))
  if other then
    count_cache('hit')
    answer_like(id, other)
    return {'succeeded'}
  end
end
local alone = redis.call('GET', PREFIX .. 'alone:' .. worker)
if alone and alone ~= id then return {'wait'} end
if suspect(job[9], job[10], tonumber(max_attempts)) then
  if redis.call('SCARD', PREFIX .. 'held:' .. worker) > 0 then
    redis.call('SET', PREFIX .. 'alone:' .. worker, id, 'PX', 2000)
    return {'wait'}
  end
  redis.call('SET', PREFIX .. 'alone:' .. worker, id)
end
redis.call('SADD', PREFIX .. 'held:' .. worker, id)
redis.call('ZREM', PREFIX .. 'queued:' .. job[5], id)
redis.call('ZREM', PREFIX .. 'expiring', id)
redis.call('ZADD', PREFIX .. 'running', now + tonumber(lease_ms), id)
if tonumber(job[4]) > tonumber(redis.call('GET', PREFIX .. 'claimed:' .. job[5]) or '0') then
  redis.call('SET', PREFIX .. 'claimed:' .. job[5], job[4])
end
local token = worker .. '/' .. attempt
redis.call('HSET', key, 'status', 'running', 'attempt', attempt, 'token', token, 'worker', worker, 'started', now)
redis.call('HSETNX', key, 'first_started', now)
changed(id)
for _, follower in ipairs(followers_of(id)) do runs_along(follower, id) end
if attempt == 1 and job[12] then count_cache('miss') end
local late = redis.call('HMGET', key, 'first_started', 'seed', 'trace')
return {'ok', answer({
  token = token,
  request = job[2],
  attempt = attempt,
  queued_ms = tonumber(late[1]) - tonumber(job[7]),
  scenes = job[15] or '',
  resume = redis.call('GET', PREFIX .. 'resume:' .. id) or '',
  seed = late[2],
  trace = late[3] or '',
})}
