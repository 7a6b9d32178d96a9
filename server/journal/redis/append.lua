-- Records a batch, all of it or nothing. ARGV: writer, number of its batch, the publisher's clock, dedup window, the latest time
-- by Redis's clock at which this may run, epoch of a new record; then for each event its class, key or nothing, record.
-- Returns {epoch first repeats, clock, bytes of each class}, the repeats as "index:place,...": the others follow one another from
-- first on.
local writer, batch, now, window = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local wall = clock()

-- A batch that ran is answered as it was then. An older one came too late: its publisher has been told so.
local last = redis.call('HGET', writers, writer)
if last then
  local b, reply = string.match(last, '^(%d+) %d+ (.*)$')
  if tonumber(b) == batch then return {reply, num(wall)} end
  if tonumber(b) > batch then return redis.error_reply('SUPERSEDED by a later batch') end
end
if wall > tonumber(ARGV[5]) then return redis.error_reply('EXPIRED ' .. num(wall)) end

-- Nothing is written before all is known.
local epoch = redis.call('HGET', meta, 'epoch')
local fresh = not epoch
if fresh then epoch = ARGV[6] end
local m = get('seq', 'b0', 'b1', 'b2', 'bk', 'done', 't0')
-- A record that does not know its newest place is no record to go on with: all that it holds would seem to be left over.
if not fresh and not m[1] then return redis.error_reply('WRONGTYPE ' .. meta .. ' does not say what the newest place is') end
local seq = m[1] or 0
local bytes = {[0] = m[2] or 0, m[3] or 0, m[4] or 0}
local keptbytes, done, trimmed = m[5] or 0, m[6] or 0, m[7] or 0

local known, ask = {}, {}
for i = 8, #ARGV, 3 do
  if ARGV[i] ~= '' then ask[#ask + 1] = ARGV[i] end
end
if not fresh then
  for from = 1, #ask, 1000 do
    local to = math.min(from + 999, #ask)
    local v = redis.call('HMGET', seen, unpack(ask, from, to))
    for i = from, to do
      if v[i - from + 1] then
        local place, at = string.match(v[i - from + 1], '^(%d+) (%d+)$')
        if now - tonumber(at) < window then known[ask[i]] = place end
      end
    end
  end
end

local put, repeats, keyed = {}, {}, {}
local n = 0
for i = 8, #ARGV, 3 do
  local key = ARGV[i]
  if key ~= '' and known[key] then
    repeats[#repeats + 1] = num((i - 8) / 3) .. ':' .. known[key]
  else
    put[#put + 1] = i
    if key ~= '' then
      known[key] = -#put -- its place is not known yet
      keyed[#keyed + 1] = #put
    end
  end
end

local first, base, run = seq + 1, nil, nil
if #put > 0 and not fresh then
  run = identity()
  if run ~= redis.call('HGET', meta, 'run') then
    -- This server may have lost what others saw: leave out the places it may have given to that. Where there is nothing to
    -- keep, a new epoch does it.
    if seq == 0 then
      fresh, epoch = true, ARGV[6]
    else
      base = math.max((wall - BEGINNING) * STEP, seq + STEP)
      first = base + 1
    end
  end
end
for j = 1, #repeats do
  local i, place = string.match(repeats[j], '^(%d+):(-?%d+)$')
  if tonumber(place) < 0 then repeats[j] = i .. ':' .. num(first - 1 - tonumber(place)) end
end
local reply = epoch .. ' ' .. num(first) .. ' ' .. table.concat(repeats, ',')

if #put == 0 then
  redis.call('HSET', writers, writer, ARGV[2] .. ' ' .. num(wall) .. ' ' .. reply)
  return {reply, num(wall), num(bytes[0]), num(bytes[1]), num(bytes[2])}
end

-- What is thrown away by a Redis that is full and told to, counts as taken out by retention, so that who misses it is told.
local lost, over = {}, {}
if not fresh then
  local uses = {}
  for j = 1, #put do uses[tonumber(ARGV[put[j] - 1])] = true end
  local ask = {breaks, 'zset', seen, 'hash', seenlog, 'stream'}
  for class in pairs(uses) do
    ask[#ask + 1], ask[#ask + 2] = streams[class], 'stream'
  end
  if uses[0] then
    for _, k in ipairs({kept, 'zset', strays, 'zset', latest, 'hash'}) do ask[#ask + 1] = k end
  end
  local wrong, missing = strange(unpack(ask))
  if wrong then return redis.error_reply(wrong) end
  for class in pairs(uses) do
    if missing[streams[class]] then
      if bytes[class] > 0 then lost[class], bytes[class] = seq, 0 end
    elseif #redis.call('XRANGE', streams[class], num(seq + 1) .. '-0', '+', 'COUNT', 1) > 0 then
      over[#over + 1] = streams[class]
    end
  end
  if uses[0] and keptbytes > 0 and missing[kept] then
    trimmed, keptbytes = math.max(trimmed, done), 0
  end
  if lost[0] then trimmed = math.max(trimmed, seq) end
end

-- From here on nothing can fail but the first write, for want of memory or because this is a replica. It changes nothing. What the writer did is noted
-- last, should there be a command that we may not use.
redis.call('HSET', meta, 'seq', num(seq))
if fresh then begin(epoch) end
-- What comes after the newest place nobody was told of: a script that failed put it there, or somebody else did.
for i = 1, #over do
  local entries
  repeat
    entries = redis.call('XRANGE', over[i], num(seq + 1) .. '-0', '+', 'COUNT', 100)
    for k = 1, #entries do redis.call('XDEL', over[i], entries[k][1]) end
  until #entries == 0
  redis.call('XSETID', over[i], num(seq) .. '-0')
end
for class, through in pairs(lost) do redis.call('HSET', meta, 't' .. class, num(through)) end
if base then
  redis.call('ZADD', breaks, num(base), num(seq))
  redis.call('HSET', meta, 'run', run)
end
for j = 1, #put do
  local i = put[j]
  local place, class, record = first + j - 1, tonumber(ARGV[i - 1]), ARGV[i + 1]
  redis.call('XADD', streams[class], num(place) .. '-0', 'e', record)
  bytes[class] = bytes[class] + #record + OVERHEAD
  if class == 0 then
    local t = topic(record)
    local old = redis.call('HGET', latest, t)
    if old and tonumber(old) <= done then -- retention has passed it, it was kept for being the latest
      local was = redis.call('ZRANGEBYSCORE', kept, old, old)[1]
      if was then
        redis.call('ZREM', kept, was)
        redis.call('ZREM', strays, (stray(old, t)))
        keptbytes = keptbytes - (#was - #old - 1) - OVERHEAD
      end
      trimmed = math.max(trimmed, tonumber(old))
    end
    redis.call('HSET', latest, t, num(place))
  end
end
if #keyed > 0 then
  local args, keys = {}, {}
  for j = 1, #keyed do
    local key = ARGV[put[keyed[j]]]
    keys[j] = key
    args[#args + 1] = key
    args[#args + 1] = num(first + keyed[j] - 1) .. ' ' .. ARGV[3]
    if #args == 1000 or j == #keyed then
      redis.call('HSET', seen, unpack(args))
      args = {}
    end
  end
  redis.call('XADD', seenlog, num(first) .. '-0', 'at', ARGV[3], 'keys', table.concat(keys))
end
redis.call('HSET', meta, 'seq', num(first + #put - 1), 'b0', num(bytes[0]), 'b1', num(bytes[1]), 'b2', num(bytes[2]),
  'bk', num(keptbytes), 't0', num(trimmed))
redis.call('HSET', writers, writer, ARGV[2] .. ' ' .. num(wall) .. ' ' .. reply)
return {reply, num(wall), num(bytes[0]), num(bytes[1]), num(bytes[2])}
