-- The heartbeat of one worker, and each scene as it completes: fresh leases, progress, scenes, what to resume from.
-- ARGS: lease_ms
-- EACH reports: id, token, progress (JSON), scene_count, scenes (JSON), resume (JSON; '': nothing)
-- Returns one word a job: 'ok' | 'canceling' (stop it) | 'lost' (the attempt is outdated: stop it, write nothing)
local PROGRESS_KEPT = 500  -- of one job's stream; from then on a new progress takes the place of the one before
local PROGRESS_KEPT_FOLLOWING = 8  -- there may be hundreds of them

-- How far a job is that runs, or follows one that does.
local function publish_progress(id, kept, progress, count, scenes)
  local key, stream = job_key(id), PREFIX .. 'events:' .. id
  local job = redis.call('HMGET', key, 'progress', 'scenes_told', 'progress_told')
  local grown, moved = count > tonumber(job[2] or '0'), progress ~= job[1]
  if grown then
    redis.call('HSET', key, 'scenes', scenes)
    publish_scenes(id, count)
  end
  if moved then
    if job[3] and redis.call('XLEN', stream) >= kept then redis.call('XDEL', stream, job[3] .. '-0') end
    publish_event(id, 'progress', progress)
    redis.call('HSET', key, 'progress', progress, 'progress_told', redis.call('HGET', key, 'events'))
  end
  if grown or moved then changed(id) end
end

local answers = {}
for _, report in ipairs(reports) do
  local id, progress, count, scenes = report.id, report.progress, tonumber(report.scene_count), report.scenes
  local job = redis.call('HMGET', job_key(id), 'status', 'token')
  if held(job[1]) and job[2] == report.token then
    redis.call('ZADD', PREFIX .. 'running', now + tonumber(lease_ms), id)
    if report.resume ~= '' then redis.call('SET', PREFIX .. 'resume:' .. id, report.resume) end
    publish_progress(id, PROGRESS_KEPT, progress, count, scenes)
    if job[1] == 'running' then
      for _, follower in ipairs(followers_of(id)) do
        publish_progress(follower, PROGRESS_KEPT_FOLLOWING, progress, count, scenes)
      end
    end
    answers[#answers + 1] = job[1] == 'canceling' and 'canceling' or 'ok'
  else
    answers[#answers + 1] = 'lost'
  end
end
return answers
