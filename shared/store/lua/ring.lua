-- Doorbells as kombu would send them (shared/broker/messages.py), many at once.
-- EACH doorbells: list (of the broker), message
for _, doorbell in ipairs(doorbells) do redis.call('LPUSH', doorbell.list, doorbell.message) end
