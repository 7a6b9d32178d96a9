-- Takes out some of what is too old or too much. Any number of instances may run it, one after the other comes to the same. ARGV:
-- the clock by which events age, dedup window, most events to take out; then for each class its greatest age (0: none) and bytes (0:
-- any); then how many states of one server stay whose types are not in the catalogue, and the states that are in it. Returns {more to do, newest place trimmed of each class}.
local now, window, room = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local more = 0
local m = get('seq', 'b0', 'b1', 'b2', 'bk', 'done', 't0', 't1', 't2', 'strays')
if not m[1] then return {0, '0', '0', '0'} end
local bytes, trimmed = {[0] = m[2] or 0, m[3] or 0, m[4] or 0}, {[0] = m[7] or 0, m[8] or 0, m[9] or 0}
local keptbytes, done, changed = m[5] or 0, m[6] or 0, false
local wrong = strange(streams[0], 'stream', streams[1], 'stream', streams[2], 'stream', kept, 'zset', latest, 'hash', seen, 'hash', seenlog, 'stream',
  writers, 'hash', breaks, 'zset', strays, 'zset')
if wrong then return redis.error_reply(wrong) end

-- What takes nothing goes first: a Redis that is full lets a script write on only after that.
for class = 0, 2 do
  local age, limit = tonumber(ARGV[4 + 2 * class]), tonumber(ARGV[5 + 2 * class])
  local target = limit
  if bytes[class] > limit then target = limit - math.floor(limit / 16) end -- some more at once
  local stop = age == 0 and (limit == 0 or bytes[class] <= target)
  while not stop do
    local entries = redis.call('XRANGE', streams[class], '-', '+', 'COUNT', math.min(room, 50))
    stop = #entries == 0
    local through, stays = nil, {}
    for i = 1, #entries do
      local place, record = string.match(entries[i][1], '^(%d+)'), entries[i][2][2]
      local old = age > 0 and now - struct.unpack('>I6', record, 2) > age
      local much = limit > 0 and bytes[class] > target
      if room == 0 or not old and not much then
        stop = true
        break
      end
      room = room - 1
      through = place
      bytes[class] = bytes[class] - #record - OVERHEAD
      if class == 0 and redis.call('HGET', latest, topic(record)) == place then
        stays[#stays + 1] = {place, place .. ':' .. record}
        keptbytes = keptbytes + #record + OVERHEAD
      else
        trimmed[class] = math.max(trimmed[class], tonumber(place))
      end
    end
    if through then
      changed = true
      redis.call('XTRIM', streams[class], 'MINID', through .. '-1')
      if class == 0 then done = tonumber(through) end
      for i = 1, #stays do redis.call('ZADD', kept, stays[i][1], stays[i][2]) end
    end
    if room == 0 then stop, more = true, 1 end
  end
end

-- Publishers' ids, in the order in which they came.
local entries = redis.call('XRANGE', seenlog, '-', '+', 'COUNT', 50)
local through = nil
for i = 1, #entries do
  local f = entries[i][2]
  if now - tonumber(f[2]) < window then break end
  through = entries[i][1]
  local gone, keys = {}, f[4]
  for k = 1, #keys, 16 do
    local key = string.sub(keys, k, k + 15)
    local v = redis.call('HGET', seen, key)
    if v and now - tonumber(string.match(v, ' (%d+)$')) >= window then gone[#gone + 1] = key end
    if #gone == 500 or #gone > 0 and k + 16 > #keys then
      redis.call('HDEL', seen, unpack(gone))
      gone = {}
    end
  end
  if #gone > 0 then redis.call('HDEL', seen, unpack(gone)) end
end
if through then
  redis.call('XTRIM', seenlog, 'MINID', string.match(through, '^%d+') .. '-1')
  if #entries == 50 then more = 1 end
end

-- Writers that have not been heard of for an hour will not ask again.
local wall, old = clock(), {}
local w = redis.call('HGETALL', writers)
for i = 1, #w, 2 do
  if wall - (tonumber(string.match(w[i + 1], '^%d+ (%d+) ')) or 0) > 3600000 then old[#old + 1] = w[i] end
end
for i = 1, #old do redis.call('HDEL', writers, old[i]) end

-- What was kept is looked at once, in its order, also what a telltale kept that knew no bound: of types that are not in the catalogue
-- only the newest of each server stay. One costs some four times what it costs to trim an event.
local counted, looks = m[10] or 0, math.ceil(tonumber(ARGV[3]) / 4)
if counted < done then
  changed = true
  redis.call('ZREM', strays, '') -- takes nothing, and so goes first
  local most, known = tonumber(ARGV[10]), {}
  for i = 11, #ARGV do known[ARGV[i]] = true end
  while counted < done and looks > 0 do
    local list = redis.call('ZRANGEBYSCORE', kept, '(' .. num(counted), num(done), 'LIMIT', 0, math.min(looks, 50))
    if #list == 0 then counted = done end
    looks = looks - #list
    for i = 1, #list do
      local place = string.match(list[i], '^(%d+)')
      local t = topic(string.sub(list[i], #place + 2))
      if not known[string.match(t, '^[^%z]+')] then
        local name, server = stray(place, t)
        local from, to = '[' .. server .. '\0', '(' .. server .. '\1'
        redis.call('ZADD', strays, 0, name)
        for _ = most + 1, redis.call('ZLEXCOUNT', strays, from, to) do
          local oldest = redis.call('ZRANGEBYLEX', strays, from, to, 'LIMIT', 0, 1)[1]
          local at = num(tonumber(string.sub(oldest, #server + 2, #server + 17)))
          local was = redis.call('ZRANGEBYSCORE', kept, at, at)[1]
          redis.call('ZREM', strays, oldest)
          if was then -- an older telltale may have taken it out
            redis.call('ZREM', kept, was)
            redis.call('HDEL', latest, string.sub(oldest, #server + 18) .. '\0' .. server)
            keptbytes = keptbytes - (#was - #at - 1) - OVERHEAD
            trimmed[0] = math.max(trimmed[0], tonumber(at))
          end
        end
      end
      counted = tonumber(place)
    end
  end
  if counted < done then more = 1 end
end

if changed then
  redis.call('HSET', meta, 'b0', num(bytes[0]), 'b1', num(bytes[1]), 'b2', num(bytes[2]), 'bk', num(keptbytes), 'done', num(done),
    'strays', num(counted), 't0', num(trimmed[0]), 't1', num(trimmed[1]), 't2', num(trimmed[2]))
end
return {more, num(trimmed[0]), num(trimmed[1]), num(trimmed[2])}
