-- What a job's clients were told after an event that they know, with the record to tell it by. ARGV: id, number (0: none)
-- Returns {'ok', flat hash, {{number-0, {event, value}}, ...}} | {'gone', client} | {'unknown'}
local id = ARGV[1]
local flat = redis.call('HGETALL', job_key(id))
if #flat == 0 then
  local client = redis.call('GET', 'sq:gone:' .. id)
  if client then return {'gone', client} end
  return {'unknown'}
end
return {'ok', flat, redis.call('XRANGE', 'sq:events:' .. id, '(' .. ARGV[2] .. '-0', '+', 'COUNT', 200)}
