-- A worker takes a queued job: a token for this attempt and a lease. ARGV: id, worker, lease_ms, max_attempts
-- Returns {'ok', token, request, attempt, ms it waited for its first start, published scenes ('' none), what to resume
-- from ('' nothing)} | {status} | {'unknown'}
-- | {'wait'}: a suspect runs alone; ask again while it waits for the others here, or they for it
local id, worker = ARGV[1], ARGV[2]
local key = job_key(id)
local job = redis.call('HMGET', key, 'status', 'request', 'attempt', 'seq', 'priority', 'starts_by', 'created', 'format',
  'crashes', 'lapses')
if not job[1] then return {'unknown'} end
if job[1] ~= 'queued' then return {job[1]} end
if job[8] ~= '1' then return {'newer'} end  -- written by a newer version: leave it to a worker that knows it

local attempt = tonumber(job[3]) + 1
if attempt == 1 and now > tonumber(job[6]) then
  end_job(id, 'expired', {})
  return {'expired'}
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
local waited_ms = tonumber(redis.call('HGET', key, 'first_started')) - tonumber(job[7])
local scenes, resume = redis.call('HGET', key, 'scenes'), redis.call('GET', 'sq:resume:' .. id)
return {'ok', token, job[2], attempt, waited_ms, scenes or '', resume or ''}
