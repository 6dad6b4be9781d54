-- The whole store as it would be `ARGV[1]` ms later, without waiting for them.
local ms = tonumber(ARGV[1])
for _, key in ipairs(redis.call('KEYS', 'sq:*')) do
  local ttl = redis.call('PTTL', key)
  if ttl >= 0 and ttl <= ms then
    redis.call('DEL', key)
  else
    if ttl > 0 then redis.call('PEXPIRE', key, ttl - ms) end
    if string.find(key, '^sq:job:') then
      for _, field in ipairs({'created', 'started', 'first_started', 'finished', 'expires', 'starts_by', 'deadline', 'rung'}) do
        local at = redis.call('HGET', key, field)
        if at then redis.call('HSET', key, field, string.format('%.0f', tonumber(at) - ms)) end
      end
    end
  end
end
for _, key in ipairs({'sq:running', 'sq:expiring', 'sq:workers', 'sq:dead', 'sq:jumps'}) do
  for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.call('ZINCRBY', key, -ms, member) end
end
if redis.call('EXISTS', 'sq:swept') == 1 then redis.call('DECRBY', 'sq:swept', ms) end
