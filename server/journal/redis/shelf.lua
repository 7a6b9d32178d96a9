-- Puts blocks on the shelf, all of them or none. KEYS from the fifteenth on are the hashes of drawers. ARGV: epoch and number of the place
-- the blocks are made up to; 1 to make that the mark; how many drawers there are; their names; then for each block which drawer it
-- lies in, counted from 1, its name, and "+" and its value or "-" to take it away. Returns 1, or 0 when the shelf is ahead of it.
local made = tonumber(ARGV[2])
local m = redis.call('HMGET', meta, 'epoch', 'seq', 'mark')
if m[1] ~= ARGV[1] or made > tonumber(m[2]) then return 0 end
if m[3] then
  local epoch, mark = string.match(m[3], '^(%d+) (%d+)$')
  if epoch == ARGV[1] and made <= tonumber(mark) then return 0 end
end
-- A place in a stretch that was left out is one that a server had given which lost it: nothing here was made of that.
local gap = redis.call('ZRANGEBYSCORE', breaks, ARGV[2], '+inf', 'LIMIT', 0, 1)[1]
if gap and made > tonumber(gap) then return 0 end

local n = tonumber(ARGV[4])
for i = 1, n do redis.call('ZADD', drawers, 0, ARGV[4 + i]) end
for i = 5 + n, #ARGV, 3 do
  local drawer, value = KEYS[14 + tonumber(ARGV[i])], ARGV[i + 2]
  if value == '-' then
    redis.call('HDEL', drawer, ARGV[i + 1])
  else
    redis.call('HSET', drawer, ARGV[i + 1], string.sub(value, 2))
  end
end
if ARGV[3] == '1' then redis.call('HSET', meta, 'mark', ARGV[1] .. ' ' .. ARGV[2]) end
return 1
