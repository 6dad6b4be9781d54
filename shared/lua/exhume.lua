-- A dead job has been queued anew: off the list. ARGV: id. Safe to repeat.
redis.call('ZREM', 'sq:dead', ARGV[1])
redis.call('HDEL', 'sq:dead-jobs', ARGV[1])
