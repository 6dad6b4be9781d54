-- Which jobs are there, asked by who then waits (WAIT) until the replicas have all that was written before.
-- LIST: ids
-- Returns {now (ms), '1' or '' of each}. It writes, so that whoever follows on this connection waits for it, too.
local answers = {now}
redis.call('SET', PREFIX .. 'confirmed', now)
for _, id in ipairs(ids) do
  answers[#answers + 1] = redis.call('EXISTS', job_key(id), PREFIX .. 'gone:' .. id) > 0 and '1' or ''
end
return answers
