-- The heartbeat of one worker, and each scene as it completes: fresh leases, progress, scenes, what to resume from.
-- ARGS: lease_ms
-- EACH reports: id, token, progress (JSON), writing (the end of the text), scene_count, scenes (JSON), resume (JSON; '': nothing)
-- Returns one word a job: 'ok' | 'canceling' (stop it) | 'lost' (the attempt is outdated: stop it, write nothing)
local PROGRESS_KEPT = 500  -- of one job's stream; from then on a new progress takes the place of the one before

local answers = {}
for _, report in ipairs(reports) do
  local id, progress, count, scenes = report.id, report.progress, tonumber(report.scene_count), report.scenes
  local job = redis.call('HMGET', job_key(id), 'status', 'token')
  if held(job[1]) and job[2] == report.token then
    redis.call('ZADD', PREFIX .. 'running', now + tonumber(lease_ms), id)
    if report.resume ~= '' then redis.call('SET', PREFIX .. 'resume:' .. id, report.resume) end
    redis.call('HSET', job_key(id), 'writing', report.writing)
    if job[1] == 'running' then  -- one that stops publishes no more: who takes its place begins with what its followers saw
      publish_progress(id, PROGRESS_KEPT, progress, count, scenes)
      bring_along(followers_of(id))
    end
    answers[#answers + 1] = job[1] == 'canceling' and 'canceling' or 'ok'
  else
    answers[#answers + 1] = 'lost'
  end
end
return answers
