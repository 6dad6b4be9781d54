-- A batch as it is now. ARGV: id, client, '1' to cancel what is not done first
-- Returns {'ok', created_ms, {id, ...}, {status, ...}: one of each job, 'gone' past its lifetime} | {'unknown'}
local id, client, cancel = ARGV[1], ARGV[2], ARGV[3] == '1'
local batch = redis.call('HMGET', 'sq:batch:' .. id, 'client', 'created')
if batch[1] ~= client then return {'unknown'} end
local ids, statuses = redis.call('LRANGE', 'sq:batch-jobs:' .. id, 0, -1), {}
for i, job in ipairs(ids) do
  if cancel then cancel_job(job) end
  statuses[i] = redis.call('HGET', job_key(job), 'status') or 'gone'
end
return {'ok', batch[2], ids, statuses}
