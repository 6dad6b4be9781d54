-- An attempt writes its outcome, once.
-- ARGS: id, token, status (succeeded|failed|canceled)
-- EACH gained: field, value (of the record)
-- Returns the status that now stands | 'stale' (not this attempt's job any more) | 'unknown'
-- Safe to repeat: the attempt that ended the job is told the same status again.
local KEPT = 31 / 32  -- of the jobs before, with each: the rate is that of the last few dozen

-- What every ETA rests on, apart for each kind of worker: another model or device is not measured by the one before. It is what
-- a token takes a row; a job may have taken several.
local function measure(worker, ran_ms, cost, rows)
  local word = redis.call('GET', PREFIX .. 'worker:' .. worker)
  if not word then return end
  local ms, expected = unpack(rate_fields(word))
  ran_ms = ran_ms * math.min(tonumber(rows or '1'), cjson.decode(word).slots)
  local sums = redis.call('HMGET', PREFIX .. 'rates', ms, expected)
  local ran, cost_so_far = (sums[1] or 0) * KEPT + math.max(ran_ms, 1), (sums[2] or 0) * KEPT + cost
  redis.call('HSET', PREFIX .. 'rates', ms, ran, expected, cost_so_far)
end

local key = job_key(id)
local job = redis.call('HMGET', key, 'status', 'token', 'ended_by', 'started', 'worker', 'cost', 'execution_timeout_ms',
  'rows')
if not job[1] then return 'unknown' end
if job[3] == token then return job[1] end
if not held(job[1]) or job[2] ~= token then return 'stale' end

if job[1] == 'canceling' then  -- an accepted cancel stands: a result that comes later is not written
  end_job(id, 'canceled', {'ended_by', token})
  return 'canceled'
end
local fields = {'ended_by', token}
for _, pair in ipairs(gained) do
  fields[#fields + 1] = pair.field
  fields[#fields + 1] = pair.value
end
end_job(id, status, fields)
if status == 'succeeded' then remember(id, job[5]) end
if status ~= 'canceled' then measure(job[5], math.min(now - job[4], job[7]), job[6], job[8]) end  -- whatever the clock did
return status
