-- One try of an event is over.
-- ARGS: client, host, id, number, lease (its end), outcome (delivered | failed | given_up | released), log (JSON),
--   next_try_ms (from now; failed), unwanted ('1': the receiver wants nothing more of this job),
--   address (to which its name led; '': unknown), answered ('1': the receiver did; '0': not in time; '': it was not met)
-- Returns 'ok' | 'stale' (another sender has it, or the job was deleted). `released`: it was not tried, and is due at once.
local key, event, line = deliveries_key(id), id .. '/' .. number, to_host(client, host)
local held_until = redis.call('ZSCORE', PREFIX .. 'webhook-sending:' .. client, event)
if tonumber(held_until or '0') ~= tonumber(lease) then return 'stale' end
stop_sending(client, event)
if address ~= '' then redis.call('SET', PREFIX .. 'webhook-address:' .. host, address, 'EX', ADDRESS_KEPT_S) end
local at = address ~= '' and address or host
if answered == '0' then redis.call('SET', hung_key(client, at), '1', 'EX', ADDRESS_KEPT_S) end
if answered == '1' then redis.call('DEL', hung_key(client, at)) end
if unwanted == '1' then
  redis.call('HSET', key, 'disabled', '1')
  for _, other in ipairs(events_posted(id)) do
    if redis.call('ZREM', line, id .. '/' .. other) == 1 then
      redis.call('HINCRBY', PREFIX .. 'counts', 'webhook:given_up', 1)
      no_more_tries(id)
    end
  end
end
if outcome == 'failed' and redis.call('HEXISTS', key, 'disabled') == 1 then outcome = 'given_up' end
if outcome == 'released' then
  redis.call('ZADD', line, now, event)
else
  redis.call('HINCRBY', PREFIX .. 'counts', 'webhook:' .. outcome, 1)
  redis.call('HINCRBY', key, number .. ':tries', 1)
  redis.call('HSET', key, number .. ':log', log)
  if outcome == 'failed' then redis.call('ZADD', line, now + tonumber(next_try_ms), event) else no_more_tries(id) end
end
look_again(client, host)
return 'ok'
