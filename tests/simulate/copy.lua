-- A copy of all that there is now, in another database. ARGV[1]: its number.
for _, key in ipairs(redis.call('KEYS', 'sq:*')) do redis.call('COPY', key, key, 'DB', ARGV[1]) end
