-- When a job is poison: it ended its workers too often. Until then it is suspect, and runs alone.
-- Blame: `crashes` (it ended its worker), `lapses` (its worker fell silent or was killed), `losses` (both; never taken back).
local SUSPECT_CRASHES, SUSPECT_LAPSES, MAX_LOSSES = 2, 3, 8
local MAX_DEAD = 1000

-- Would this job run with nothing beside it? One crash less than it may have, but never at the first.
local function suspect(crashes, lapses, max_crashes)
  local from = math.max(1, math.min(SUSPECT_CRASHES, max_crashes - 1))
  return tonumber(crashes) >= from or tonumber(lapses) >= SUSPECT_LAPSES
end

-- Its worker is gone. `blame`: 'crashes' | 'lapses' | 'none'. `alone`: nothing else ran there, so that a crash is its own.
-- Returns whether it waits again and must be rung.
local function lose(id, blame, alone, max_crashes, worker_lost)
  local key = job_key(id)
  local job = redis.call('HMGET', key, 'status', 'priority', 'request', 'client', 'attempt', 'notes')
  if job[1] == 'canceling' then end_job(id, 'canceled', {}) return false end
  if job[1] ~= 'running' then leave(id) return false end
  redis.call('HINCRBY', PREFIX .. 'counts', 'lost:' .. blame, 1)
  if blame ~= 'none' then
    local count, losses = redis.call('HINCRBY', key, blame, 1), redis.call('HINCRBY', key, 'losses', 1)
    if losses >= MAX_LOSSES or (blame == 'crashes' and alone and count >= max_crashes) then
      end_job(id, 'failed', {'error', worker_lost}, true)  -- what is like it would end more workers
      local blamed = redis.call('HMGET', key, 'crashes', 'lapses')
      redis.call('ZADD', PREFIX .. 'dead', now, id)
      redis.call('HSET', PREFIX .. 'dead-jobs', id, cjson.encode({request = job[3], client = job[4], notes = job[6] or nil,
        attempts = tonumber(job[5]), crashes = tonumber(blamed[1]), lapses = tonumber(blamed[2]), died = now}))
      for _, old in ipairs(redis.call('ZRANGE', PREFIX .. 'dead', 0, -1 - MAX_DEAD)) do
        redis.call('ZREM', PREFIX .. 'dead', old)
        redis.call('HDEL', PREFIX .. 'dead-jobs', old)
      end
      return false
    end
  end
  requeue(id)
  return true
end
