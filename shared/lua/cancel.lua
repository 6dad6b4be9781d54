-- The caller wants a job stopped. ARGV: id. Returns the status before and after: {before, after} | {'unknown'}
local id = ARGV[1]
local status = redis.call('HGET', job_key(id), 'status')
if not status then return {'unknown'} end
if status == 'queued' then
  end_job(id, 'canceled', {})
  return {status, 'canceled'}
end
if status == 'running' then
  redis.call('HSET', job_key(id), 'status', 'canceling')
  redis.call('PUBLISH', 'sq:cancel', id)
  changed(id)
  return {status, 'canceling'}
end
return {status, status}
