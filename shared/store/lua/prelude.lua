-- What every script may use: the clock, the names, and the few steps that transitions have in common.
--
-- Before it shared/store/scripts.py writes the constants that Python has too: PREFIX, FORMAT, TOMBSTONE_S, PRIORITIES (the first
-- comes first), RANK (of each priority), FINAL (states that never change), TASK (the name under which Celery knows a job),
-- DATABASE, the number of this one, and DEPLOYMENT, the setting REDIS__PREFIX, with which PREFIX begins.
--
-- Keys, all of them but those of webhooks (outbox.lua); `sq:` is PREFIX:
--   sq:job:<id>            hash, the record and the only truth about a job; fields are read in shared/store/record.py; `trace` is the
--                          W3C traceparent of the POST, for spans of whoever works on the job
--   sq:events:<id>         stream of what the job's clients are told, numbered from 1; values: status and progress JSON, a
--                          scene's number, nothing for done
--   sq:resume:<id>         what a later attempt needs to go on with the text of the one before (JSON, shared/store/executions.py)
--   sq:gone:<id>           the client of a job that was there once: a 410 instead of a 404, for 7 days after its end or deletion
--   sq:once:<client>:<key>  hash, what an idempotency key made: its id and the fingerprint of the body; for 24 h
--   sq:jobs-of:<client>    zset of all ids that a client can list, by `number`, which counts its jobs (sq:number:<client>);
--                          ids whose records have expired are dropped as they are met, and a few at random at each submit
--   sq:active              hash: how many jobs of each client are not done
--   sq:paid:<client>       the time (ms) until which its new jobs use up its rate (API__RATE_PER_MINUTE), and when that was
--   sq:takes:<id>  the job that others started from, and all that started from one of these: sorted set, the oldest first
--   sq:batch:<id>, sq:batch-jobs:<id>  a batch: hash of its client and time; list of its ids, in the order they were sent
--   sq:queued:<priority>   zset of waiting ids by seq; a job keeps its seq, so one that comes back keeps its place. Of jobs that
--                          name their model there are others of each name that ends with a priority, `<priority>/<model>`: a
--                          lane of their own, with doorbells that only workers of that model hear
--   sq:jobs-for:<model>    of the broker, as sq:jobs: doorbells of jobs that name this model
--   sq:named               set of models that waiting jobs name;  sq:models  zset of models by when a worker last named itself so
--   sq:work:<priority>     the cost (shared/eta.py) of all jobs that ever entered this queue: what is ahead is a difference
--   sq:seq:<priority>      the last seq given out;  sq:claimed-of:<priority>  hash: the highest seq of each client ever claimed
--   sq:queued-of:<priority>:<client>, sq:back:<priority>  the same ids as sq:queued:<priority>, by seq: each client's line, and
--                          those that had their turn before (lua/turns.lua, also for the next ones)
--   sq:turns:<priority>    zset of clients with a line, by the virtual time of their next start;  sq:virtual:<priority>  the
--                          latest virtual time;  sq:served:<priority>  hash of that from which each client's next job starts
--   sq:waiting:<priority>  hash: the cost of each line ('': of sq:back);  sq:weights  hash of clients whose weight is not 1
--   sq:owed:<priority>     set of waiting ids that have no doorbell, for theirs led to another's job (lua/claim.lua)
--   sq:in-vain:<priority>  how many left-over doorbells in a row came to nothing while something waited
--   sq:expiring            zset of waiting ids by the time (ms) at which they must have started, and of running followers
--                          by that at which they must have ended
--   sq:running             zset of running ids by the end (ms) of their lease
--   sq:held:<worker>       set of the ids that run on this worker
--   sq:alone:<worker>      the suspect that runs on this worker alone, or waits until everything else there has ended
--   sq:lapsed:<worker>     set of ids blamed because this worker fell silent; its next word takes the blame back; for 1 h
--   sq:dead, sq:dead-jobs  jobs that ended their worker too often: zset of ids by time (ms); hash of what they were (JSON)
--   sq:quarantine          list of what stood in the broker's lists and was no doorbell, newest first (worker/quarantine.py)
--   sq:cache:<client>:<dedup_key>  the finished job whose result answers the same request again; as long as its record
--   sq:leader:<client>:<dedup_key>, sq:followers:<client>:<dedup_key>  of jobs in flight that ask for the same (lua/sharing.lua):
--                          the one that generates; zset of those that wait for it, by priority and seq
--   sq:stopping            set of batches that are being canceled; how many of a batch's jobs are still to come stands in its hash
--   sq:behind              set of followers that are not yet as their leader is: `<id> <its leader> <how that ended>`; and of
--                          new jobs that nothing was told of yet
--   sq:parted:<id>         a copy of a leader's record, for followers that its end has not reached; for 1 h
--   sq:promoted            list of followers that went into the queue and that the next sweep rings
--   sq:serves:<kind>       zset of ready workers that write texts of this kind (model, prompt, grammar), as sq:workers
--   sq:counts              hash of what has ever been counted: `<terminal status>`, `source:<source>` of results, `lost:<blame>` of
--                          attempts whose worker was gone, `cache:<hit|shared|miss>` of jobs that could be answered by
--                          another's result, a job in flight's, or by none,
--                          `webhook:delivered`, `webhook:failed` (it is tried again), `webhook:given_up`; lua/metrics.lua
--   sq:minute:<n>          hash: how many jobs ended in this minute since 1970, by `<terminal status>`, `failed:<code of the error>`
--                          and `cache:<hit|shared>`; for 1 h
--   sq:rates               hash: what the latest jobs of each kind of worker took (ms), and what they were expected to cost
--   sq:workers             zset of workers by the time (ms) at which their word lapses;  sq:worker:<worker>  that word (JSON)
--   sq:node                the worker that spoke last, as Celery names it (lua/tasks.lua)
--   sq:began               when this store was first swept (ms): one that came back empty began anew
--   sq:confirmed           when somebody last asked whether the replicas have all that was written (ms; lua/confirm.lua)
--   sq:server              hash: `replid`, Redis' own name of this copy of the data, and `since` (ms), when another began:
--                          the server was started anew, or another took over
--   sq:swept, sq:sweep-lock  when the last sweep was; who sweeps this second
--   sq:jumped              how far Redis' clock has jumped, in sum (ms)
--   sq:jumps               zset of what Redis' clock jumped forward: `<to ms> <by ms>`, by the first; for 8 days
--   sq:removed:<n>         what the script that runs now has deleted, until its end (lua/journal.lua)
-- Channels: sq:changed (the id of every job that changed), sq:cancel (the id of a running job to stop), Celery's of its events.
-- States: queued -> running -> succeeded | failed | canceled | expired, canceling between; the last four never change.
-- All clocks are Redis TIME, in milliseconds.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local EVENTS_KEPT = 1000  -- of one job; lua/renew.lua sees to it that progress alone never fills them
local ONCE_S = 86400
local MINUTE_MS, HOUR_MS = 60000, 3600000

local function job_key(id) return PREFIX .. 'job:' .. id end

local function minute_key(ms) return PREFIX .. 'minute:' .. math.floor(ms / MINUTE_MS) end

-- Why there is no record, in the shape of an answer that has one.
local function absent(id)
  local client = redis.call('GET', PREFIX .. 'gone:' .. id)
  if client then return {'gone', client, 0} end
  return {'unknown', '', 0}
end

-- A job's lane: its priority, or, of one that names its model (`only_model` of its record), `<priority>/<model>`.
local function lane_of(priority, model)
  if model and model ~= '' then return priority .. '/' .. model end
  return priority
end

local function lane_of_job(id)
  local job = redis.call('HMGET', job_key(id), 'priority', 'only_model')
  return lane_of(job[1], job[2])
end

-- All models that jobs which wait may name; '' first: any.
local function named_models()
  local models = redis.call('SMEMBERS', PREFIX .. 'named')
  table.sort(models)
  table.insert(models, 1, '')
  return models
end

-- Of what happened lately.
local function count_in_minute(what)
  local minute = minute_key(now)
  redis.call('HINCRBY', minute, what, 1)
  redis.call('EXPIRE', minute, HOUR_MS / 1000)
end

local function once_key(client, key) return PREFIX .. 'once:' .. client .. ':' .. key end

-- The fields of sq:rates for a worker of this kind, by its word.
local function rate_fields(word)
  local state = cjson.decode(word)
  local kind = state.model .. ' ' .. state.dtype .. ' ' .. string.match(state.device, '^[^:]*')
  return {kind .. ' ms', kind .. ' cost'}
end

-- No sweep for longer than this: everybody was away, or the clock stepped.
local function longest_gap_ms(lease_ms) return math.max(3000, lease_ms / 2) end

-- What the clock jumped forward since a moment, as far as it was noted.
local function jumped_since(ms)
  local sum_ms = 0
  for _, jump in ipairs(redis.call('ZRANGEBYSCORE', PREFIX .. 'jumps', '(' .. ms, '+inf')) do
    sum_ms = sum_ms + string.match(jump, ' (%d+)')
  end
  return sum_ms
end

local function held(status) return status == 'running' or status == 'canceling' end

-- Workers whose word stands, as a flat {worker: JSON}.
local function living_workers()
  local living = {}
  redis.call('ZREMRANGEBYSCORE', PREFIX .. 'workers', '-inf', now)
  for _, worker in ipairs(redis.call('ZRANGE', PREFIX .. 'workers', 0, -1)) do
    local state = redis.call('GET', PREFIX .. 'worker:' .. worker)
    if state then living[#living + 1] = worker; living[#living + 1] = state end
  end
  return living
end

-- How much more this script may do before it leaves the rest to the next piece (an event is 1): what grows with a batch, with
-- followers or with rows is done in pieces, each whole by itself, so that nobody waits for Redis. Who called goes on at once,
-- and what it leaves behind the next sweep finds: sq:stopping, sq:behind.
local spare = 200

local post, keep_unsent  -- outbox.lua
local show_task  -- tasks.lua

-- One more event in the job's stream, and for its webhook. `final`: it tells how the job ended.
local function publish_event(id, event, value, final)
  local number = redis.call('HINCRBY', job_key(id), 'events', 1)
  redis.call('XADD', PREFIX .. 'events:' .. id, 'MAXLEN', EVENTS_KEPT, number .. '-0', event, value)
  spare = spare - 1
  post(id, number, event, value, final)
end

-- The first `count` scenes are complete; each is published once.
local function publish_scenes(id, count)
  local published = tonumber(redis.call('HGET', job_key(id), 'scenes_told') or '0')
  for number = published + 1, count do publish_event(id, 'scene', number) end
  if count > published then redis.call('HSET', job_key(id), 'scenes_told', count) end
end

-- As `changed`, for a job that is new: nobody can wait for it yet. Of a large batch it comes in pieces; until then `status_told`
-- is empty.
local function first_word(id)
  redis.call('HSET', job_key(id), 'status_told', 'queued')
  publish_event(id, 'status', '{"status":"queued","attempt":0}')
  show_task(id, nil, 'queued')
end

local function error_code(id) return cjson.decode(redis.call('HGET', job_key(id), 'error')).code end

-- Every change of a record ends here: a new version (the ETag), the event of a new status, a word to those who wait.
local function changed(id)
  local key = job_key(id)
  redis.call('HINCRBY', key, 'version', 1)
  local job = redis.call('HMGET', key, 'status', 'status_told', 'attempt', 'result', 'node')
  if job[2] == '' then
    first_word(id)
    job[2] = 'queued'
  end
  if job[1] ~= job[2] then
    local board = job[4] and cjson.decode(job[4])
    if board then publish_scenes(id, #board.scenes) end
    publish_event(id, 'status', '{"status":"' .. job[1] .. '","attempt":' .. job[3] .. '}', FINAL[job[1]])
    if FINAL[job[1]] then
      publish_event(id, 'done', '', true)
      keep_unsent(id)
      redis.call('PEXPIRE', PREFIX .. 'events:' .. id, redis.call('PTTL', key))
    end
    redis.call('HSET', key, 'status_told', job[1])
    show_task(id, job[2], job[1], board, job[5])
  end
  redis.call('PUBLISH', PREFIX .. 'changed', id)
end

local enqueue, dequeue  -- lua/turns.lua
local followers_of, bring_along, parted  -- lua/sharing.lua

-- The job no longer runs on its worker.
local function leave(id)
  redis.call('ZREM', PREFIX .. 'running', id)
  local worker = redis.call('HGET', job_key(id), 'worker')
  if not worker then return end
  redis.call('SREM', PREFIX .. 'held:' .. worker, id)
  if redis.call('GET', PREFIX .. 'alone:' .. worker) == id then redis.call('DEL', PREFIX .. 'alone:' .. worker) end
end

-- The only way into a terminal state; `fields` is a flat list of what else the record gains. `for_all`: those that follow
-- it end the same way.
local function end_job(id, status, fields, for_all)
  local key = job_key(id)
  local job = redis.call('HMGET', key, 'priority', 'result_ttl_s', 'client', 'cost', 'only_model')
  dequeue(id, lane_of(job[1], job[5]), job[3], job[4])
  leave(id)
  redis.call('ZREM', PREFIX .. 'expiring', id)
  local ttl_s = math.ceil(tonumber(job[2]))
  redis.call('HSET', key, 'status', status, 'finished', now, 'expires', now + ttl_s * 1000, unpack(fields))
  redis.call('HDEL', key, 'progress', 'writing')
  redis.call('EXPIRE', key, ttl_s)
  redis.call('SET', PREFIX .. 'gone:' .. id, job[3], 'EX', ttl_s + TOMBSTONE_S)
  redis.call('HINCRBY', PREFIX .. 'counts', status, 1)
  redis.call('HINCRBY', PREFIX .. 'active', job[3], -1)
  count_in_minute(status)
  if status == 'failed' then count_in_minute('failed:' .. error_code(id)) end
  local source = redis.call('HGET', key, 'source')
  if source then redis.call('HINCRBY', PREFIX .. 'counts', 'source:' .. source, 1) end
  changed(id)
  parted(id, status, for_all)
  redis.call('DEL', PREFIX .. 'resume:' .. id)
end

-- Back into the queue, before those that have had no turn yet; a job keeps its seq for life.
local function requeue(id)
  leave(id)
  enqueue(id, lane_of_job(id), true)
  redis.call('HSET', job_key(id), 'status', 'queued', 'rung', now, 'rings', 0)
  redis.call('HDEL', job_key(id), 'token', 'worker', 'progress')
  changed(id)
  bring_along(followers_of(id))
end

-- Its caller wants a job stopped. Returns the status before and after, or nothing.
local function cancel_job(id)
  local job = redis.call('HMGET', job_key(id), 'status', 'role')
  local status = job[1]
  if status == 'queued' or (status == 'running' and job[2] == 'follower') then
    end_job(id, 'canceled', {})
    return status, 'canceled'
  end
  if status == 'running' then
    redis.call('HSET', job_key(id), 'status', 'canceling')
    redis.call('PUBLISH', PREFIX .. 'cancel', id)
    changed(id)
    return status, 'canceling'
  end
  return status, status
end

-- One piece of a batch's cancel. From its last job on: followers first, so that none takes over from a leader just to be
-- canceled next. Returns whether more are left.
local function stop_batch(id)
  local batch, jobs = PREFIX .. 'batch:' .. id, PREFIX .. 'batch-jobs:' .. id
  local left = tonumber(redis.call('HGET', batch, 'stopping') or '0')
  while left > 0 and spare > 0 do
    cancel_job(redis.call('LINDEX', jobs, left - 1) or '')
    spare, left = spare - 1, left - 1
  end
  if left > 0 then
    redis.call('HSET', batch, 'stopping', left)
    return true
  end
  redis.call('HDEL', batch, 'stopping')
  redis.call('SREM', PREFIX .. 'stopping', id)
  return false
end
