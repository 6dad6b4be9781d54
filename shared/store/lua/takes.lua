-- The jobs that started from one another's boards, this one among them.
-- ARGS: id
-- Returns their ids, the oldest first
local family = redis.call('HGET', job_key(id), 'family') or id
local ids = redis.call('ZRANGE', PREFIX .. 'takes:' .. family, 0, -1)
return #ids > 0 and ids or {id}
