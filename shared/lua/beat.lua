-- A worker says that it lives. ARGV: worker, state (JSON), ttl_ms (0: it leaves), then the broker lists
-- Returns how many doorbells wait in them
local worker, ttl_ms = ARGV[1], tonumber(ARGV[3])
-- It was late, not gone: nothing that ran on it is to blame.
for _, id in ipairs(redis.call('SMEMBERS', 'sq:lapsed:' .. worker)) do
  local job = redis.call('HMGET', job_key(id), 'status', 'lapses')
  if (job[1] == 'queued' or held(job[1])) and tonumber(job[2]) > 0 then redis.call('HINCRBY', job_key(id), 'lapses', -1) end
end
redis.call('DEL', 'sq:lapsed:' .. worker)
local before, state = serves(worker), cjson.decode(ARGV[2])
if before then redis.call('ZREM', 'sq:serves:' .. before, worker) end
if ttl_ms > 0 and state.state == 'ready' and (state.serves or '') ~= '' then
  redis.call('ZADD', 'sq:serves:' .. state.serves, now + ttl_ms, worker)
  redis.call('EXPIRE', 'sq:serves:' .. state.serves, 86400)
end
if ttl_ms > 0 then
  redis.call('SET', 'sq:worker:' .. worker, ARGV[2], 'PX', ttl_ms)
  redis.call('ZADD', 'sq:workers', now + ttl_ms, worker)
else
  redis.call('DEL', 'sq:worker:' .. worker)
  redis.call('ZREM', 'sq:workers', worker)
end
local waiting = 0
for i = 4, #ARGV do waiting = waiting + redis.call('LLEN', ARGV[i]) end
return waiting
