-- Everything that the store holds, in one answer (JSON): {{key, type, PTTL, content}, ...}, and the time (ms) as `now`.
-- ARGV: the longest time (ms) that a suspect may wait: its reservation is renewed here, for time stands still between two
-- ticks.
local all = {}
for _, key in ipairs(redis.call('KEYS', 'sq:*')) do
  local kind = redis.call('TYPE', key).ok
  local content
  if kind == 'hash' then content = redis.call('HGETALL', key)
  elseif kind == 'set' then content = redis.call('SMEMBERS', key)
  elseif kind == 'zset' then content = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'list' then content = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'stream' then content = redis.call('XRANGE', key, '-', '+')
  else content = redis.call('GET', key) end
  local ttl = redis.call('PTTL', key)
  if string.find(key, '^sq:alone:') and ttl >= 0 then redis.call('PEXPIRE', key, ARGV[1]) end
  all[#all + 1] = {key, kind, ttl, content}
end
local clock = redis.call('TIME')
all[#all + 1] = {'now', 'string', -1, clock[1] * 1000 + math.floor(clock[2] / 1000)}
return cjson.encode(all)
