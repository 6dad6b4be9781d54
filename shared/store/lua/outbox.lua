-- What every script may use: what a job's webhook is told. An event enters the outbox in the script that makes it true, so
-- that none is lost or made up; who sends it and how often is worker/webhooks/.
--
-- The keys, with those of prelude.lua all there are:
--   sq:deliveries:<id>     hash of a job that has a webhook: `url`, `posted` and `pending` (events), `disabled`; of each event
--                          n: <n> (JSON: event, value, at), <n>:tries (of this round), <n>:log (JSON, shared/store/outbox.py)
--   sq:webhook-job:<id>    a copy of a finished record, kept while something of it is still to be sent
--   sq:webhook-line:<client>:<host>  zset of events `<id>/<n>` by the time (ms) of their next try
--   sq:webhook-sending:<client>  zset of those that are being sent, by the end (ms) of their lease, which is also the token of
--                          who sends;  sq:webhook-at:<client>  hash: where each of them goes, an address or, before one is known, a host
--   sq:webhook-hosts:<client>, sq:webhook-clients  zsets of hosts, and of clients, by the time (ms) at which there may be something
--                          to do for them
--   sq:webhook-address:<host>  where its name led last;  sq:webhook-hung:<client>:<address>  it did not answer in time; both for 24 h
--   sq:webhook-due:<host>, sq:webhook-out:<host>, sq:webhooks  the same as older versions keep it; lua/take.lua moves it on
--   sq:senders             zset of the processes that send, by the time (ms) at which their word lapses
local EVENTS_POSTED = 200  -- of one job; from then on only those of a final state
local UNSENT_KEPT_S = 3 * 86400
local AT_ONCE = 4  -- of one client to one address, of all senders together: a receiver that hangs keeps no more places than these
local AT_ONCE_TO_HUNG = 1
local ADDRESS_KEPT_S = 86400

local function deliveries_key(id) return PREFIX .. 'deliveries:' .. id end

local function host_of(url) return string.lower(string.match(url, '^%a+://([^/?#]*)')) end

local function to_host(client, host) return PREFIX .. 'webhook-line:' .. client .. ':' .. host end
local function hung_key(client, at) return PREFIX .. 'webhook-hung:' .. client .. ':' .. at end
local function first_score(key) return tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]) end

-- When should the next sender look at this host, and at its client? `not_before`: it has no place until then.
local function look_again(client, host, not_before)
  local hosts, due = PREFIX .. 'webhook-hosts:' .. client, first_score(to_host(client, host))
  if due then redis.call('ZADD', hosts, math.max(due, not_before or due), host) else redis.call('ZREM', hosts, host) end
  local first, lease = first_score(hosts), first_score(PREFIX .. 'webhook-sending:' .. client)
  if first or lease then
    redis.call('ZADD', PREFIX .. 'webhook-clients', math.min(first or lease, lease or first), client)
  else
    redis.call('ZREM', PREFIX .. 'webhook-clients', client)
  end
end

-- The clock stepped back by so much: nothing waits for as much longer. Of very many only the first.
local function make_due_earlier(by_ms)
  local left = 1000
  for _, client in ipairs(redis.call('ZRANGE', PREFIX .. 'webhook-clients', 0, 999)) do
    for _, host in ipairs(redis.call('ZRANGE', PREFIX .. 'webhook-hosts:' .. client, 0, 99)) do
      local line = to_host(client, host)
      local events = left > 0 and redis.call('ZRANGE', line, 0, math.min(left, 100) - 1, 'WITHSCORES') or {}
      for i = 1, #events, 2 do redis.call('ZADD', line, events[i + 1] - by_ms, events[i]) end
      left = left - #events / 2
      look_again(client, host)
    end
    redis.call('ZADD', PREFIX .. 'webhook-clients', now, client)
  end
end

-- Somebody is sending it no more. Returns whether anybody was.
local function stop_sending(client, event)
  redis.call('HDEL', PREFIX .. 'webhook-at:' .. client, event)
  return redis.call('ZREM', PREFIX .. 'webhook-sending:' .. client, event) == 1
end

-- An event shall be tried at this time. What nobody sent for days is dropped; its hash has ended by then.
local put_out_now = {}  -- lines that this script has put something into already: who looks at them is known
local function put_out(client, id, number, host, at)
  local line = to_host(client, host)
  if put_out_now[line] and at == now then redis.call('ZADD', line, at, id .. '/' .. number) return end
  put_out_now[line] = at == now
  local old = redis.call('ZRANGEBYSCORE', line, '-inf', now - UNSENT_KEPT_S * 1000, 'LIMIT', 0, 10)
  if #old > 0 then redis.call('ZREM', line, unpack(old)) end
  redis.call('ZADD', line, at, id .. '/' .. number)
  look_again(client, host)
end

-- One more event of a job, to be sent if its webhook asks for this kind.
local function post_to(text, client, id, number, event, value, final)
  local webhook, key, subscribed = cjson.decode(text), deliveries_key(id), false
  for _, kind in ipairs(webhook.events) do subscribed = subscribed or kind == event end
  if not subscribed then return end
  local so_far = redis.call('HMGET', key, 'disabled', 'posted', 'pending')
  local posted = (so_far[2] or 0) + 1
  if so_far[1] or (posted > EVENTS_POSTED and not final) then return end
  redis.call('HSET', key, 'url', webhook.url, 'posted', posted, 'pending', (so_far[3] or 0) + 1,
    number, cjson.encode({event = event, value = value, at = now}))
  put_out(client, id, number, host_of(webhook.url), now)
end

function post(id, number, event, value, final)
  if event == 'progress' then return end
  local job = redis.call('HMGET', job_key(id), 'webhook', 'client')
  if job[1] then post_to(job[1], job[2], id, number, event, value, final) end
end

-- The job is done: what is still to be sent outlives its record by a copy, for days at most.
function keep_unsent(id)
  local key = deliveries_key(id)
  if tonumber(redis.call('HGET', key, 'pending') or '0') > 0 then
    redis.call('COPY', job_key(id), PREFIX .. 'webhook-job:' .. id, 'REPLACE')
    redis.call('EXPIRE', PREFIX .. 'webhook-job:' .. id, UNSENT_KEPT_S)
    redis.call('EXPIRE', key, math.max(UNSENT_KEPT_S, redis.call('TTL', job_key(id))))
  else
    redis.call('PEXPIRE', key, redis.call('PTTL', job_key(id)))
  end
end

-- An event will not be tried again. With the last one the copy goes; the log stays as long as the record.
local function no_more_tries(id)
  local key = deliveries_key(id)
  if redis.call('HINCRBY', key, 'pending', -1) > 0 then return end
  redis.call('DEL', PREFIX .. 'webhook-job:' .. id)
  local left_ms = redis.call('PTTL', job_key(id))
  if left_ms ~= -1 then redis.call('PEXPIRE', key, math.max(left_ms, 0)) end
end

-- The numbers of a job's events.
local function events_posted(id)
  local numbers = {}
  for _, field in ipairs(redis.call('HKEYS', deliveries_key(id))) do
    if string.match(field, '^%d+$') then numbers[#numbers + 1] = field end
  end
  return numbers
end

-- A job is deleted: nothing more is sent of it, and no outcome is told.
local function forget_deliveries(id, client)
  local url = redis.call('HGET', deliveries_key(id), 'url')
  if not url then return end
  local host = host_of(url)
  for _, number in ipairs(events_posted(id)) do
    redis.call('ZREM', to_host(client, host), id .. '/' .. number)
    stop_sending(client, id .. '/' .. number)
  end
  redis.call('DEL', deliveries_key(id), PREFIX .. 'webhook-job:' .. id)
  look_again(client, host)
end
