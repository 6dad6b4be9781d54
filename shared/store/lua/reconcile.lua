-- Do these ids' records and the indexes agree?
-- ARGS: repair ('1': also mend it)
-- LIST: ids (from wherever they were met)
-- Returns {id, what is wrong, ...}; what is right, or of a newer format, is not told. Safe to repeat; for the doctor.
local INDEXES = {PREFIX .. 'running', PREFIX .. 'expiring'}
local LINES = {PREFIX .. 'running'}  -- where none stands that follows another
for _, p in ipairs(PRIORITIES) do
  for _, model in ipairs(named_models()) do
    INDEXES[#INDEXES + 1] = PREFIX .. 'queued:' .. lane_of(p, model)
    LINES[#LINES + 1] = INDEXES[#INDEXES]
  end
end
local faults = {}
repair = repair == '1'

local function report_fault(id, what)
  faults[#faults + 1] = id
  faults[#faults + 1] = what
end

local function off(id, indexes, what)
  local met = false
  for _, index in ipairs(indexes) do
    if redis.call('ZSCORE', index, id) then
      met = true
      if repair then redis.call('ZREM', index, id) end
    end
  end
  if met then report_fault(id, what) end
end

for _, id in ipairs(ids) do
  local key = job_key(id)
  local job = redis.call('HMGET', key, 'status', 'priority', 'seq', 'format', 'starts_by', 'attempt', 'result_ttl_s', 'role',
    'only_model')
  local lane = job[2] and lane_of(job[2], job[9])
  if not job[1] then
    off(id, INDEXES, 'stands in an index and has no record')
  elseif job[4] ~= FORMAT then
    -- a newer version's
  elseif job[8] == 'follower' and not FINAL[job[1]] then
    off(id, LINES, 'follows another and still stands in an index')
  elseif job[1] == 'queued' then
    if not redis.call('ZSCORE', PREFIX .. 'queued:' .. lane, id) then
      report_fault(id, 'is queued and stands in no queue')
      if repair then
        enqueue(id, lane, job[6] ~= '0')
        if job[6] == '0' then redis.call('ZADD', PREFIX .. 'expiring', job[5], id) end
        redis.call('HSET', key, 'rung', 0, 'rings', 0)
      end
    end
    off(id, {PREFIX .. 'running'}, 'is queued and has a lease')
  elseif held(job[1]) then
    if not redis.call('ZSCORE', PREFIX .. 'running', id) then
      report_fault(id, 'runs without a lease')
      if repair then redis.call('ZADD', PREFIX .. 'running', now, id) end  -- the next sweep takes it, with a lapse's blame
    end
    off(id, {PREFIX .. 'expiring', PREFIX .. 'queued:' .. lane}, 'runs and still waits')
  else
    off(id, INDEXES, 'is done and still stands in an index')
    if redis.call('TTL', key) == -1 then
      report_fault(id, 'is done and would be kept for ever')
      if repair then redis.call('EXPIRE', key, math.ceil(tonumber(job[7]))) end
    end
  end
end
return faults
