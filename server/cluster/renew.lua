-- Makes leases last from now on, and takes those again that have run out: KEYS are the users' sets, one for each lease; ARGV how long they last in milliseconds,
-- until when that is wanted, and the leases. Answers 1, or -1 when it is too late; and the time.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local at = string.format('%.0f', now)
if now >= tonumber(ARGV[2]) then return {-1, at} end
local till, swept = string.format('%.0f', now + ARGV[1]), {}
for i = 1, #KEYS do
  if not swept[KEYS[i]] then
    swept[KEYS[i]] = true
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', at)
    -- As acquire.lua: nothing lasts longer than a lease does.
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i], '(' .. till, '+inf')) do redis.call('ZADD', KEYS[i], till, id) end
  end
  redis.call('ZADD', KEYS[i], till, ARGV[i + 2])
  redis.call('PEXPIRE', KEYS[i], ARGV[1])
end
return {1, at}
