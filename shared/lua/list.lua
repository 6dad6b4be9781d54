-- A client's jobs, newest first. ARGV: client, status ('': any), limit, number to go on below ('': from the newest), most ids
-- to look at. Returns {number to go on below ('': that was all), {id, flat hash, place ({} unless queued)}, ...}
local client, status, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local own, below, left = 'sq:jobs-of:' .. client, ARGV[4] == '' and '+inf' or '(' .. ARGV[4], tonumber(ARGV[5])
local answer = {''}
while true do
  local chunk = redis.call('ZREVRANGEBYSCORE', own, below, '-inf', 'WITHSCORES', 'LIMIT', 0, math.min(left, 100))
  if #chunk == 0 then return answer end
  for i = 1, #chunk, 2 do
    local id = chunk[i]
    local stands = redis.call('HGET', job_key(id), 'status')
    if not stands then
      redis.call('ZREM', own, id)
    elseif status == '' or stands == status then
      if #answer > limit then  -- one more is there: the caller goes on at it
        answer[1] = string.format('%.0f', tonumber(chunk[i + 1]) + 1)
        return answer
      end
      answer[#answer + 1] = {id, redis.call('HGETALL', job_key(id)), stands_at(id)}
    end
    below = '(' .. chunk[i + 1]
  end
  left = left - #chunk / 2
  if left <= 0 then
    answer[1] = string.sub(below, 2)
    return answer
  end
end
