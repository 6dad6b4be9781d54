-- One job as it is now, in one round trip. ARGV: id
-- Returns {'ok', flat hash, place ({} unless queued)} | {'gone', client, 0} | {'unknown', '', 0}
local id = ARGV[1]
local key = job_key(id)
local flat = redis.call('HGETALL', key)
if #flat == 0 then return absent(id) end
return {'ok', flat, stands_at(id)}
