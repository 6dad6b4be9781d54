-- Doorbells as kombu would send them (shared/doorbell.py), many at once. ARGV: channel of the events for Flower, then of each
-- doorbell: its broker list, the message, the event
for i = 2, #ARGV, 3 do
  redis.call('LPUSH', ARGV[i], ARGV[i + 1])
  redis.call('PUBLISH', ARGV[1], ARGV[i + 2])
end
