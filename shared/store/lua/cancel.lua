-- The caller wants a job stopped.
-- ARGS: id, client ('': whoever's it is)
-- Returns {'ok', flat hash as it is now, status before} | {'gone', client, 0} | {'unknown', '', 0}
-- Another client's job is left alone, and a client's of a newer format; the caller refuses both by the record.
local job = redis.call('HMGET', job_key(id), 'status', 'client', 'format')
if not job[1] then return absent(id) end
if client == '' or (job[2] == client and job[3] == FORMAT) then cancel_job(id) end
return {'ok', redis.call('HGETALL', job_key(id)), job[1]}
