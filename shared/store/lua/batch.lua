-- A batch as it is now.
-- ARGS: id, client, cancel ('1': what is not done, first)
-- Returns {'ok', created_ms, {id, ...}, {status, ...}: one of each job, 'gone' past its lifetime} | {'unknown'}
local batch = redis.call('HMGET', PREFIX .. 'batch:' .. id, 'client', 'created')
if batch[1] ~= client then return {'unknown'} end
local ids, statuses = redis.call('LRANGE', PREFIX .. 'batch-jobs:' .. id, 0, -1), {}
for i, job in ipairs(ids) do
  if cancel == '1' then cancel_job(job) end
  statuses[i] = redis.call('HGET', job_key(job), 'status') or 'gone'
end
return {'ok', batch[2], ids, statuses}
