-- A client's jobs, newest first.
-- ARGS: client, status ('': any), limit, cursor (go on below this number; '': from the newest), most (ids to look at)
-- Returns {number to go on below ('': that was all), {id, flat hash, place ({} unless queued)}, ...}
limit = tonumber(limit)
local own, below, left = PREFIX .. 'jobs-of:' .. client, cursor == '' and '+inf' or '(' .. cursor, tonumber(most)
local page = {''}
while true do
  local chunk = redis.call('ZREVRANGEBYSCORE', own, below, '-inf', 'WITHSCORES', 'LIMIT', 0, math.min(left, 100))
  if #chunk == 0 then return page end
  for i = 1, #chunk, 2 do
    local id = chunk[i]
    local stands = redis.call('HGET', job_key(id), 'status')
    if not stands then
      redis.call('ZREM', own, id)
    elseif status == '' or stands == status then
      if #page > limit then  -- one more is there: the caller goes on at it
        page[1] = string.format('%.0f', tonumber(chunk[i + 1]) + 1)
        return page
      end
      page[#page + 1] = {id, redis.call('HGETALL', job_key(id)), stands_at(id)}
    end
    below = '(' .. chunk[i + 1]
  end
  left = left - #chunk / 2
  if left <= 0 then
    page[1] = string.sub(below, 2)
    return page
  end
end
