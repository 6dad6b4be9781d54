-- What only the store can count, in one round trip.
-- Returns {flat sq:counts, {depth, age (ms) of the oldest, 0: none} of each priority (high, normal, low), running, dead, set aside,
-- flat {worker: JSON}, processes that send webhooks}
local queues = {}
for i, p in ipairs(PRIORITIES) do
  local oldest = redis.call('ZRANGE', 'sq:queued:' .. p, 0, 0)[1]
  local since = oldest and tonumber(redis.call('HGET', job_key(oldest), 'created')) or now
  queues[i] = {redis.call('ZCARD', 'sq:queued:' .. p), now - since}
end
return {redis.call('HGETALL', 'sq:counts'), queues, redis.call('ZCARD', 'sq:running'), redis.call('ZCARD', 'sq:dead'),
  redis.call('LLEN', 'sq:quarantine'), living_workers(), redis.call('ZCOUNT', 'sq:senders', '(' .. now, '+inf')}
