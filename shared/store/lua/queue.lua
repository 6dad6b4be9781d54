-- The queue in figures, in one round trip.
-- ANSWER: depths, works, lines (each of every priority, highest first), named, running, workers,
--   senders (processes that send webhooks), minutes ({minute since 1970, flat hash of what ended in it} of the last hour, of all clients),
--   began (ms; 0: nobody knows), server_since (ms: when another server, or the same started anew, was first seen; 0: never)
-- lines: {client, virtual time of its next start, weight, jobs, their cost, ...}, its last one of a nameless client that comes
-- now and has no job yet;
-- depths and works are of all lanes together; named: {model, how many wait for its workers alone, ...};
-- running: {cost, ms since its start, fraction, rows, worker, ...}; workers: {worker, its word (JSON), what the latest jobs of its kind took
-- (ms), what they were expected to cost ('0': none), ...}
local depths, works, lines, running, workers, named = {}, {}, {}, {}, {}, {}
for _, model in ipairs(named_models()) do
  local waiting = 0
  for i, p in ipairs(PRIORITIES) do
    local lane = lane_of(p, model)
    local depth = redis.call('ZCARD', PREFIX .. 'queued:' .. lane)
    depths[i], works[i], waiting = (depths[i] or 0) + depth, (works[i] or 0) + waiting_work(lane), waiting + depth
  end
  if model ~= '' and waiting > 0 then named[#named + 1], named[#named + 2] = model, waiting end
end
for i, p in ipairs(PRIORITIES) do
  lines[i] = {}
  local function add(line)
    for j = 1, 5 do
      local figure = line[j]
      lines[i][#lines[i] + 1] = type(figure) == 'number' and string.format('%.17g', figure) or figure
    end
  end
  for _, line in ipairs(lines_of(p)) do add(line) end
  add({'', virtual_time(p), 1, 0, 0})
end
for _, id in ipairs(redis.call('ZRANGE', PREFIX .. 'running', 0, -1)) do
  local job = redis.call('HMGET', job_key(id), 'cost', 'started', 'progress', 'rows', 'worker')
  local fraction = job[3] and cjson.decode(job[3]).fraction or 0
  for _, figure in ipairs({job[1], math.max(0, now - job[2]), tostring(fraction), job[4] or '1', job[5] or ''}) do
    running[#running + 1] = figure
  end
end
local living = living_workers()
for i = 1, #living, 2 do
  local sums = redis.call('HMGET', PREFIX .. 'rates', unpack(rate_fields(living[i + 1])))
  for _, value in ipairs({living[i], living[i + 1], sums[1] or '0', sums[2] or '0'}) do workers[#workers + 1] = value end
end
local senders = redis.call('ZCOUNT', PREFIX .. 'senders', '(' .. now, '+inf')
local minutes = {}
for ms = now - HOUR_MS + MINUTE_MS, now, MINUTE_MS do
  local counts = redis.call('HGETALL', minute_key(ms))
  if #counts > 0 then minutes[#minutes + 1] = {math.floor(ms / MINUTE_MS), counts} end
end
return answer({depths = depths, works = works, lines = lines, named = named, running = running, workers = workers, senders = senders,
  minutes = minutes, began = tonumber(redis.call('GET', PREFIX .. 'began') or '0'),
  server_since = tonumber(redis.call('HGET', PREFIX .. 'server', 'since') or '0')})
