-- An attempt hands its job back unfinished and blameless (shutdown).
-- ARGS: id, token
-- Returns 'queued' | 'canceled' | 'stale'
local job = redis.call('HMGET', job_key(id), 'status', 'token')
if not held(job[1]) or job[2] ~= token then return 'stale' end
if job[1] == 'canceling' then
  end_job(id, 'canceled', {'ended_by', token})
  return 'canceled'
end
requeue(id)
return 'queued'
