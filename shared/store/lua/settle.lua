-- One try of an event is over.
-- ARGS: host, id, number, lease (its end), outcome (delivered | failed | given_up | released), log (JSON),
--   next_try_ms (from now; failed), unwanted ('1': the receiver wants nothing more of this job)
-- Returns 'ok' | 'stale' (another sender has it, or the job was deleted). `released`: it was not tried, and is due at once.
local key, event = deliveries_key(id), id .. '/' .. number
local due, out = PREFIX .. 'webhook-due:' .. host, PREFIX .. 'webhook-out:' .. host
if tonumber(redis.call('ZSCORE', out, event) or '0') ~= tonumber(lease) then return 'stale' end
redis.call('ZREM', out, event)
if unwanted == '1' then
  redis.call('HSET', key, 'disabled', '1')
  for _, other in ipairs(events_posted(id)) do
    if redis.call('ZREM', due, id .. '/' .. other) == 1 then
      redis.call('HINCRBY', PREFIX .. 'counts', 'webhook:given_up', 1)
      no_more_tries(id)
    end
  end
end
if outcome == 'failed' and redis.call('HEXISTS', key, 'disabled') == 1 then outcome = 'given_up' end
if outcome == 'released' then
  redis.call('ZADD', due, now, event)
else
  redis.call('HINCRBY', PREFIX .. 'counts', 'webhook:' .. outcome, 1)
  redis.call('HINCRBY', key, number .. ':tries', 1)
  redis.call('HSET', key, number .. ':log', log)
  if outcome == 'failed' then redis.call('ZADD', due, now + tonumber(next_try_ms), event) else no_more_tries(id) end
end
look_again(host)
return 'ok'
