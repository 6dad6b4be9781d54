-- A sender takes events that are due, and says that it lives. ARGV: sender, ttl_ms (0: it leaves), most, lease_ms
-- Returns {now_ms, {host, id, number, lease end, url, event (JSON), tries, log, flat record}, ...}
-- An event that is not settled before its lease ends is due again: its sender died.
local most, lease = tonumber(ARGV[3]), now + tonumber(ARGV[4])
if tonumber(ARGV[2]) > 0 then redis.call('ZADD', 'sq:senders', now + tonumber(ARGV[2]), ARGV[1])
else redis.call('ZREM', 'sq:senders', ARGV[1]) end
redis.call('ZREMRANGEBYSCORE', 'sq:senders', '-inf', now)
local answer = {now}
for _, host in ipairs(redis.call('ZRANGEBYSCORE', 'sq:webhooks', '-inf', now, 'LIMIT', 0, 100)) do
  local due, out = 'sq:webhook-due:' .. host, 'sq:webhook-out:' .. host
  for _, event in ipairs(redis.call('ZRANGEBYSCORE', out, '-inf', now)) do
    redis.call('ZREM', out, event)
    redis.call('ZADD', due, now, event)
  end
  local free = math.min(most - #answer + 1, AT_ONCE - redis.call('ZCARD', out))
  if free > 0 then
    for _, event in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, free)) do
      redis.call('ZREM', due, event)
      local id, number = string.match(event, '^(.*)/(%d+)$')
      local told = redis.call('HMGET', deliveries_key(id), 'url', number, number .. ':tries', number .. ':log')
      local record = redis.call('HGETALL', 'sq:webhook-job:' .. id)
      if #record == 0 then record = redis.call('HGETALL', job_key(id)) end
      if told[2] and #record > 0 then
        redis.call('ZADD', out, lease, event)
        answer[#answer + 1] = {host, id, number, lease, told[1], told[2], told[3] or '0', told[4] or '[]', record}
      else
        redis.call('HINCRBY', 'sq:counts', 'webhook:given_up', 1)
      end
    end
  end
  look_again(host)
  if #answer > most then break end
end
return answer
