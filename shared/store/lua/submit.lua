-- New jobs enter the queue, all or none.
-- ARGS: client, max_queued, key (of idempotency; '': none), fingerprint, batch ('': none), batch_ttl_s,
--   rate (jobs a minute; 0: any number), most (jobs not done at once; 0: any number),
--   shared (whether others have keys, '': no), cache_ttl_ms, weight (of the client beside others)
-- EACH jobs: id, request (JSON), priority, result_ttl_s, queue_timeout_ms, deadline_ms (0: none), retry_of ('': none), seed,
--   dedup_key ('': it shares nothing), execution_timeout_ms, cost, rows, starts_in_ms (0: at once, or nobody knows),
--   webhook (JSON; '': none), trace (W3C traceparent; '': none), notes (JSON; '': none),
--   base_of (the job whose board it starts from; '': none), model (that only its workers may write it; '': any), result (JSON, where nothing is to be written; '': all is), repairs
-- ANSWER: created_ms, statuses, ring (ids), place (of the first), record (of the first, flat; empty: it is new in the queue)
-- Returns {'ok', ANSWER} | {'replayed', id of what the key made} | {'reused'}
-- | {'new'}: the key has made nothing, and there are no jobs to enter
-- | {'crowded', how many of the client's wait, free places}
-- | {'too_fast', ms to wait} | {'too_many', the client's jobs that are not done} | {'full', queued}
-- | {'no_model', number of the first job whose model no worker has named for an hour}
-- | {'late', number of the first job whose deadline passes before it could start, ms when it could}
local TRIMMED = 4  -- one job comes, up to four leave: at most a third of a list can be outdated
local TRIMMED_WITH = 8  -- of a batch's jobs in one look
max_queued, cache_ttl_ms, rate, most = tonumber(max_queued), tonumber(cache_ttl_ms), tonumber(rate), tonumber(most)
local once = key ~= '' and once_key(client, key)
if once then
  local first = redis.call('HMGET', once, 'fingerprint', 'id')
  if first[1] then
    if first[1] ~= fingerprint then return {'reused'} end
    return {'replayed', first[2]}
  end
end
if #jobs == 0 then return {'new'} end

-- What answers each: a result that is there, or a job in flight (or of this batch) that it joins; else it enters the queue.
local answers, joins, leads, rooms, answered, entering = {}, {}, {}, {}, 0, 0
local function is_done(i) return answers[i] or jobs[i].result ~= '' end
for i, job in ipairs(jobs) do
  local dedup_key = job.dedup_key
  if dedup_key ~= '' then
    answers[i] = cached(client, dedup_key, cache_ttl_ms)
    rooms[dedup_key] = rooms[dedup_key] or room(client, dedup_key)
  end
  joins[i] = not answers[i] and (rooms[dedup_key] or 0) > 0
  if is_done(i) then
    answered = answered + 1
  elseif joins[i] then
    rooms[dedup_key] = rooms[dedup_key] - 1
  else
    entering = entering + 1
    leads[i] = dedup_key ~= '' and not rooms[dedup_key]
    if leads[i] then rooms[dedup_key] = MAX_FOLLOWERS end
  end
end
local unknown = {}
for i, job in ipairs(jobs) do
  if job.model ~= '' and not is_done(i) and unknown[job.model] == nil then
    unknown[job.model] = number(redis.call('ZSCORE', PREFIX .. 'models', job.model)) < now - HOUR_MS
  end
  if unknown[job.model] then return {'no_model', i - 1} end
end
local paid_until, paid_at = string.match(redis.call('GET', PREFIX .. 'paid:' .. client) or '', '^(%S+) ?(%S*)$')
local stepped_back = (tonumber(paid_at) or 0) > now  -- nobody knows for how long that will be so: it is paid
paid_until = math.max(not stepped_back and tonumber(paid_until) or 0, now)
if rate > 0 then  -- a batch above a whole minute's jobs needs all of them, and is paid off afterwards
  local wait_ms = paid_until + math.min(#jobs, rate) * MINUTE_MS / rate - now - MINUTE_MS
  if wait_ms >= 1 then return {'too_fast', math.ceil(wait_ms)} end
end
local active = tonumber(redis.call('HGET', PREFIX .. 'active', client) or 0)
if most > 0 and active + #jobs - answered > most then return {'too_many', active} end

local queued = 0
local models = named_models()
for _, model in ipairs(models) do
  for _, p in ipairs(PRIORITIES) do queued = queued + redis.call('ZCARD', PREFIX .. 'queued:' .. lane_of(p, model)) end
end
if entering > 0 and queued + entering > max_queued then return {'full', queued} end
-- Nobody holds more places than would stay free, so that whoever else comes finds some; one job is nobody's harm.
if shared ~= '' and entering > 0 then
  local waiting = 0
  for _, model in ipairs(models) do
    for _, p in ipairs(PRIORITIES) do waiting = waiting + redis.call('ZCARD', line_key(lane_of(p, model), client)) end
  end
  local free = max_queued - queued
  if waiting + entering > math.max(free - entering, 1) then return {'crowded', waiting, free} end
end

for i, job in ipairs(jobs) do
  local deadline, queues = tonumber(job.deadline_ms), not is_done(i) and not joins[i]
  local soonest = now + (queues and job.starts_in_ms or 0)  -- one that joins others starts with them
  if deadline > 0 and deadline < soonest then return {'late', i - 1, soonest} end
end

if rate > 0 then
  paid_until = paid_until + #jobs * MINUTE_MS / rate
  redis.call('SET', PREFIX .. 'paid:' .. client, paid_until .. ' ' .. now, 'PX', math.ceil(paid_until - now))
end
redis.call('HINCRBY', PREFIX .. 'active', client, #jobs)
if weight == '1' then redis.call('HDEL', PREFIX .. 'weights', client)
else redis.call('HSET', PREFIX .. 'weights', client, weight) end

-- A few ids at random leave the client's list if their records have expired.
local function trim(own, count)
  local some = redis.call('ZRANDMEMBER', own, -count)  -- the same one twice costs less than a choice without
  for i, old in ipairs(some) do some[i] = job_key(old) end
  if #some == 0 or redis.call('EXISTS', unpack(some)) == #some then return end
  for _, key in ipairs(some) do
    if redis.call('EXISTS', key) == 0 then redis.call('ZREM', own, string.sub(key, #job_key('') + 1)) end
  end
end

-- A job starts from another's board: both are of one family, which is known as long as its youngest is. Of very many the first and
-- the last ones stay.
local MOST_TAKES = 500
local function take_of(id, base, place, kept_s)
  local family = redis.call('HGET', job_key(base), 'family') or base
  local takes = PREFIX .. 'takes:' .. family
  if redis.call('EXISTS', takes) == 0 then redis.call('ZADD', takes, 0, family) end
  redis.call('ZADD', takes, place, id)
  redis.call('HSET', job_key(id), 'family', family)
  if redis.call('ZCARD', takes) > MOST_TAKES then redis.call('ZREM', takes, redis.call('ZRANGE', takes, 1, 1)[1]) end
  if redis.call('TTL', takes) < tonumber(kept_s) then redis.call('EXPIRE', takes, kept_s) end
end

if #jobs > 100 then spare = 0 end  -- a thousand records alone take most of what a script may: all is told afterwards
local statuses, ring, ids, silent = {}, {}, {}, {}
local number = redis.call('INCRBY', PREFIX .. 'number:' .. client, #jobs)
local own, listed = PREFIX .. 'jobs-of:' .. client, {}
local before, entered = {}, {}  -- of each lane: what stands before the next of these jobs
for _, job in ipairs(jobs) do
  job.lane = lane_of(job.priority, job.model)
  local all = before[job.lane] or {0, 0}
  if all[1] == 0 then entered[#entered + 1] = job.lane end
  before[job.lane] = {all[1] + 1, all[2] + job.cost}
end
for _, lane in ipairs(entered) do before[lane] = {next_numbers(lane, before[lane][1], before[lane][2])} end
for i, job in ipairs(jobs) do
  local id, priority, dedup_key = job.id, job.priority, job.dedup_key
  local starts_by, deadline = now + tonumber(job.queue_timeout_ms), tonumber(job.deadline_ms)
  if deadline > 0 then starts_by = math.min(starts_by, deadline) end
  local seq, work = before[job.lane][1] + 1, before[job.lane][2]
  before[job.lane] = {seq, work + job.cost}
  local record = {'format', FORMAT, 'status', 'queued', 'request', job.request, 'client', client, 'priority', priority,
    'result_ttl_s', job.result_ttl_s, 'starts_by', starts_by, 'created', now, 'rung', now, 'rings', 0, 'attempt', 0,
    'crashes', 0, 'lapses', 0, 'seed', job.seed, 'execution_timeout_ms', job.execution_timeout_ms, 'cost', job.cost,
    'seq', seq, 'work', work}
  local function also(field, value)
    if value ~= '' then
      record[#record + 1] = field
      record[#record + 1] = value
    end
  end
  also('deadline', deadline > 0 and deadline or '')
  also('version', is_done(i) and '' or 1)
  also('retry_of', job.retry_of)
  also('batch', batch)
  also('likeness', dedup_key)
  also('role', joins[i] and 'follower' or '')
  also('cache_ttl_ms', dedup_key ~= '' and cache_ttl_ms or '')
  also('only_model', job.model)
  also('notes', job.notes)
  also('rows', tonumber(job.rows) > 1 and job.rows or '')
  also('trace', job.trace)
  also('webhook', job.webhook)
  if not is_done(i) then record[#record + 1], record[#record + 2] = 'status_told', '' end
  redis.call('HSET', job_key(id), unpack(record))
  if i % TRIMMED_WITH == 1 then trim(own, TRIMMED * math.min(TRIMMED_WITH, #jobs - i + 1)) end
  listed[2 * i - 1], listed[2 * i] = number - #jobs + i, id
  if job.base_of ~= '' then take_of(id, job.base_of, number - #jobs + i, batch_ttl_s) end
  if answers[i] then
    statuses[i] = 'succeeded'
    count_cache('hit')
    answer_like(id, job_key(answers[i]))
  elseif is_done(i) then
    statuses[i] = 'succeeded'
    redis.call('HSET', job_key(id), 'started', now)
    end_job(id, 'succeeded', {'result', job.result, 'repairs', job.repairs, 'source', 'edited'})
  else
    redis.call('ZADD', PREFIX .. 'expiring', starts_by, id)
    if spare > 0 then first_word(id) else silent[#silent + 1] = id .. '  ' end
    if leads[i] then lead(id, client, dedup_key) end
    statuses[i] = joins[i] and join(id, client, dedup_key, priority, seq)
    if not statuses[i] then
      statuses[i] = 'queued'
      stand_last(id, job.lane, client, seq, job.cost)
      ring[#ring + 1] = id
    end
  end
end
redis.call('ZADD', own, unpack(listed))
if #silent > 0 then redis.call('SADD', PREFIX .. 'behind', unpack(silent)) end
if batch ~= '' then
  for i, job in ipairs(jobs) do ids[i] = job.id end
  redis.call('RPUSH', PREFIX .. 'batch-jobs:' .. batch, unpack(ids))
  redis.call('HSET', PREFIX .. 'batch:' .. batch, 'client', client, 'created', now)
  for _, name in ipairs({'batch:', 'batch-jobs:'}) do redis.call('EXPIRE', PREFIX .. name .. batch, batch_ttl_s) end
end
if once then
  redis.call('HSET', once, 'fingerprint', fingerprint, 'id', batch ~= '' and batch or jobs[1].id)
  redis.call('EXPIRE', once, ONCE_S)
end
local first = jobs[1].id
return {'ok', answer({
  created_ms = now,
  statuses = statuses,
  ring = ring,
  place = stands_at(first),
  record = ring[1] == first and {} or redis.call('HGETALL', job_key(first)),
})}
