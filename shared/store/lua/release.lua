-- A worker process has ended: give back at once what ran on it. Safe to repeat.
-- ARGS: worker, blame (crashes|lapses|none), max_attempts, worker_lost (JSON: the failure)
-- Returns {id, priority to ring it with, ...}
local ring, ids = {}, redis.call('SMEMBERS', PREFIX .. 'held:' .. worker)
for _, id in ipairs(ids) do
  if lose(id, blame, #ids == 1, tonumber(max_attempts), worker_lost) then
    ring[#ring + 1] = id
    ring[#ring + 1] = PRIORITIES[1]  -- its turn has passed: the next free row
  end
end
local kind = serves(worker)
if kind then redis.call('ZREM', PREFIX .. 'serves:' .. kind, worker) end
for _, name in ipairs({'held:', 'alone:', 'worker:', 'lapsed:'}) do redis.call('DEL', PREFIX .. name .. worker) end
redis.call('ZREM', PREFIX .. 'workers', worker)
return ring
