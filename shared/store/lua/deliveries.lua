-- What became of a job's webhook events.
-- ARGS: id, client
-- LIST: again (numbers of events to send again; none: just tell)
-- Returns {'ok', {client}, flat hash, {number, 'waiting' | 'sending' and its time (ms), ...}} | as a read
-- An event that is being sent now is on its way already. A receiver that wanted nothing more of the job is asked again.
local key = deliveries_key(id)
local owner = redis.call('HGET', job_key(id), 'client')
if not owner then return absent(id) end
local url = redis.call('HGET', key, 'url')
local host, sending = url and host_of(url), PREFIX .. 'webhook-sending:' .. owner
if owner == client then
  for _, number in ipairs(again) do
    local event = id .. '/' .. number
    if redis.call('HEXISTS', key, number) == 1 and not redis.call('ZSCORE', sending, event) then
      redis.call('HDEL', key, 'disabled')
      redis.call('HSET', key, number .. ':tries', 0)
      if not redis.call('ZSCORE', to_host(owner, host), event) then redis.call('HINCRBY', key, 'pending', 1) end
      put_out(owner, id, number, host, now)
    end
  end
  if #again > 0 and FINAL[redis.call('HGET', job_key(id), 'status')] then keep_unsent(id) end
end
local places = {}
for _, number in ipairs(events_posted(id)) do
  for place, zset in pairs({waiting = to_host(owner, host), sending = sending}) do
    local at = redis.call('ZSCORE', zset, id .. '/' .. number)
    if at then
      places[#places + 1] = number
      places[#places + 1] = place
      places[#places + 1] = at
    end
  end
end
return {'ok', {'client', owner}, redis.call('HGETALL', key), places}
