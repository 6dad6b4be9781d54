-- Shared by every script: the clock, the names, and the few steps that transitions have in common.
--
-- Keys, all of them:
--   sq:job:<id>            hash, the record and the only truth about a job; fields are read in shared/record.py
--   sq:gone:<id>           the client of a job that was there once: a 410 instead of a 404, for 7 days after its end
--   sq:once:<client>:<key>  hash, what an idempotency key made: its id and the fingerprint of the body; for 24 h
--   sq:queued:<priority>   zset of waiting ids by seq; a job keeps its seq, so one that comes back keeps its place
--   sq:seq:<priority>      the last seq given out;  sq:claimed:<priority>  the highest seq ever claimed
--   sq:expiring            zset of waiting ids by the time (ms) at which they must have started
--   sq:running             zset of running ids by the end (ms) of their lease
--   sq:dead                list of ids that ended their worker too often
--   sq:counts, sq:rates    hashes: jobs by terminal status; the running mean of a job's time (ms)
--   sq:workers             zset of workers by the time (ms) at which their word lapses;  sq:worker:<worker>  that word (JSON)
--   sq:swept, sq:sweep-lock  when the last sweep was; who sweeps this second
-- Channels: sq:changed (the id of every job that changed), sq:cancel (the id of a running job to stop).
-- States: queued -> running -> succeeded | failed | canceled | expired, canceling between; the last four never change.
-- All clocks are Redis TIME, in milliseconds.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local PRIORITIES = {'high', 'normal', 'low'}
local TOMBSTONE_S = 7 * 86400
local ONCE_S = 86400

local function job_key(id) return 'sq:job:' .. id end

local function once_key(client, key) return 'sq:once:' .. client .. ':' .. key end

local function held(status) return status == 'running' or status == 'canceling' end

-- Every change of a record ends here: a new version (the ETag) and a word to those who wait.
local function changed(id)
  redis.call('HINCRBY', job_key(id), 'version', 1)
  redis.call('PUBLISH', 'sq:changed', id)
end

-- The only way into a terminal state; `fields` is a flat list of what else the record gains.
local function end_job(id, status, fields)
  local key = job_key(id)
  local job = redis.call('HMGET', key, 'priority', 'result_ttl_s', 'client')
  redis.call('ZREM', 'sq:queued:' .. job[1], id)
  redis.call('ZREM', 'sq:running', id)
  redis.call('ZREM', 'sq:expiring', id)
  local ttl_s = math.ceil(tonumber(job[2]))
  redis.call('HSET', key, 'status', status, 'finished', now, 'expires', now + ttl_s * 1000, unpack(fields))
  redis.call('HDEL', key, 'progress')
  redis.call('EXPIRE', key, ttl_s)
  redis.call('SET', 'sq:gone:' .. id, job[3], 'EX', ttl_s + TOMBSTONE_S)
  redis.call('HINCRBY', 'sq:counts', status, 1)
  changed(id)
end

-- Back into the queue at its old place: a job keeps its seq for life.
local function requeue(id, priority, seq)
  redis.call('ZREM', 'sq:running', id)
  redis.call('ZADD', 'sq:queued:' .. priority, seq, id)
  redis.call('HSET', job_key(id), 'status', 'queued', 'rung', now, 'rings', 0)
  redis.call('HDEL', job_key(id), 'token', 'worker', 'progress')
  changed(id)
end
