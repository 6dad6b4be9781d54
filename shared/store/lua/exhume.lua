-- A dead job has been queued anew: off the list. Safe to repeat.
-- ARGS: id
redis.call('ZREM', PREFIX .. 'dead', id)
redis.call('HDEL', PREFIX .. 'dead-jobs', id)
