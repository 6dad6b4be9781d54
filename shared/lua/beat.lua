-- A worker says that it lives. ARGV: worker, state (JSON), ttl_ms (0: it leaves)
local worker, ttl_ms = ARGV[1], tonumber(ARGV[3])
if ttl_ms > 0 then
  redis.call('SET', 'sq:worker:' .. worker, ARGV[2], 'PX', ttl_ms)
  redis.call('ZADD', 'sq:workers', now + ttl_ms, worker)
else
  redis.call('DEL', 'sq:worker:' .. worker)
  redis.call('ZREM', 'sq:workers', worker)
end
