-- Jobs as they are now, in one round trip. ARGV: id, ...
-- Returns for each {'ok', flat hash, place ({} unless queued)} | {'gone', client, 0} | {'unknown', '', 0}
-- | {'broken', what is wrong with its record, 0}, which keeps nobody from the others
local function told(id)
  local flat = redis.call('HGETALL', job_key(id))
  if #flat == 0 then return absent(id) end
  return {'ok', flat, stands_at(id)}
end

local answers = {}
for i, id in ipairs(ARGV) do
  local whole, answer = pcall(told, id)
  answers[i] = whole and answer or {'broken', type(answer) == 'table' and answer.err or tostring(answer), 0}
end
return answers
