-- A batch as it is now.
-- ARGS: id, client, cancel ('1': what is not done, first; in pieces)
-- Returns {'ok', created_ms, {id, ...}, {status, ...}: one of each job, 'gone' past its lifetime} | {'more'}: of the cancel,
-- ask again | {'unknown'}
local batch = redis.call('HMGET', PREFIX .. 'batch:' .. id, 'client', 'created', 'stopping')
if batch[1] ~= client then return {'unknown'} end
if cancel == '1' then
  if not batch[3] then
    redis.call('HSET', PREFIX .. 'batch:' .. id, 'stopping', redis.call('LLEN', PREFIX .. 'batch-jobs:' .. id))
    redis.call('SADD', PREFIX .. 'stopping', id)
  end
  if stop_batch(id) then return {'more'} end
end
local ids, statuses = redis.call('LRANGE', PREFIX .. 'batch-jobs:' .. id, 0, -1), {}
for i, job in ipairs(ids) do statuses[i] = redis.call('HGET', job_key(job), 'status') or 'gone' end
return {'ok', batch[2], ids, statuses}
