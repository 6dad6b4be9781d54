-- What became of a job's webhook events. ARGV: id, client, then numbers of events to send again (none: just tell)
-- Returns {'ok', {client}, flat hash, {number, 'waiting' | 'sending' and its time (ms), ...}} | as a read
-- An event that is being sent now is on its way already. A receiver that wanted nothing more of the job is asked again.
local id, key = ARGV[1], deliveries_key(ARGV[1])
local client = redis.call('HGET', job_key(id), 'client')
if not client then return absent(id) end
local url = redis.call('HGET', key, 'url')
local host = url and host_of(url)
if client == ARGV[2] then
  for i = 3, #ARGV do
    local event = id .. '/' .. ARGV[i]
    if redis.call('HEXISTS', key, ARGV[i]) == 1 and not redis.call('ZSCORE', 'sq:webhook-out:' .. host, event) then
      redis.call('HDEL', key, 'disabled')
      redis.call('HSET', key, ARGV[i] .. ':tries', 0)
      if not redis.call('ZSCORE', 'sq:webhook-due:' .. host, event) then redis.call('HINCRBY', key, 'pending', 1) end
      put_out(id, ARGV[i], host, now)
    end
  end
  if #ARGV > 2 and FINAL[redis.call('HGET', job_key(id), 'status')] then keep_unsent(id) end
end
local places = {}
for _, number in ipairs(events_posted(id)) do
  for place, zset in pairs({waiting = 'sq:webhook-due:', sending = 'sq:webhook-out:'}) do
    local at = redis.call('ZSCORE', zset .. host, id .. '/' .. number)
    if at then
      places[#places + 1] = number
      places[#places + 1] = place
      places[#places + 1] = at
    end
  end
end
return {'ok', {'client', client}, redis.call('HGETALL', key), places}
