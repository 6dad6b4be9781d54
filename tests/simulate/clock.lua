-- Stands before each script of the store, in place of what a server does by itself: its clock, its ends of life, its chance
-- and its channels. The script below stays word for word what the product runs.
--
-- KEYS[1] is the time (ms). A key ends FAR later than it should, so that the server's own clock never comes to it, and whoever
-- lets time pass deletes what has ended (ends.lua). What a server picks at random is picked by the time; what it publishes is
-- put into a list.
local redis = (function()
  local world, FAR = redis, 4000000000000
  local time_ms = tonumber(KEYS[1])

  local function end_in(call, key, ms)
    if ms <= 0 then return call('DEL', key) end
    return call('PEXPIREAT', key, FAR + time_ms + ms)
  end

  local function left_ms(call, key)
    local at = call('PEXPIRETIME', key)
    return at < 0 and at or math.max(0, at - FAR - time_ms)
  end

  local function members(call, command, key)
    local all = call(command, key)
    table.sort(all)
    return all
  end

  local function any_of(all) return all[time_ms % #all + 1] end

  local SCRIPTED = {
    TIME = function() return {string.format('%.0f', math.floor(time_ms / 1000)), string.format('%.0f', time_ms % 1000 * 1000)} end,
    EXPIRE = function(call, key, s) return end_in(call, key, tonumber(s) * 1000) end,
    PEXPIRE = function(call, key, ms) return end_in(call, key, tonumber(ms)) end,
    PTTL = left_ms,
    TTL = function(call, key)
      local ms = left_ms(call, key)
      return ms < 0 and ms or math.floor((ms + 500) / 1000)
    end,
    SET = function(call, key, value, ...)
      local options = {...}
      for i, option in ipairs(options) do
        if option == 'EX' or option == 'PX' then
          options[i] = 'PXAT'
          options[i + 1] = FAR + time_ms + options[i + 1] * (option == 'EX' and 1000 or 1)
        end
      end
      return call('SET', key, value, unpack(options))
    end,
    SMEMBERS = function(call, key) return members(call, 'SMEMBERS', key) end,
    HKEYS = function(call, key) return members(call, 'HKEYS', key) end,
    SPOP = function(call, key)
      local member = any_of(members(call, 'SMEMBERS', key))
      if member then call('SREM', key, member) end
      return member or false
    end,
    SRANDMEMBER = function(call, key, count) return {any_of(members(call, 'SMEMBERS', key))} end,
    ZRANDMEMBER = function(call, key, count)
      local all, some = call('ZRANGE', key, 0, -1), {}
      for i = 1, #all > 0 and -count or 0 do some[i] = all[(time_ms + i) % #all + 1] end
      return some
    end,
    PUBLISH = function(call, channel, word)
      if channel ~= 'sq:cancel' then return 0 end  -- nobody here listens to the others
      return call('RPUSH', 'words', channel .. ' ' .. word)
    end,
  }

  local function scripted(call)
    return function(command, ...)
      local own = SCRIPTED[command]
      if own then return own(call, ...) end
      return call(command, ...)
    end
  end
  return {call = scripted(world.call), pcall = scripted(world.pcall), acl_check_cmd = world.acl_check_cmd}
end)()
