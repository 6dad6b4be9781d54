-- What a job's clients were told after an event that they know, with the record to tell it by.
-- ARGS: id, number (0: none)
-- Returns {'ok', flat hash, {{number-0, {event, value}}, ...}} | {'gone', client, 0} | {'unknown', '', 0}
local flat = redis.call('HGETALL', job_key(id))
if #flat == 0 then return absent(id) end
return {'ok', flat, redis.call('XRANGE', PREFIX .. 'events:' .. id, '(' .. number .. '-0', '+', 'COUNT', 200)}
