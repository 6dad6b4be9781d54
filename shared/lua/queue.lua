-- The queue in figures, in one round trip. Returns {high, normal, low, running, mean run ms ('' unknown), flat {worker: JSON}}
local answer = {}
for _, p in ipairs(PRIORITIES) do answer[#answer + 1] = redis.call('ZCARD', 'sq:queued:' .. p) end
answer[4] = redis.call('ZCARD', 'sq:running')
answer[5] = redis.call('HGET', 'sq:rates', 'run_ms') or ''
redis.call('ZREMRANGEBYSCORE', 'sq:workers', '-inf', now)
answer[6] = {}
for _, worker in ipairs(redis.call('ZRANGE', 'sq:workers', 0, -1)) do
  local state = redis.call('GET', 'sq:worker:' .. worker)
  if state then answer[6][#answer[6] + 1] = worker; answer[6][#answer[6] + 1] = state end
end
return answer
