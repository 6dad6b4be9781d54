-- An attempt writes its outcome, once. ARGV: id, token, status (succeeded|failed|canceled), then field, value pairs
-- Returns the status that now stands | 'stale' (not this attempt's job any more) | 'unknown'
-- Safe to repeat: the attempt that ended the job is told the same status again.
local id, token, status = ARGV[1], ARGV[2], ARGV[3]
local key = job_key(id)
local job = redis.call('HMGET', key, 'status', 'token', 'ended_by', 'first_started', 'started', 'created')
if not job[1] then return 'unknown' end
if job[3] == token then return job[1] end
if not held(job[1]) or job[2] ~= token then return 'stale' end

if job[1] == 'canceling' then  -- an accepted cancel stands: a result that comes later is not written
  end_job(id, 'canceled', {'ended_by', token})
  return 'canceled'
end
local fields = {'ended_by', token}
for i = 4, #ARGV do fields[#fields + 1] = ARGV[i] end
end_job(id, status, fields)
if status == 'succeeded' then  -- the running mean behind every ETA
  local run_ms = now - tonumber(job[5])
  local mean_ms = tonumber(redis.call('HGET', 'sq:rates', 'run_ms') or run_ms)
  redis.call('HSET', 'sq:rates', 'run_ms', math.floor(mean_ms + (run_ms - mean_ms) / 8))
end
return status
