-- Takes a ticket out: KEYS are the ticket and the set of all that wait. The set of its owner's, which the ticket names, lies in the same slot as these.
local got = redis.call('HMGET', KEYS[1], 'value', 'owned')
if not got[1] then return false end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], KEYS[1])
redis.call('ZREM', got[2], KEYS[1])
return got[1]
