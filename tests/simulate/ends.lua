-- What has ended by now is gone. KEYS[1]: the time (ms), which clock.lua explains. Returns how many keys.
local FAR, gone = 4000000000000, 0
for _, key in ipairs(redis.call('KEYS', 'sq:*')) do
  local at = redis.call('PEXPIRETIME', key)
  if at >= 0 and at - FAR <= tonumber(KEYS[1]) then
    redis.call('DEL', key)
    gone = gone + 1
  end
end
return gone
