-- One try of an event is over. ARGV: host, id, number, lease end, outcome (delivered | failed | given_up | released),
-- log (JSON), ms to the next try (failed), '1' when the receiver wants nothing more of this job
-- Returns 'ok' | 'stale' (another sender has it, or the job was deleted). `released`: it was not tried, and is due at once.
local host, id, number, outcome = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
local key, due, out, event = deliveries_key(id), 'sq:webhook-due:' .. host, 'sq:webhook-out:' .. host, ARGV[2] .. '/' .. ARGV[3]
if tonumber(redis.call('ZSCORE', out, event) or '0') ~= tonumber(ARGV[4]) then return 'stale' end
redis.call('ZREM', out, event)
if ARGV[8] == '1' then
  redis.call('HSET', key, 'disabled', '1')
  for _, other in ipairs(events_posted(id)) do
    if redis.call('ZREM', due, id .. '/' .. other) == 1 then
      redis.call('HINCRBY', 'sq:counts', 'webhook:given_up', 1)
      no_more_tries(id)
    end
  end
end
if outcome == 'failed' and redis.call('HEXISTS', key, 'disabled') == 1 then outcome = 'given_up' end
if outcome == 'released' then
  redis.call('ZADD', due, now, event)
else
  redis.call('HINCRBY', 'sq:counts', 'webhook:' .. outcome, 1)
  redis.call('HINCRBY', key, number .. ':tries', 1)
  redis.call('HSET', key, number .. ':log', ARGV[6])
  if outcome == 'failed' then redis.call('ZADD', due, now + tonumber(ARGV[7]), event) else no_more_tries(id) end
end
look_again(host)
return 'ok'
