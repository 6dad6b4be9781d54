-- How many of a client's jobs are in each state, a piece of them at a time.
-- ARGS: client, cursor (go on below this number; '': from the newest), most (ids to look at)
-- Returns {number to go on below ('': that was all), flat {status, count, ...}}
local ids = redis.call('ZREVRANGEBYSCORE', PREFIX .. 'jobs-of:' .. client, cursor == '' and '+inf' or '(' .. cursor, '-inf',
  'WITHSCORES', 'LIMIT', 0, tonumber(most))
local counts, flat = {}, {}
for i = 1, #ids, 2 do
  local status = redis.call('HGET', job_key(ids[i]), 'status')
  if status then counts[status] = (counts[status] or 0) + 1 end  -- else its record has expired
end
for status, count in pairs(counts) do
  flat[#flat + 1] = status
  flat[#flat + 1] = count
end
return {#ids == 2 * most and ids[#ids] or '', flat}
