-- What only the store can count, in one round trip.
-- ANSWER: counts (flat), queues ({depth, age in ms of the oldest, 0: none} of each priority, highest first), running, dead,
--   quarantined, workers (flat {worker: JSON}), senders (processes that send webhooks)
local queues = {}
for i, p in ipairs(PRIORITIES) do
  local depth, since = 0, now
  for _, model in ipairs(named_models()) do
    local queue = PREFIX .. 'queued:' .. lane_of(p, model)
    local oldest = redis.call('ZRANGE', queue, 0, 0)[1]
    depth = depth + redis.call('ZCARD', queue)
    if oldest then since = math.min(since, number(redis.call('HGET', job_key(oldest), 'created') or now)) end
  end
  queues[i] = {depth, math.max(0, now - since)}
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
