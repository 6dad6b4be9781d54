-- Jobs that came in together never were: too few replicas have them, and their client is told so.
-- ARGS: client, key (of idempotency; '': none), batch ('': none)
-- LIST: ids
-- Returns 'ok' | 'started' (one of them at least was: all stay) | 'absent' (none of them is there)
local there = {}
for _, id in ipairs(ids) do
  local job = redis.call('HMGET', job_key(id), 'status', 'attempt')
  if job[1] then
    if job[2] ~= '0' or held(job[1]) then return 'started' end
    there[#there + 1] = id
  end
end
if #there == 0 then return 'absent' end
for i = #there, 1, -1 do  -- followers before those whom they follow
  local id = there[i]
  local job = redis.call('HMGET', job_key(id), 'status', 'cost')
  if not FINAL[job[1]] then  -- else another's result answered it
    dequeue(id, lane_of_job(id), client, job[2])
    redis.call('ZREM', PREFIX .. 'expiring', id)
    redis.call('HINCRBY', PREFIX .. 'active', client, -1)
    show_task(id, 'queued', 'canceled')
    parted(id, 'canceled')
  end
  redis.call('DEL', job_key(id), PREFIX .. 'events:' .. id, PREFIX .. 'gone:' .. id)
  forget_deliveries(id, client)
  redis.call('ZREM', PREFIX .. 'jobs-of:' .. client, id)
  redis.call('PUBLISH', PREFIX .. 'changed', id)
end
if batch ~= '' then redis.call('DEL', PREFIX .. 'batch:' .. batch, PREFIX .. 'batch-jobs:' .. batch) end
if key ~= '' then redis.call('DEL', once_key(client, key)) end
return 'ok'
