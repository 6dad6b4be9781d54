-- A worker process has ended: give back at once what ran on it. Safe to repeat.
-- ARGS: worker, blame (crashes|lapses|none), max_attempts, worker_lost (JSON: the failure)
-- Returns {'1' while more are left: ask again, id, lane to ring it in, ...}
local PIECE = 16
local ids = redis.call('SMEMBERS', PREFIX .. 'held:' .. worker)
local count = math.min(#ids, PIECE)
if #ids - count == 1 then count = count - 1 end  -- one that is left over would look as if it had run alone
local ring = {#ids > count and '1' or '0'}
for i = 1, count do
  local id = ids[i]
  if lose(id, blame, #ids == 1, tonumber(max_attempts), worker_lost) then
    ring[#ring + 1] = id
    ring[#ring + 1] = first_lane_of(id)  -- its turn has passed: the next free row
  end
  redis.call('SREM', PREFIX .. 'held:' .. worker, id)
end
if #ids > count then return ring end
local kind = serves(worker)
if kind then redis.call('ZREM', PREFIX .. 'serves:' .. kind, worker) end
for _, name in ipairs({'held:', 'alone:', 'worker:', 'lapsed:'}) do redis.call('DEL', PREFIX .. name .. worker) end
redis.call('ZREM', PREFIX .. 'workers', worker)
return ring
