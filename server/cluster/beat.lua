-- Says what an instance does, and answers what all do: KEYS are the hash of all; ARGV the instance, what it says, and for how many milliseconds
-- one is listed that is not heard of. Answers the time, and of each instance its name, when it was heard of, and what it said.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', now) .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local out = {string.format('%.0f', now)}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local at, said = string.match(all[i + 1], '^(%d+) (.*)$')
  if at and tonumber(at) > now then -- it was heard when this clock, or that of the Redis before this one, was ahead: from now on it counts
    at = string.format('%.0f', now)
    redis.call('HSET', KEYS[1], all[i], at .. ' ' .. said)
  end
  if at and now - tonumber(at) <= tonumber(ARGV[3]) then
    out[#out + 1] = all[i]
    out[#out + 1] = at
    out[#out + 1] = said
  else
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return out
