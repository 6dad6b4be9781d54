-- A worker takes a queued job: a token for this attempt and a lease.
-- ARGS: rung (the job that the doorbell names), worker, model (that it serves; '': none), lease_ms, max_attempts
-- RARELY: end_job, answer_like, followers_of, bring_along, keep_unsent, post_to, first_word, publish_scenes, outcome_of,
--   into_line
-- ANSWER: id (of the job that is to run), token, request, attempt, queued_ms (until its first start),
--   scenes (published; '': none), resume (from what; '': nothing), seed, trace (W3C traceparent; '': none)
-- Returns {'ok', ANSWER} | {status} | {'unknown'} | {'follows'}: another job generates for it | {'newer'}: written by a
-- newer version | {'other_model'}: another worker's, which the sweep rings | {'wait'}: a suspect runs alone; ask again
-- while it waits for the others here, or they for it. Also while nobody knows whether it has waited too long
--
-- A doorbell says that there is work of a priority; which job of it runs is decided here (lua/turns.lua). It is the doorbell's
-- own, unless another client's turn has come, or many of its own line stand before it: then that job is owed a doorbell, and the
-- one that is left over in the broker's list, of a job that has run already, serves it. Others are left over for nothing: their
-- jobs were canceled, or rung twice. They are used up three in a row at most; then one starts what waits, whose own is left over
-- in its place. So a thousand in a row keep nobody waiting.
local FIELDS = {'status', 'request', 'attempt', 'seq', 'priority', 'starts_by', 'created', 'format', 'crashes', 'lapses',
  'client', 'likeness', 'role', 'cache_ttl_ms', 'scenes', 'risen', 'cost', 'seed', 'trace', 'first_started', 'deadline',
  'only_model'}

local MOST_IN_VAIN = 3  -- one more than the doorbells that a job has too many, having aged twice

local STILL_MS = 2000  -- so long a worker takes nothing else while a suspect waits for it

local function look(id) return redis.call('HMGET', job_key(id), unpack(FIELDS)) end

-- Nobody swept for a while, or the clock jumped: the next sweep knows which, and when a wait is over.
local function not_swept()
  local swept = redis.call('GET', PREFIX .. 'swept')
  return swept and now - swept > longest_gap_ms(tonumber(lease_ms))
end

-- An older version, which knows no lanes, put it among those of any model.
local function to_own_lane(id, job)
  if not redis.call('ZSCORE', PREFIX .. 'queued:' .. job[5], id) then return end
  dequeue(id, job[5], job[11], job[17])
  enqueue(id, lane_of(job[5], job[22]), job[3] ~= '0')
end

-- Why this job is not to be had; nothing when it is.
local function unfit(id, job)
  if not job[1] then return 'unknown' end
  if job[1] ~= 'queued' then return job[1] end
  if job[8] ~= FORMAT then return 'newer' end  -- leave it to a worker that knows it
  if job[22] and job[22] ~= model then  -- somebody rang it in another's list
    to_own_lane(id, job)
    return 'other_model'
  end
  if job[3] == '0' and now > tonumber(job[6]) and now > number(redis.call('ZSCORE', PREFIX .. 'expiring', id)) then
    if not_swept() then return 'wait' end
    -- Of very many the sweep has not come to all yet: what the clock jumped is not their time either.
    if now > math.min(job[6] + jumped_since(job[7]), tonumber(job[21]) or math.huge) then
      end_job(id, 'expired', {})
      return 'expired'
    end
  end
  if job[13] == 'follower' then return 'follows' end
  local other = job[12] and not job[15] and cached(job[11], job[12], tonumber(job[14]))
  if other then  -- a result came meanwhile, or was there but no worker
    count_cache('hit')
    answer_like(id, job_key(other))
    return 'succeeded'
  end
end

local function owed(priority) return redis.call('EXISTS', PREFIX .. 'owed:' .. priority) == 1 end

local function waits(priority) return redis.call('EXISTS', PREFIX .. 'queued:' .. priority) == 1 end
local function first_of(priorities, holds)
  for _, p in ipairs(priorities) do
    if holds(p) then return p end
  end
end

-- Those of which this worker takes jobs.
local function all_lanes()
  local lanes = {}
  for _, p in ipairs(PRIORITIES) do
    lanes[#lanes + 1] = p
    if model ~= '' then lanes[#lanes + 1] = lane_of(p, model) end
  end
  return lanes
end

-- The lane that a left-over doorbell serves: one that owes some; else, after a few that came to nothing, any that waits.
local function served_by(priority)
  local priorities = priority and {priority} or all_lanes()
  local owing = first_of(priorities, owed)
  if owing then return owing end
  local waiting = first_of(priorities, waits)
  return waiting and redis.call('INCR', PREFIX .. 'in-vain:' .. waiting) > MOST_IN_VAIN and waiting
end

-- The next of a priority, whoever's it is; nothing when none can be had.
local function next_of(priority)
  for _ = 1, 100 do
    local returned = head_of(priority, SHARE_OF_NOBODY)
    local client, head = in_turn(priority)
    local id = returned or head
    if not id then return end
    local job = look(id)
    local why = unfit(id, job)
    if not why then return id, job end
    if why == 'newer' or why == 'wait' then return end
    dequeue(id, priority, job[11], job[17])  -- an older version ended it, and knows no lanes
  end
end

local id, job = rung, look(rung)
local why, priority = unfit(rung, job), job[5] and lane_of(job[5], job[22])
if why == 'wait' then return {why} end
if why then
  if why == 'other_model' then priority = nil end
  priority = why ~= 'newer' and served_by(priority)
  if priority then id, job = next_of(priority) end
  if not priority or not id then return {why} end
else
  local rank = rank_in_line(rung, priority, job[11], job[3] ~= '0')
  local own = not rank or (rank <= OUT_OF_ORDER and is_next(job[11], priority) and not owed(priority))
  if not own then
    local other, found = next_of(priority)
    if other then id, job = other, found end
  end
end

local key, attempt = job_key(id), tonumber(job[3]) + 1
local alone = redis.call('GET', PREFIX .. 'alone:' .. worker)
local stepped = redis.call('PTTL', PREFIX .. 'alone:' .. worker) > STILL_MS  -- the clock stepped back since
if alone and alone ~= id and not stepped then return {'wait'} end
if suspect(job[9], job[10], tonumber(max_attempts)) then
  if redis.call('SCARD', PREFIX .. 'held:' .. worker) > 0 then
    redis.call('SET', PREFIX .. 'alone:' .. worker, id, 'PX', STILL_MS)
    return {'wait'}
  end
  redis.call('SET', PREFIX .. 'alone:' .. worker, id)
end
if not why and id ~= rung then
  redis.call('SADD', PREFIX .. 'owed:' .. priority, rung)
  -- It was rung above its priority, which serves another of its own: the next sweep rings so once more.
  if number(look(rung)[16]) > 0 then redis.call('HINCRBY', job_key(rung), 'risen', -1) end
end
take_turn(id, priority, job[11], job[17], job[4])
redis.call('DEL', PREFIX .. 'in-vain:' .. priority)
redis.call('SADD', PREFIX .. 'held:' .. worker, id)
redis.call('ZREM', PREFIX .. 'expiring', id)
redis.call('ZADD', PREFIX .. 'running', now + tonumber(lease_ms), id)
-- The time tells it from one that a failover took back, which had the same number.
local token, first_started = worker .. '/' .. attempt .. '/' .. now, job[20] or now
local word = redis.call('GET', PREFIX .. 'worker:' .. worker)
local node = word and cjson.decode(word).node or ''
redis.call('HSET', key, 'status', 'running', 'attempt', attempt, 'token', token, 'worker', worker, 'started', now,
  'first_started', first_started, unpack(node ~= '' and {'node', node} or {}))
changed(id)
if job[13] == 'leader' then bring_along(followers_of(id)) end
if attempt == 1 and job[12] then count_cache('miss') end
return {'ok', answer({
  id = id,
  token = token,
  request = job[2],
  attempt = attempt,
  queued_ms = math.max(0, first_started - job[7]),
  scenes = job[15] or '',
  resume = redis.call('GET', PREFIX .. 'resume:' .. id) or '',
  seed = job[18],
  trace = job[19] or '',
})}
