-- Makes leases last from now on, and takes those again that have run out: KEYS are the users' sets, one for each lease; ARGV how long they last in milliseconds,
-- and the leases.
local t = redis.call('TIME')
local till = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[1])
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], till, ARGV[i + 1])
  redis.call('PEXPIRE', KEYS[i], ARGV[1])
end
return #KEYS
