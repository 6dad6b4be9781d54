-- A client's jobs that ended their worker too often, newest first.
-- ARGS: client, id ('': all; else that one alone)
-- Returns {id, JSON, ...}. What died a week ago is forgotten here, like the tombstones.
for _, old in ipairs(redis.call('ZRANGEBYSCORE', PREFIX .. 'dead', '-inf', now - TOMBSTONE_S * 1000)) do
  redis.call('ZREM', PREFIX .. 'dead', old)
  redis.call('HDEL', PREFIX .. 'dead-jobs', old)
end
local found = {}
for _, dead in ipairs(id ~= '' and {id} or redis.call('ZREVRANGE', PREFIX .. 'dead', 0, -1)) do
  local job = redis.call('HGET', PREFIX .. 'dead-jobs', dead)
  if job and cjson.decode(job).client == client then
    found[#found + 1] = dead
    found[#found + 1] = job
  end
end
return found
