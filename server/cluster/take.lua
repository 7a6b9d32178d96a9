-- Takes a ticket out: KEYS are the ticket and the set of all that wait; ARGV until when it is wanted. The set of its owner's, which the ticket names, lies in the
-- same slot as these. Answers 1, or 0 when there is none, or -1 when it is too late; the time; and the value.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local at = string.format('%.0f', now)
if now >= tonumber(ARGV[1]) then return {-1, at} end
local got = redis.call('HMGET', KEYS[1], 'value', 'owned')
if not got[1] then return {0, at} end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], KEYS[1])
redis.call('ZREM', got[2], KEYS[1])
return {1, at, got[1]}
