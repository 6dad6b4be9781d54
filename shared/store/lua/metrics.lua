-- What only the store can count, in one round trip.
-- ANSWER: counts (flat), queues ({depth, age in ms of the oldest, 0: none} of each priority, highest first), running, dead,
--   quarantined, workers (flat {worker: JSON}), senders (processes that send webhooks)
local queues = {}
for i, p in ipairs(PRIORITIES) do
  local oldest = redis.call('ZRANGE', PREFIX .. 'queued:' .. p, 0, 0)[1]
  local since = oldest and tonumber(redis.call('HGET', job_key(oldest), 'created')) or now
  queues[i] = {redis.call('ZCARD', PREFIX .. 'queued:' .. p), math.max(0, now - since)}
end
return answer({
  counts = redis.call('HGETALL', PREFIX .. 'counts'),
  queues = queues,
  running = redis.call('ZCARD', PREFIX .. 'running'),
  dead = redis.call('ZCARD', PREFIX .. 'dead'),
  quarantined = redis.call('LLEN', PREFIX .. 'quarantine'),
  workers = living_workers(),
  senders = redis.call('ZCOUNT', PREFIX .. 'senders', '(' .. now, '+inf'),
})
