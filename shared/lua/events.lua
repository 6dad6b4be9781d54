-- What a job's clients were told after an event that they know, with the record to tell it by. ARGV: id, number (0: none)
-- Returns {'ok', flat hash, {{number-0, {event, value}}, ...}} | {'gone', client, 0} | {'unknown', '', 0}
local id = ARGV[1]
local flat = redis.call('HGETALL', job_key(id))
if #flat == 0 then return absent(id) end
return {'ok', flat, redis.call('XRANGE', 'sq:events:' .. id, '(' .. ARGV[2] .. '-0', '+', 'COUNT', 200)}
