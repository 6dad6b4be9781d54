-- A worker process has ended: give back at once what ran on it. ARGV: worker, blame (crashes|lapses|none), max_attempts,
-- worker_lost (JSON). Returns {id, priority to ring it with, ...}. Safe to repeat.
local worker = ARGV[1]
local ring, ids = {}, redis.call('SMEMBERS', 'sq:held:' .. worker)
for _, id in ipairs(ids) do
  if lose(id, ARGV[2], #ids == 1, tonumber(ARGV[3]), ARGV[4]) then
    ring[#ring + 1] = id
    ring[#ring + 1] = 'high'  -- its turn has passed: the next free row
  end
end
local kind = serves(worker)
if kind then redis.call('ZREM', 'sq:serves:' .. kind, worker) end
redis.call('DEL', 'sq:held:' .. worker, 'sq:alone:' .. worker, 'sq:worker:' .. worker, 'sq:lapsed:' .. worker)
redis.call('ZREM', 'sq:workers', worker)
return ring
