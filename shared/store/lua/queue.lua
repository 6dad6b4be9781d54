-- The queue in figures, in one round trip.
-- ANSWER: depths, works (both of each priority, highest first), running, workers, senders (processes that send webhooks)
-- running: {cost, ms since its start, fraction, ...}; workers: {worker, its word (JSON), what the latest jobs of its kind took
-- (ms), what they were expected to cost ('0': none), ...}
local depths, works, running, workers = {}, {}, {}, {}
for i, p in ipairs(PRIORITIES) do depths[i], works[i] = redis.call('ZCARD', PREFIX .. 'queued:' .. p), waiting_work(p) end
for _, id in ipairs(redis.call('ZRANGE', PREFIX .. 'running', 0, -1)) do
  local job = redis.call('HMGET', job_key(id), 'cost', 'started', 'progress')
  local fraction = job[3] and cjson.decode(job[3]).fraction or 0
  for _, figure in ipairs({job[1], now - job[2], tostring(fraction)}) do running[#running + 1] = figure end
end
local living = living_workers()
for i = 1, #living, 2 do
  local sums = redis.call('HMGET', PREFIX .. 'rates', unpack(rate_fields(living[i + 1])))
  for _, part in ipairs({living[i], living[i + 1], sums[1] or '0', sums[2] or '0'}) do workers[#workers + 1] = part end
end
local senders = redis.call('ZCOUNT', PREFIX .. 'senders', '(' .. now, '+inf')
return answer({depths = depths, works = works, running = running, workers = workers, senders = senders})
