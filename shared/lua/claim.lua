-- A worker takes a queued job: a token for this attempt and a lease. ARGV: id, worker, lease_ms, max_attempts
-- Returns {'ok', token, request, attempt, ms it waited for its first start, published scenes ('' none), what to resume
-- from ('' nothing), seed, traceparent ('' none)} | {status} | {'unknown'} | {'follows'}: another job generates for it
-- | {'wait'}: a suspect runs alone; ask again while it waits for the others here, or they for it
local id, worker = ARGV[1], ARGV[2]
local key = job_key(id)
local job = redis.call('HMGET', key, 'status', 'request', 'attempt', 'seq', 'priority', 'starts_by', 'created', 'format',
  'crashes', 'lapses', 'client', 'likeness', 'role', 'cache_ttl_ms', 'scenes')
if not job[1] then return {'unknown'} end
if job[1] ~= 'queued' then return {job[1]} end
if job[8] ~= '1' then return {'newer'} end  -- written by a newer version: leave it to a worker that knows it

local attempt = tonumber(job[3]) + 1
if attempt == 1 and now > tonumber(job[6]) then
  end_job(id, 'expired', {})
  return {'expired'}
end
if job[13] == 'follower' then return {'follows'} end
if job[12] and not job[15] then  -- a result came meanwhile, or was there but no worker
  local answer = cached(job[11], job[12], tonumber(job[14]))
  if answer then
    count_cache('hit')
    answer_like(id, answer)
    return {'succeeded'}
  end
end
local alone = redis.call('GET', 'sq:alone:' .. worker)
if alone and alone ~= id then return {'wait'} end
if suspect(job[9], job[10], tonumber(ARGV[4])) then
  if redis.call('SCARD', 'sq:held:' .. worker) > 0 then
    redis.call('SET', 'sq:alone:' .. worker, id, 'PX', 2000)
    return {'wait'}
  end
  redis.call('SET', 'sq:alone:' .. worker, id)
end
redis.call('SADD', 'sq:held:' .. worker, id)
redis.call('ZREM', 'sq:queued:' .. job[5], id)
redis.call('ZREM', 'sq:expiring', id)
redis.call('ZADD', 'sq:running', now + tonumber(ARGV[3]), id)
if tonumber(job[4]) > tonumber(redis.call('GET', 'sq:claimed:' .. job[5]) or '0') then
  redis.call('SET', 'sq:claimed:' .. job[5], job[4])
end
local token = worker .. '/' .. attempt
redis.call('HSET', key, 'status', 'running', 'attempt', attempt, 'token', token, 'worker', worker, 'started', now)
redis.call('HSETNX', key, 'first_started', now)
changed(id)
for _, follower in ipairs(followers_of(id)) do runs_along(follower, id) end
if attempt == 1 and job[12] then count_cache('miss') end
local waited_ms = tonumber(redis.call('HGET', key, 'first_started')) - tonumber(job[7])
return {'ok', token, job[2], attempt, waited_ms, job[15] or '', redis.call('GET', 'sq:resume:' .. id) or '',
  redis.call('HGET', key, 'seed'), redis.call('HGET', key, 'trace') or ''}
