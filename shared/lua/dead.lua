-- A client's jobs that ended their worker too often, newest first. ARGV: client, id ('': all; else that one alone)
-- Returns {id, JSON, ...}. What died a week ago is forgotten here, like the tombstones.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', 'sq:dead', '-inf', now - TOMBSTONE_S * 1000)) do
  redis.call('ZREM', 'sq:dead', id)
  redis.call('HDEL', 'sq:dead-jobs', id)
end
local answer = {}
for _, id in ipairs(ARGV[2] ~= '' and {ARGV[2]} or redis.call('ZREVRANGE', 'sq:dead', 0, -1)) do
  local told = redis.call('HGET', 'sq:dead-jobs', id)
  if told and cjson.decode(told).client == ARGV[1] then
    answer[#answer + 1] = id
    answer[#answer + 1] = told
  end
end
return answer
