-- A client wants a finished job gone; only its tombstone stays. ARGV: id, client
-- Returns {'ok'} | {'not_finished', status} | {'gone', client} | {'unknown'} (also another client's)
local id, client = ARGV[1], ARGV[2]
local key = job_key(id)
local job = redis.call('HMGET', key, 'status', 'client')
if not job[1] then
  local owner = redis.call('GET', 'sq:gone:' .. id)
  if owner == client then return {'gone', owner} end
  return {'unknown'}
end
if job[2] ~= client then return {'unknown'} end
if not FINAL[job[1]] then return {'not_finished', job[1]} end
redis.call('DEL', key, 'sq:events:' .. id, 'sq:resume:' .. id)
forget_deliveries(id)
redis.call('ZREM', 'sq:jobs-of:' .. client, id)
redis.call('ZREM', 'sq:dead', id)
redis.call('HDEL', 'sq:dead-jobs', id)
redis.call('SET', 'sq:gone:' .. id, client, 'EX', TOMBSTONE_S)
redis.call('PUBLISH', 'sq:changed', id)
return {'ok'}
