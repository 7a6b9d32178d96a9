-- Takes a lease: KEYS are the user's set; ARGV the lease, how many there may be, how long it lasts in milliseconds, and until when it is wanted. Answers 1, 0 when
-- there are so many, or -1 when it is too late; and the time.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local at = string.format('%.0f', now)
if now >= tonumber(ARGV[4]) then return {-1, at} end
local till = string.format('%.0f', now + ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', at)
-- What lasts longer than a lease does was taken when this clock, or that of the Redis before this one, was ahead: it lasts as long as others from now on.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. till, '+inf')) do redis.call('ZADD', KEYS[1], till, id) end
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return {0, at}
end
redis.call('ZADD', KEYS[1], till, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {1, at}
