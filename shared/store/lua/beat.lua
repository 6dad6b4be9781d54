-- A worker says that it lives.
-- ARGS: worker, word (JSON: its state), ttl_ms (0: it leaves), model (that jobs may name; '': none)
-- LIST: broker_lists
-- Returns how many doorbells wait in them
ttl_ms = tonumber(ttl_ms)
-- It was late, not gone: nothing that ran on it is to blame.
for _, id in ipairs(redis.call('SMEMBERS', PREFIX .. 'lapsed:' .. worker)) do
  local job = redis.call('HMGET', job_key(id), 'status', 'lapses')
  if (job[1] == 'queued' or held(job[1])) and tonumber(job[2]) > 0 then redis.call('HINCRBY', job_key(id), 'lapses', -1) end
end
redis.call('DEL', PREFIX .. 'lapsed:' .. worker)
local before, state = serves(worker), cjson.decode(word)
if before then redis.call('ZREM', PREFIX .. 'serves:' .. before, worker) end
if ttl_ms > 0 and state.state == 'ready' and (state.serves or '') ~= '' then
  redis.call('ZADD', PREFIX .. 'serves:' .. state.serves, now + ttl_ms, worker)
  redis.call('EXPIRE', PREFIX .. 'serves:' .. state.serves, 86400)
end
if ttl_ms > 0 and model ~= '' then
  redis.call('ZADD', PREFIX .. 'models', now, model)
  redis.call('ZREMRANGEBYSCORE', PREFIX .. 'models', '-inf', now - 24 * HOUR_MS)
end
if ttl_ms > 0 then
  if (state.node or '') ~= '' then redis.call('SET', PREFIX .. 'node', state.node) end
  redis.call('SET', PREFIX .. 'worker:' .. worker, word, 'PX', ttl_ms)
  redis.call('ZADD', PREFIX .. 'workers', now + ttl_ms, worker)
else
  redis.call('DEL', PREFIX .. 'worker:' .. worker)
  redis.call('ZREM', PREFIX .. 'workers', worker)
end
local waiting = 0
for _, list in ipairs(broker_lists) do waiting = waiting + redis.call('LLEN', list) end
return waiting
