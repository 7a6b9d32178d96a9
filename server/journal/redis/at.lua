-- Finds the place after which what was recorded from a time on begins, as in bolt/at.go: back from the newest event in steps that
-- double, then by halving. It changes nothing. ARGV: the time. Returns {epoch, place}, or {0, 0} where nothing was ever recorded.
local t = tonumber(ARGV[1])
local epoch, head = redis.call('HGET', meta, 'epoch'), get('seq')[1] or 0
if not epoch or head == 0 then return {'0', '0'} end

-- held returns the place of the first event held from one place on and before another, and when it was recorded.
local function held(from, before)
  local place, at
  for class = 0, 2 do
    local e = redis.call('XRANGE', streams[class], num(from) .. '-0', num(before - 1) .. '-0', 'COUNT', 1)[1]
    if e then
      place, at = tonumber(string.match(e[1], '^%d+')), struct.unpack('>I6', e[2][2], 2)
      before = place
    end
  end
  local k = redis.call('ZRANGEBYSCORE', kept, num(from), '(' .. num(before), 'LIMIT', 0, 1)[1]
  if k then
    local digits = string.match(k, '^%d+')
    place, at = tonumber(digits), struct.unpack('>I6', k, #digits + 3)
  end
  return place, at
end

-- What is held at low was recorded before t, or low is 0; the next that is held from high on was not, or there is none.
local low, high, later, step = 0, head + 1, false, 1
while high - low > 1 do
  local mid = low + math.floor((high - low) / 2)
  if low == 0 and step < high then mid, step = high - step, 2 * step end
  local place, at = held(mid, high)
  if place and at < t then
    low = place
  else
    high, later = mid, later or place ~= nil
  end
end
if not later then low = head end
return {epoch, num(low)}
