-- Jobs as they are now, in one round trip.
-- LIST: ids
-- Returns for each {'ok', flat hash, place ({} unless queued)} | {'gone', client, 0} | {'unknown', '', 0}
-- | {'broken', what is wrong with its record, 0}, which keeps nobody from the others
local function found(id)
  local flat = redis.call('HGETALL', job_key(id))
  if #flat == 0 then return absent(id) end
  return {'ok', flat, stands_at(id)}
end

local answers = {}
for i, id in ipairs(ids) do
  local whole, job = pcall(found, id)
  answers[i] = whole and job or {'broken', type(job) == 'table' and job.err or tostring(job), 0}
end
return answers
