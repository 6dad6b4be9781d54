-- Doorbells as kombu would send them (shared/broker/messages.py), many at once.
-- ARGS: channel (of the events for Flower)
-- EACH doorbells: list (of the broker), message, event
for _, doorbell in ipairs(doorbells) do
  redis.call('LPUSH', doorbell.list, doorbell.message)
  redis.call('PUBLISH', channel, doorbell.event)
end
