-- Keeps a ticket: KEYS are the ticket, the set of all that wait, and that of its owner's; ARGV the value, how long it lasts in milliseconds, and how many
-- may wait in all and of one owner. Answers 1, or 0 where there is no room.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for i = 2, 3 do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', string.format('%.0f', now))
  if redis.call('ZCARD', KEYS[i]) >= tonumber(ARGV[i + 1]) then return 0 end
end
for i = 2, 3 do
  redis.call('ZADD', KEYS[i], string.format('%.0f', now + ARGV[2]), KEYS[1])
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
end
redis.call('HSET', KEYS[1], 'value', ARGV[1], 'owned', KEYS[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
