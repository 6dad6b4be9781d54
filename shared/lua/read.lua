-- One job as it is now, in one round trip. ARGV: id
-- Returns {'ok', flat hash, position (0 unless queued)} | {'gone', client} | {'unknown'}
local id = ARGV[1]
local key = job_key(id)
local flat = redis.call('HGETALL', key)
if #flat == 0 then
  local client = redis.call('GET', 'sq:gone:' .. id)
  if client then return {'gone', client} end
  return {'unknown'}
end
local job = redis.call('HMGET', key, 'status', 'priority')
local position = 0
if job[1] == 'queued' then
  for _, p in ipairs(PRIORITIES) do
    if p == job[2] then
      position = position + (redis.call('ZRANK', 'sq:queued:' .. p, id) or 0) + 1
      break
    end
    position = position + redis.call('ZCARD', 'sq:queued:' .. p)
  end
end
return {'ok', flat, position}
