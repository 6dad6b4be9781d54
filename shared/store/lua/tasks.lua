-- What Flower and Celery's other monitors show: a task for each job, under the job's id.
--
-- Celery's own events are of doorbells, and those ring twice, lead to another's job, come after a job's end, or never: of a
-- follower. So a job's own changes are told in the form of Celery's events (DEPLOYMENT, DATABASE, TASK: where kombu sends them, and of
-- what), in the script that makes the change: each once, whoever made it.
-- Fields of a record: `node` (the worker that last ran it, as Celery names it).
local SHOWN_AS = {succeeded = 'succeeded', failed = 'failed', canceled = 'revoked', expired = 'revoked'}

local function publish_task(id, kind, node, fields)
  local event = string.format('{"type":"task-%s","uuid":%s,"hostname":%s,"timestamp":%.3f%s}',
    kind, cjson.encode(id), cjson.encode(node), now / 1000, fields or '')
  redis.call('PUBLISH', DEPLOYMENT .. '/' .. DATABASE .. '.celeryev/task.' .. kind, '{"body":' .. cjson.encode(event) ..
    ',"content-type":"application/json","content-encoding":"utf-8","headers":{},"properties":{"delivery_info":' ..
    '{"exchange":"celeryev","routing_key":"task.' .. kind .. '"},"delivery_tag":"' .. kind .. '"}}')
end

local function named(id)
  return ',"name":"' .. TASK .. '","args":' .. cjson.encode(id) .. ',"kwargs":"{}","retries":0'
end

-- What a final event says besides; `board`: the storyboard, of a job that succeeded.
local function outcome_of(id, status, before, board)
  if status == 'succeeded' then
    local job = redis.call('HMGET', job_key(id), 'started', 'source')
    local line = string.format('%d scenes, %g s of video, %s', #board.scenes, board.total_duration, job[2])
    return ',"result":' .. cjson.encode(line) .. ',"runtime":' .. (now - job[1]) / 1000
  end
  if status == 'failed' then return ',"exception":' .. cjson.encode(error_code(id)) .. ',"traceback":""' end
  local ran, expired = before == 'running' or before == 'canceling', status == 'expired'
  return ',"terminated":' .. tostring(ran) .. ',"expired":' .. tostring(expired) .. ',"signum":null'
end

local spoke_last  -- the worker; looked at once a script

-- `before`: the status that was shown last; nothing: the job is new. `node`: where it ran last, if it did.
function show_task(id, before, status, board, node)
  spoke_last = spoke_last or redis.call('GET', PREFIX .. 'node') or 'nobody'
  node = node or spoke_last
  if status == 'queued' then
    if before then publish_task(id, 'retried', node, ',"exception":"it waits again","traceback":""')
    else publish_task(id, 'sent', node, named(id)) end
    return
  end
  local kind = SHOWN_AS[status]
  if status == 'running' or (kind and before ~= 'running' and before ~= 'canceling') then
    publish_task(id, 'received', node, named(id))
    if kind ~= 'revoked' then publish_task(id, 'started', node) end
  end
  if kind then publish_task(id, kind, node, outcome_of(id, status, before, board)) end
end
