-- Jobs of one client that ask for the same (shared/store/dedup_key.py) share one generation.
--
-- One of them leads: it alone stands in the queue, is rung, and runs. The others follow: whole records with their own
-- clocks, priority and cancel, which show the leader's status, progress and scenes and get its result. A leader that ends
-- without one leaves the lead to a follower. A result that is there already answers at once, and no one leads.
-- Fields of a record: `likeness` (the dedup key); `role`: leader | follower, none for a job on its own; `failures`: of the leaders
-- before it; `own_time`: '1' where its result was closed for its own time limit, and answers no other.
local MAX_FOLLOWERS = 250  -- of one leader: each is written to whenever its leader is
local PROGRESS_KEPT_FOLLOWING = 8  -- of a follower's stream: there may be hundreds of them
local MAX_FAILURES = 2  -- of leaders; from then on each job tries for itself
local KEPT_SOURCES = {model = true, repaired = true, stub = true}  -- a fallback is worth another try

local stand_in_queue

local function cache_key(client, dedup_key) return PREFIX .. 'cache:' .. client .. ':' .. dedup_key end
local function leader_key(client, dedup_key) return PREFIX .. 'leader:' .. client .. ':' .. dedup_key end
local function followers_key(client, dedup_key) return PREFIX .. 'followers:' .. client .. ':' .. dedup_key end
local function count_cache(what)
  redis.call('HINCRBY', PREFIX .. 'counts', 'cache:' .. what, 1)
  if what ~= 'miss' then count_in_minute('cache:' .. what) end
end

-- What names the texts that this worker writes; nothing for one that was not heard of lately.
local function serves(worker)
  local word = redis.call('GET', PREFIX .. 'worker:' .. worker)
  local kind = word and cjson.decode(word).serves
  if kind and kind ~= '' then return kind end
end

-- A job whose result answers this request again, if a worker that is ready now would write by the same model.
local function cached(client, dedup_key, cache_ttl_ms)
  local id = redis.call('GET', cache_key(client, dedup_key))
  if not id then return nil end
  local earlier = redis.call('HMGET', job_key(id), 'finished', 'made_by')
  if not earlier[1] or now >= earlier[1] + cache_ttl_ms then return nil end
  if redis.call('ZCOUNT', PREFIX .. 'serves:' .. earlier[2], now, '+inf') == 0 then return nil end
  return id
end

-- The result of a job that has just succeeded answers the same request again, as long as its record is there.
local function remember(id, worker)
  local job = redis.call('HMGET', job_key(id), 'client', 'likeness', 'source', 'own_time')
  local kind = job[2] and not job[4] and KEPT_SOURCES[job[3]] and serves(worker)
  if not kind then return end
  redis.call('HSET', job_key(id), 'made_by', kind)
  redis.call('SET', cache_key(job[1], job[2]), id, 'PX', redis.call('PTTL', job_key(id)))
end

-- The job ends with the result of another, whose record is at this key.
local function answer_like(id, other)
  local outcome = redis.call('HMGET', other, 'result', 'repairs', 'model', 'source', 'choice')
  redis.call('HSETNX', job_key(id), 'started', now)
  if outcome[5] then redis.call('HSET', job_key(id), 'choice', outcome[5]) end
  end_job(id, 'succeeded', {'result', outcome[1], 'repairs', outcome[2], 'model', outcome[3],
    'source', outcome[4] == 'fallback' and 'fallback' or 'cache'})
end

function followers_of(id)
  local job = redis.call('HMGET', job_key(id), 'role', 'client', 'likeness')
  if job[1] ~= 'leader' then return {} end
  return redis.call('ZRANGE', followers_key(job[2], job[3]), 0, -1)
end

-- The place of a queued job, a follower's where its leader stands; {} unless it is queued.
local function stands_at(id)
  local job = redis.call('HMGET', job_key(id), 'status', 'priority', 'role', 'client', 'likeness')
  if job[1] ~= 'queued' then return {} end
  if job[3] ~= 'follower' then return place_of(id, lane_of_job(id)) end
  local leader = redis.call('GET', leader_key(job[4], job[5]))
  -- It has ended, and its follower does in the next piece; or its record is gone, and its follower expires.
  if not leader or redis.call('EXISTS', job_key(leader)) == 0 then return {} end
  return place_of(leader, lane_of_job(leader))
end

-- The leader runs, and so does its follower; its own execution timeout counts from here.
local function runs_along(id, leader)
  local key, first = job_key(id), redis.call('HMGET', job_key(leader), 'attempt', 'node')
  redis.call('ZADD', PREFIX .. 'expiring', now + redis.call('HGET', key, 'execution_timeout_ms'), id)
  redis.call('HSET', key, 'status', 'running', 'attempt', first[1], 'started', now)
  if first[2] then redis.call('HSET', key, 'node', first[2]) end
  redis.call('HSETNX', key, 'first_started', now)
  changed(id)
end

-- The leader waits again, and so does its follower; having started once, it does not expire in the queue.
local function waits_along(id)
  local key = job_key(id)
  if redis.call('HGET', key, 'status') ~= 'running' then return end
  redis.call('ZREM', PREFIX .. 'expiring', id)
  redis.call('HSET', key, 'status', 'queued')
  redis.call('HDEL', key, 'progress')
  changed(id)
end

-- How far a job is that runs, or follows one that does.
local function publish_progress(id, kept, progress, count, scenes)
  local key, stream = job_key(id), PREFIX .. 'events:' .. id
  local job = redis.call('HMGET', key, 'progress', 'scenes_told', 'progress_told')
  local grown, moved = count > tonumber(job[2] or '0'), progress and progress ~= job[1]
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

-- A follower becomes as its leader is. Safe to repeat.
local function follow(id)
  local own = redis.call('HMGET', job_key(id), 'role', 'status', 'client', 'likeness', 'status_told')
  if own[5] == '' then first_word(id) end
  local leader = own[1] == 'follower' and not FINAL[own[2]] and redis.call('GET', leader_key(own[3], own[4]))
  local as = leader and redis.call('HMGET', job_key(leader), 'status', 'progress', 'scenes', 'scenes_told', 'writing')
  if not as then return end
  if as[1] == 'queued' then waits_along(id) end
  if as[1] ~= 'running' then return end
  if own[2] == 'queued' then runs_along(id, leader) end
  redis.call('HSET', job_key(id), 'writing', as[5] or '')
  publish_progress(id, PROGRESS_KEPT_FOLLOWING, as[2], tonumber(as[3] and as[4] or '0'), as[3])
end

-- The leader of a follower has ended, and left its record at `record`. `how`: 'shared' | 'alone' (it generates for itself) | the
-- status in which both end.
local function part(id, record, how)
  local own = redis.call('HMGET', job_key(id), 'role', 'status')
  if own[1] ~= 'follower' or FINAL[own[2]] then return end
  redis.call('HDEL', job_key(id), 'role')
  if how == 'shared' then
    count_cache('shared')
    answer_like(id, record)
  elseif how == 'alone' then
    stand_in_queue(id, false)
  else
    end_job(id, how, {'error', redis.call('HGET', record, 'error')})
  end
end

-- As many as this script has room for, one at least; the others in the next pieces. `record`, `how`: as `part` has them.
local function in_pieces(ids, leader, how)
  local behind, record = {}, how and job_key(leader)
  for i, id in ipairs(ids) do
    if i > 1 and spare <= 0 then behind[#behind + 1] = id .. ' ' .. (leader or '') .. ' ' .. (how or '')
    elseif how then part(id, record, how)
    else follow(id) end
    spare = spare - 1
  end
  if #behind == 0 then return end
  redis.call('SADD', PREFIX .. 'behind', unpack(behind))
  if how then
    redis.call('COPY', record, PREFIX .. 'parted:' .. leader, 'REPLACE')
    redis.call('EXPIRE', PREFIX .. 'parted:' .. leader, 3600)
  end
end

function bring_along(ids) in_pieces(ids) end

-- A piece of what others left behind. Returns whether more is left.
local function catch_up()
  while spare > 0 do
    local entry = redis.call('SPOP', PREFIX .. 'behind')
    if not entry then return false end
    local id, leader, how = string.match(entry, '^(%S*) (%S*) (%S*)$')
    if how == '' then follow(id) else part(id, PREFIX .. 'parted:' .. leader, how) end
    spare = spare - 1
  end
  return redis.call('EXISTS', PREFIX .. 'behind') == 1
end

local function score_of(priority, seq) return RANK[priority] * 2 ^ 50 + seq end

local function lead(id, client, dedup_key)
  redis.call('SET', leader_key(client, dedup_key), id)
  redis.call('HSET', job_key(id), 'role', 'leader')
end

-- How many more jobs may join one that is in flight; nothing when none is.
local function room(client, dedup_key)
  local leader = redis.call('GET', leader_key(client, dedup_key))
  local status = leader and redis.call('HGET', job_key(leader), 'status')
  if not status or FINAL[status] then return nil end
  return MAX_FOLLOWERS - redis.call('ZCARD', followers_key(client, dedup_key))
end

local joined = {}  -- leaders as they are, by dedup key: those of a batch are looked at once

-- A new follower joins those like it. Returns its status, or nothing: it enters the queue. Then it took the lead from one that
-- waits for its first start behind it, so that a high priority never waits for a low one; but not from one that has published
-- scenes of a leader before it, which would get others.
local function join(id, client, dedup_key, priority, seq)
  local followers = followers_key(client, dedup_key)
  local leader = joined[dedup_key] and joined[dedup_key].id or redis.call('GET', leader_key(client, dedup_key))
  local before = joined[dedup_key]
    or redis.call('HMGET', job_key(leader), 'status', 'priority', 'attempt', 'scenes', 'scenes_told', 'cost', 'seq')
  before.id = leader
  joined[dedup_key] = before
  if before[1] == 'queued' and before[3] == '0' and not before[4] and RANK[priority] < RANK[before[2]] then
    dequeue(leader, lane_of_job(leader), client, before[6])
    redis.call('HSET', job_key(leader), 'role', 'follower')
    redis.call('ZADD', followers, score_of(before[2], before[7]), leader)
    lead(id, client, dedup_key)
    joined[dedup_key] = nil
    return nil
  end
  redis.call('ZADD', followers, score_of(priority, seq), id)
  if before[1] == 'running' then runs_along(id, leader) end
  if before[4] then
    redis.call('HSET', job_key(id), 'scenes', before[4])
    publish_scenes(id, tonumber(before[5]))
    changed(id)
  end
  return before[1] == 'running' and 'running' or 'queued'
end

-- A follower goes into the queue, at the place that it would have had on its own; the next sweep rings it. `back`: it
-- inherits the turn that its leader had.
function stand_in_queue(id, back)
  local key = job_key(id)
  enqueue(id, lane_of_job(id), back)
  redis.call('HSET', key, 'rung', now, 'rings', 0)
  redis.call('RPUSH', PREFIX .. 'promoted', id)
  waits_along(id)
end

-- A follower takes the lead with what is known of the job: its blame, how often it failed, and the text of the leader before,
-- to go on with it unless that failed by it. Scenes that were published stay in any case.
local function promote(id, client, dedup_key, before, status, failures)
  lead(id, client, dedup_key)
  redis.call('HSET', job_key(id), 'failures', failures)
  local inherited = {'crashes', 'lapses', 'losses', status ~= 'failed' and 'seed' or nil}
  for i, value in ipairs(redis.call('HMGET', job_key(before), unpack(inherited))) do
    if value then redis.call('HSET', job_key(id), inherited[i], value) end
  end
  if status ~= 'failed' and redis.call('EXISTS', PREFIX .. 'resume:' .. before) == 1 then
    redis.call('RENAME', PREFIX .. 'resume:' .. before, PREFIX .. 'resume:' .. id)
  end
  stand_in_queue(id, redis.call('HGET', job_key(id), 'attempt') ~= '0')
end

-- A job has ended. `for_all`: its followers end as it did, as they do whenever it succeeds, unless it lacked time: then one of
-- them goes on from its scenes.
function parted(id, status, for_all)
  local job = redis.call('HMGET', job_key(id), 'role', 'client', 'likeness', 'failures', 'own_time')
  if job[5] then status = 'failed' end
  local role, client, dedup_key = job[1], job[2], job[3]
  if not role then return end
  local followers = followers_key(client, dedup_key)
  if role == 'follower' then redis.call('ZREM', followers, id) return end
  local ids = redis.call('ZRANGE', followers, 0, -1)
  if #ids == 0 then redis.call('DEL', leader_key(client, dedup_key)) return end
  local failures = tonumber(job[4] or '0') + (status == 'failed' and 1 or 0)
  if status ~= 'succeeded' and not for_all and failures < MAX_FAILURES then
    redis.call('ZREM', followers, ids[1])
    promote(ids[1], client, dedup_key, id, status, failures)
    table.remove(ids, 1)
    if redis.call('HGET', job_key(ids[1] or ''), 'status') == 'running' then bring_along(ids) end
    return
  end
  redis.call('DEL', leader_key(client, dedup_key), followers)
  in_pieces(ids, id, status == 'succeeded' and 'shared' or for_all and status or 'alone')
end
