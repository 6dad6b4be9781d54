-- What makes a script all or nothing, whatever refuses it in the middle: Redis itself takes nothing back.
--
-- Before each script that changes jobs shared/store/scripts.py puts what it needs of this, and makes the script the function that
-- `all_or_nothing` gets; its `redis.call('HSET', ...)` is `do_HSET(...)` then, and so for each command that writes. A write is
-- noted first with what takes it back: of a key that was not there its deletion, of any other the value before. A write whose
-- opposite Redis refuses to this user is refused itself. What cannot be taken back waits for the script's end: the next entries of
-- streams, and what is published. After an error, which may as well be a fault of a script that met a broken record, the notes are
-- worked off from the last to the first, and the error is passed on.
local call = redis.call
local NOT_THERE, FOR_EVER = -2, -1  -- answers of PTTL
local notes, noted = {}, 0  -- what takes back: always four, a command, its key, a value or a table of them, one more or false
local lasts = {}  -- by key: how long it was to last when this script first wrote to it (ms)
local known = {}  -- by hash: the fields whose values before are noted
local allowed = {}  -- commands that take back
local entries, streams, words = {}, {}, {}  -- what waits, of streams; what becomes of each; what is published
local removed = {}  -- names of deleted keys until the end

local function require_right(command, place)
  if redis.acl_check_cmd(command, place, place, place, place) then return end
  error({err = 'NOPERM no permissions to run the \'' .. string.lower(command) .. '\' command, or to use its key or channel'})
end

local function allow(command, key)
  if allowed[command] then return end
  require_right(command, key)
  allowed[command] = true
end

local function note(command, key, value, more)
  if not allowed[command] then allow(command, key) end
  notes[noted + 1], notes[noted + 2], notes[noted + 3], notes[noted + 4] = command, key, value or false, more or false
  noted = noted + 4
end

-- How long a key was to last before this script. What was not there goes as a whole, and nothing else of it is noted.
local function meet(key)
  local ms = call('PTTL', key)
  lasts[key] = ms
  if ms == NOT_THERE then note('DEL', key) elseif ms ~= FOR_EVER then allow('PEXPIRE', key) end
  return ms
end

local function was_there(key) return (lasts[key] or meet(key)) ~= NOT_THERE end

-- Returns the fields of a hash that are noted already.
local function noted_of(key)
  local fields = known[key] or {}
  known[key] = fields
  return fields
end

local function note_field(key, field)
  local fields = noted_of(key)
  if fields[field] then return end
  local value = call('HGET', key, field)
  if value then note('HSET', key, field, value) else note('HDEL', key, field) end
  fields[field] = true
end

-- `step` 2: after each field stands a value.
local function note_fields(key, step, ...)
  if select('#', ...) == step then return note_field(key, (...)) end
  local fields, given, new = noted_of(key), {...}, {}
  for i = 1, #given, step do
    if not fields[given[i]] then new[#new + 1] = given[i] end
  end
  if #new == 0 then return end
  for i, value in ipairs(call('HMGET', key, unpack(new))) do
    if value then note('HSET', key, new[i], value) else note('HDEL', key, new[i]) end
    fields[new[i]] = true
  end
end

local function note_value(key)
  local value = call('GET', key)
  if value then note('SET', key, value) else note('DEL', key) end
end

local function note_score(key, member)
  local score = call('ZSCORE', key, member)
  if score then note('ZADD', key, score, member) end
  return score
end

local function do_HSET(key, ...)
  if was_there(key) then note_fields(key, 2, ...) end
  return call('HSET', key, ...)
end

local function do_HSETNX(key, field, value)
  if was_there(key) then note_field(key, field) end
  return call('HSETNX', key, field, value)
end

local function do_HINCRBY(key, field, by)
  if was_there(key) then note_field(key, field) end
  return call('HINCRBY', key, field, by)
end

local function do_HDEL(key, ...)
  if was_there(key) then note_fields(key, 1, ...) end
  return call('HDEL', key, ...)
end

local function do_SET(key, ...)
  if was_there(key) then note_value(key) end
  return call('SET', key, ...)
end

local function do_INCR(key)
  if was_there(key) then note_value(key) end
  return call('INCR', key)
end

local function do_INCRBY(key, by)
  if was_there(key) then note_value(key) end
  return call('INCRBY', key, by)
end

-- Most members are new: one command then puts them there and says so.
local function do_ZADD(key, score, ...)
  if not was_there(key) then return call('ZADD', key, score, ...) end
  allow('ZREM', key)
  if tonumber(score) and select('#', ...) == 1 then
    local member = ...
    if call('ZADD', key, 'NX', score, member) == 1 then
      note('ZREM', key, member)
      return 1
    end
    note_score(key, member)
    return call('ZADD', key, score, member)
  end
  local values, i = {score, ...}, 1
  while not tonumber(values[i]) do i = i + 1 end  -- XX, GT
  for member = i + 1, #values, 2 do
    if not note_score(key, values[member]) then note('ZREM', key, values[member]) end
  end
  return call('ZADD', key, score, ...)
end

local function do_ZREM(key, ...)
  if was_there(key) then
    for i = 1, select('#', ...) do note_score(key, (select(i, ...))) end
  end
  return call('ZREM', key, ...)
end

local function do_ZREMRANGEBYSCORE(key, from, to)
  if was_there(key) then
    for _, member in ipairs(call('ZRANGEBYSCORE', key, from, to)) do note_score(key, member) end
  end
  return call('ZREMRANGEBYSCORE', key, from, to)
end

local function do_SADD(key, ...)
  if not was_there(key) then return call('SADD', key, ...) end
  allow('SREM', key)
  local count = 0
  for i = 1, select('#', ...) do
    local member = select(i, ...)
    if call('SADD', key, member) == 1 then
      note('SREM', key, member)
      count = count + 1
    end
  end
  return count
end

local function do_SREM(key, member)
  if not was_there(key) then return call('SREM', key, member) end
  allow('SADD', key)
  local count = call('SREM', key, member)
  if count == 1 then note('SADD', key, member) end
  return count
end

local function do_SPOP(key)
  was_there(key)
  allow('SADD', key)
  local member = call('SPOP', key)
  if member then note('SADD', key, member) end
  return member
end

local function do_LPOP(key)
  was_there(key)
  allow('LPUSH', key)
  local value = call('LPOP', key)
  if value then note('LPUSH', key, value) end
  return value
end

local function do_LPUSH(key, ...)
  local noting = was_there(key)
  if noting then allow('LPOP', key) end
  call('LPUSH', key, ...)
  if noting then note('LPOP', key, select('#', ...)) end
end

local function do_RPUSH(key, ...)
  local noting = was_there(key)
  if noting then allow('RPOP', key) end
  call('RPUSH', key, ...)
  if noting then note('RPOP', key, select('#', ...)) end
end

local function remove(key)
  if not was_there(key) or call('EXISTS', key) == 0 then return call('DEL', key) end
  local name = REMOVED .. #removed + 1
  allow('DEL', name)
  allow('RENAME', name)
  call('RENAME', key, name)
  note('RENAME', name, key)
  removed[#removed + 1] = name
  return 1
end

local function do_DEL(...)
  for i = 1, select('#', ...) do remove((select(i, ...))) end
end

local function do_RENAME(from, to)
  was_there(from)
  remove(to)
  call('RENAME', from, to)
  note('RENAME', to, from)
  lasts[to] = call('PTTL', to)  -- whatever changes it now would come back with it
end

local function do_COPY(from, to, replace)
  remove(to)
  call('COPY', from, to, replace)
end

local function do_XADD(...) entries[#entries + 1] = {'XADD', ...} end

local function do_XDEL(...) entries[#entries + 1] = {'XDEL', ...} end

local function expire(command, key, value)
  if was_there(key) then allow(lasts[key] == FOR_EVER and 'PERSIST' or 'PEXPIRE', key) end
  return call(command, key, value)
end

local function do_EXPIRE(key, s) return expire('EXPIRE', key, s) end

local function do_PEXPIRE(key, ms)
  local last = entries[#entries]
  if not last or last[2] ~= key then return expire('PEXPIRE', key, ms) end
  entries[#entries + 1] = {'PEXPIRE', key, ms}  -- of a stream that may not be there yet
end

local function do_PUBLISH(channel, word) words[#words + 1], words[#words + 2] = channel, word end

local function write_entry(entry)
  local command, key = entry[1], entry[2]
  if command == 'PEXPIRE' then return expire(command, key, entry[3]) end
  if not was_there(key) then return call(unpack(entry)) end
  local changes = streams[key]
  if not changes then
    changes = {added = {}, dropped = {}}
    streams[key] = changes
    allow('XRANGE', key)
    allow('XADD', key)
    note('DEL', key, false, changes)
  end
  if command == 'XADD' then changes.added[entry[5]] = true
  else changes.dropped[#changes.dropped + 1] = call('XRANGE', key, entry[3], entry[3])[1] end
  return call(unpack(entry))
end

-- The rest, when all else is done.
local function conclude()
  local may = {}
  for i = 1, #words, 2 do
    if not may[words[i]] then require_right('PUBLISH', words[i]) end
    may[words[i]] = true
  end
  for i = 1, #entries do write_entry(entries[i]) end
  for i = 1, #words, 2 do call('PUBLISH', words[i], words[i + 1]) end
  if #removed > 0 then call('DEL', unpack(removed)) end
end

local function take_back()
  local try = redis.pcall
  local function number_of(entry) return tonumber(string.match(entry[1], '^%d+')) end
  local function before(one, other) return number_of(one) < number_of(other) end
  local function write_anew(key, changes)  -- a stream gives no number twice
    local kept = changes.dropped
    for _, entry in ipairs(try('XRANGE', key, '-', '+')) do
      if not changes.added[entry[1]] then kept[#kept + 1] = entry end
    end
    table.sort(kept, before)
    try('DEL', key)
    for _, entry in ipairs(kept) do try('XADD', key, entry[1], unpack(entry[2])) end
  end
  for i = noted - 3, 1, -4 do
    local command, key, value, more = unpack(notes, i, i + 3)
    if type(more) == 'table' then write_anew(key, more)
    elseif more then try(command, key, value, more)
    elseif value then try(command, key, value)
    else try(command, key) end
  end
  for key, ms in pairs(lasts) do
    local now_ms = try('PTTL', key)
    if ms ~= NOT_THERE and now_ms ~= NOT_THERE and now_ms ~= ms then
      if ms == FOR_EVER then try('PERSIST', key) else try('PEXPIRE', key, ms) end
    end
  end
end

local function all_or_nothing(script)
  local whole, answer = pcall(script)
  if whole then
    local ended, fault = pcall(conclude)
    if ended then return answer end
    answer = fault
  end
  take_back()
  error(answer, 0)
end
