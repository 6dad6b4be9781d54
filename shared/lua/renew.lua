-- The heartbeat of one worker: fresh leases and progress. ARGV: lease_ms, then id, token, progress (JSON or '') for each job
-- Returns one word a job: 'ok' | 'canceling' (stop it) | 'lost' (the attempt is outdated: stop it, write nothing)
local answers = {}
for i = 2, #ARGV, 3 do
  local id, token, progress = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local key = job_key(id)
  local job = redis.call('HMGET', key, 'status', 'token', 'progress')
  if held(job[1]) and job[2] == token then
    redis.call('ZADD', 'sq:running', now + tonumber(ARGV[1]), id)
    if progress ~= '' and progress ~= job[3] then
      redis.call('HSET', key, 'progress', progress)
      changed(id)
    end
    answers[#answers + 1] = job[1] == 'canceling' and 'canceling' or 'ok'
  else
    answers[#answers + 1] = 'lost'
  end
end
return answers
