-- Keeps notes. Each has the number of its change, so that of two values the later one wins wherever they come from; one that was
-- taken away leaves a mark for a while. Values: "number:+bytes", or "number:-time" for a mark. ARGV: epoch of a new record; then
-- "put", the name and, unless it is to go, the value; or "merge" and names with whole values, which are put where Redis has an older
-- one or none, as after it was emptied or restored; "" in place of a value takes a mark away. Returns the newest change.
if not redis.call('HGET', meta, 'epoch') then begin(ARGV[1]) end
local before = tonumber(redis.call('HGET', meta, 'notes') or '0')
local change = before
local function number(v) return v and tonumber(string.match(v, '^(%d+):')) or 0 end
if ARGV[2] == 'put' then
  change = change + 1
  redis.call('HSET', notes, ARGV[3], num(change) .. ':' .. (ARGV[4] and '+' .. ARGV[4] or '-' .. num(clock())))
else
  local restored = false
  for i = 3, #ARGV, 2 do
    local had, v = redis.call('HGET', notes, ARGV[i]), ARGV[i + 1]
    if v == '' then
      if had and string.match(had, '^%d+:%-') then redis.call('HDEL', notes, ARGV[i]) end
    elseif number(v) > number(had) then
      redis.call('HSET', notes, ARGV[i], v)
      change, restored = math.max(change, number(v)), true
    end
  end
  if restored then change = change + 1 end
end
if change > before then
  redis.call('HSET', meta, 'notes', num(change))
  redis.call('XADD', nudge, 'MAXLEN', 1, '*', 'n', num(change))
end
return num(change)
