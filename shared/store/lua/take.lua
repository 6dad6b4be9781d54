-- A sender takes events that are due, and says that it lives.
-- ARGS: sender, ttl_ms (0: it leaves), most, lease_ms
-- ANSWER: host, id, number, lease (its end), url, event (JSON), tries, log (JSON), record (flat)
-- Returns {ANSWER, ...}
-- An event that is not settled before its lease ends is due again: its sender died.
local lease, taken = now + tonumber(lease_ms), {}
most, ttl_ms = tonumber(most), tonumber(ttl_ms)
if ttl_ms > 0 then redis.call('ZADD', PREFIX .. 'senders', now + ttl_ms, sender)
else redis.call('ZREM', PREFIX .. 'senders', sender) end
redis.call('ZREMRANGEBYSCORE', PREFIX .. 'senders', '-inf', now)
for _, host in ipairs(redis.call('ZRANGEBYSCORE', PREFIX .. 'webhooks', '-inf', now, 'LIMIT', 0, 100)) do
  local due, out = PREFIX .. 'webhook-due:' .. host, PREFIX .. 'webhook-out:' .. host
  for _, event in ipairs(redis.call('ZRANGEBYSCORE', out, '-inf', now)) do
    redis.call('ZREM', out, event)
    redis.call('ZADD', due, now, event)
  end
  local free = math.min(most - #taken, AT_ONCE - redis.call('ZCARD', out))
  if free > 0 then
    for _, event in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, free)) do
      redis.call('ZREM', due, event)
      local id, number = string.match(event, '^(.*)/(%d+)$')
      local kept = redis.call('HMGET', deliveries_key(id), 'url', number, number .. ':tries', number .. ':log')
      local record = redis.call('HGETALL', PREFIX .. 'webhook-job:' .. id)
      if #record == 0 then record = redis.call('HGETALL', job_key(id)) end
      if kept[2] and #record > 0 then
        redis.call('ZADD', out, lease, event)
        taken[#taken + 1] = answer({
          host = host,
          id = id,
          number = number,
          lease = lease,
          url = kept[1],
          event = kept[2],
          tries = kept[3] or '0',
          log = kept[4] or '[]',
          record = record,
        })
      else
        redis.call('HINCRBY', PREFIX .. 'counts', 'webhook:given_up', 1)
      end
    end
  end
  look_again(host)
  if #taken >= most then break end
end
return taken
