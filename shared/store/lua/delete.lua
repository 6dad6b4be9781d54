-- A client wants a finished job gone; only its tombstone stays.
-- ARGS: id, client
-- Returns {'ok'} | {'not_finished', status} | {'gone', client} | {'unknown'} (also another client's)
local key = job_key(id)
local job = redis.call('HMGET', key, 'status', 'client')
if not job[1] then
  local owner = redis.call('GET', PREFIX .. 'gone:' .. id)
  if owner == client then return {'gone', owner} end
  return {'unknown'}
end
if job[2] ~= client then return {'unknown'} end
if not FINAL[job[1]] then return {'not_finished', job[1]} end
redis.call('DEL', key, PREFIX .. 'events:' .. id, PREFIX .. 'resume:' .. id)
forget_deliveries(id, client)
redis.call('ZREM', PREFIX .. 'jobs-of:' .. client, id)
redis.call('ZREM', PREFIX .. 'dead', id)
redis.call('HDEL', PREFIX .. 'dead-jobs', id)
redis.call('SET', PREFIX .. 'gone:' .. id, client, 'EX', TOMBSTONE_S)
redis.call('PUBLISH', PREFIX .. 'changed', id)
return {'ok'}
