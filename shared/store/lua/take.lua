-- A sender takes events that are due, and says that it lives.
-- ARGS: sender, ttl_ms (0: it leaves), most, lease_ms
-- ANSWER: client, host, id, number, lease (its end), url, event (JSON), tries, log (JSON), record (flat)
-- Returns {ANSWER, ...}
-- An event that is not settled before its lease ends is due again: its sender died. Clients take turns, one event each, and
-- none holds more places than it leaves free here: whatever hangs of one, there is room for the others.
local NO_PLACE_MS = 500  -- until a host, or a client, without one is looked at again
local lease, taken = now + tonumber(lease_ms), {}
most, ttl_ms = tonumber(most), tonumber(ttl_ms)
if ttl_ms > 0 then redis.call('ZADD', PREFIX .. 'senders', now + ttl_ms, sender)
else redis.call('ZREM', PREFIX .. 'senders', sender) end
redis.call('ZREMRANGEBYSCORE', PREFIX .. 'senders', '-inf', now)

local function client_of(id)
  return redis.call('HGET', PREFIX .. 'webhook-job:' .. id, 'client') or redis.call('HGET', job_key(id), 'client')
end

-- What an older version put out, and what its sender held that died.
local function move_on(host)
  for _, old in ipairs({'webhook-due:', 'webhook-out:'}) do
    local key = PREFIX .. old .. host
    for _, event in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, 20)) do
      local id, number = string.match(event, '^(.*)/(%d+)$')
      local client = client_of(id)
      redis.call('ZREM', key, event)
      if client then put_out(client, id, number, host, now) end
    end
  end
  local due, held = first_score(PREFIX .. 'webhook-due:' .. host), first_score(PREFIX .. 'webhook-out:' .. host)
  if due or held then redis.call('ZADD', PREFIX .. 'webhooks', math.min(due or held, held or due), host)
  else redis.call('ZREM', PREFIX .. 'webhooks', host) end
end
for _, host in ipairs(redis.call('ZRANGEBYSCORE', PREFIX .. 'webhooks', '-inf', now, 'LIMIT', 0, 20)) do move_on(host) end

local function due_again(client)
  local sending = PREFIX .. 'webhook-sending:' .. client
  local ended = redis.call('ZRANGEBYSCORE', sending, '-inf', now)
  if lease > now then  -- one that ends later than the latest began before the clock stepped back
    for _, event in ipairs(redis.call('ZRANGEBYSCORE', sending, '(' .. lease, '+inf')) do ended[#ended + 1] = event end
  end
  for _, event in ipairs(ended) do
    local id = string.match(event, '^(.*)/%d+$')
    local url = redis.call('HGET', deliveries_key(id), 'url')
    stop_sending(client, event)
    if url then
      redis.call('ZADD', to_host(client, host_of(url)), now, event)
      look_again(client, host_of(url))
    end
  end
end

-- How many events of a client are being sent, and how many to each address.
local function places_of(client)
  local places = {client = client, sending = 0, to = {}}
  for _, at in ipairs(redis.call('HVALS', PREFIX .. 'webhook-at:' .. client)) do
    places.sending, places.to[at] = places.sending + 1, (places.to[at] or 0) + 1
  end
  return places
end

local function begin(client, host, event)
  local id, number = string.match(event, '^(.*)/(%d+)$')
  local kept = redis.call('HMGET', deliveries_key(id), 'url', number, number .. ':tries', number .. ':log')
  local record = redis.call('HGETALL', PREFIX .. 'webhook-job:' .. id)
  if #record == 0 then record = redis.call('HGETALL', job_key(id)) end
  redis.call('ZREM', to_host(client, host), event)
  if not kept[2] or #record == 0 then
    redis.call('HINCRBY', PREFIX .. 'counts', 'webhook:given_up', 1)
    return false
  end
  taken[#taken + 1] = answer({
    client = client,
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
  return true
end

-- One event of a client that has a place. Returns whether there was one.
local function take_one(places)
  local client = places.client
  for _ = 1, 20 do
    local host = redis.call('ZRANGEBYSCORE', PREFIX .. 'webhook-hosts:' .. client, '-inf', now, 'LIMIT', 0, 1)[1]
    if not host then return false end
    local event = redis.call('ZRANGEBYSCORE', to_host(client, host), '-inf', now, 'LIMIT', 0, 1)[1]
    local at = redis.call('GET', PREFIX .. 'webhook-address:' .. host) or host
    local most_there = redis.call('EXISTS', hung_key(client, at)) == 1 and AT_ONCE_TO_HUNG or AT_ONCE
    local held = places.to[at] or 0
    local room = held < most_there
    local begun = event and room and begin(client, host, event)
    if begun then
      redis.call('ZADD', PREFIX .. 'webhook-sending:' .. client, lease, event)
      redis.call('HSET', PREFIX .. 'webhook-at:' .. client, event, at)
      places.sending, places.to[at] = places.sending + 1, held + 1
    end
    look_again(client, host, not room and now + NO_PLACE_MS or nil)
    if begun then return true end
  end
  return false
end

local waiting = {}
for _, client in ipairs(redis.call('ZRANGEBYSCORE', PREFIX .. 'webhook-clients', '-inf', now, 'LIMIT', 0, 100)) do
  due_again(client)
  waiting[#waiting + 1] = places_of(client)
end
while #waiting > 0 and #taken < most do
  local more = {}
  for _, places in ipairs(waiting) do
    if places.sending < most - #taken and take_one(places) then
      more[#more + 1] = places
    else
      redis.call('ZADD', PREFIX .. 'webhook-clients', 'XX', 'GT', now + NO_PLACE_MS, places.client)
    end
  end
  waiting = more
end
return taken
