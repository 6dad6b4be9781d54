-- A new job enters the queue. ARGV: id, request (JSON), client, priority, result_ttl_s, queue_timeout_ms,
-- deadline_ms (0: none), max_queued. Returns {'ok', created_ms, position} | {'full', queued}
local id, request, client, priority, result_ttl_s = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local queued, position, counting = 0, 1, true
for _, p in ipairs(PRIORITIES) do
  local depth = redis.call('ZCARD', 'sq:queued:' .. p)
  queued = queued + depth
  if counting then position = position + depth end
  if p == priority then counting = false end
end
if queued >= tonumber(ARGV[8]) then return {'full', queued} end

local starts_by = now + tonumber(ARGV[6])
if tonumber(ARGV[7]) > 0 then starts_by = math.min(starts_by, tonumber(ARGV[7])) end
local seq = redis.call('INCR', 'sq:seq:' .. priority)
redis.call('HSET', job_key(id), 'format', 1, 'status', 'queued', 'request', request, 'client', client, 'priority', priority,
  'result_ttl_s', result_ttl_s, 'starts_by', starts_by, 'created', now, 'seq', seq, 'rung', now, 'rings', 0,
  'attempt', 0, 'crashes', 0, 'lapses', 0)
redis.call('ZADD', 'sq:queued:' .. priority, seq, id)
redis.call('ZADD', 'sq:expiring', starts_by, id)
changed(id)
return {'ok', now, position}
