-- The queue in figures, in one round trip. Returns {high, normal, low, running, mean run ms ('' unknown), flat {worker: JSON}}
local answer = {}
for _, p in ipairs(PRIORITIES) do answer[#answer + 1] = redis.call('ZCARD', 'sq:queued:' .. p) end
answer[4] = redis.call('ZCARD', 'sq:running')
answer[5] = redis.call('HGET', 'sq:rates', 'run_ms') or ''
answer[6] = living_workers()
return answer
