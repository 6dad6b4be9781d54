-- The heartbeat of one worker, and each scene as it completes: fresh leases, progress, scenes, what to resume from.
-- ARGV: lease_ms, then for each job: id, token, progress (JSON), how many scenes, the scenes (JSON), resume (JSON or '')
-- Returns one word a job: 'ok' | 'canceling' (stop it) | 'lost' (the attempt is outdated: stop it, write nothing)
local PROGRESS_KEPT = 500  -- of one job's stream; from then on a new progress takes the place of the one before
local answers = {}
for i = 2, #ARGV, 6 do
  local id, token, progress, scenes = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  local key, stream = job_key(id), 'sq:events:' .. id
  local job = redis.call('HMGET', key, 'status', 'token', 'progress', 'scenes_told', 'progress_told')
  if held(job[1]) and job[2] == token then
    redis.call('ZADD', 'sq:running', now + tonumber(ARGV[1]), id)
    if ARGV[i + 5] ~= '' then redis.call('SET', 'sq:resume:' .. id, ARGV[i + 5]) end
    local grown = scenes > tonumber(job[4] or '0')
    if grown then
      redis.call('HSET', key, 'scenes', ARGV[i + 4])
      tell_scenes(id, scenes)
    end
    if progress ~= job[3] then
      if job[5] and redis.call('XLEN', stream) >= PROGRESS_KEPT then redis.call('XDEL', stream, job[5] .. '-0') end
      tell(id, 'progress', progress)
      redis.call('HSET', key, 'progress', progress, 'progress_told', redis.call('HGET', key, 'events'))
    end
    if grown or progress ~= job[3] then changed(id) end
    answers[#answers + 1] = job[1] == 'canceling' and 'canceling' or 'ok'
  else
    answers[#answers + 1] = 'lost'
  end
end
return answers
