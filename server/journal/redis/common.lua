-- What all scripts begin with. KEYS are those of keys.go, in its order.
local meta, streams = KEYS[1], {[0] = KEYS[2], KEYS[3], KEYS[4]}
local kept, latest, seen, seenlog = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local writers, breaks, nudge, notes = KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local drawers, strays = KEYS[13], KEYS[14]

local OVERHEAD = 24        -- what an event is counted with besides its record
local STEP = 1024          -- places that a break leaves behind for each millisecond: more than a Redis can give
local BEGINNING = 1767225600000 -- 2026, so that places stay short

local function num(n) return string.format('%.0f', n) end

local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- identity names this life of this server: it changes when the server is started again, or another takes its place.
local function identity()
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
  local id = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
  return string.sub(run, 1, 20) .. string.sub(id, 1, 20)
end

local function get(...)
  local v = redis.call('HMGET', meta, ...)
  for i = 1, #v do v[i] = v[i] and tonumber(v[i]) end
  return v
end

-- strange returns what is the matter where a key holds what no script here has put there, so that it is found out before anything is written:
-- a script that fails later has done the half of it. Arguments: keys, each with its type. Second it returns the keys that are not there.
local function strange(...)
  local asked, missing = {...}, {}
  for i = 1, #asked, 2 do
    local is = redis.call('TYPE', asked[i])
    is = is.ok or is
    if is == 'none' then
      missing[asked[i]] = true
    elseif is ~= asked[i + 1] then
      return 'WRONGTYPE ' .. asked[i] .. ' holds a ' .. is .. ', which is not of this record', missing
    end
  end
  return nil, missing
end

-- begin makes a new record where there is none, with an epoch nobody has seen. Remnants of one whose head is lost go.
local function begin(epoch)
  redis.call('UNLINK', streams[0], streams[1], streams[2], kept, latest, seen, seenlog, breaks, strays)
  redis.call('HSET', meta, 'epoch', epoch, 'seq', '0', 'run', identity())
  redis.call('XADD', nudge, 'MAXLEN', 1, '*', 'e', epoch)
end

-- topic returns the type and server of a record.
local function topic(record)
  return string.sub(record, 10, 9 + struct.unpack('>I2', record, 8))
end

-- stray returns how a kept state whose type is not in the catalogue stands among the strays: by server, then place, sixteen digits,
-- then type. Second it returns the server.
local function stray(place, topic)
  local zero = string.find(topic, '\0', 1, true)
  local server = string.sub(topic, zero + 1)
  return server .. '\0' .. string.format('%016.0f', tonumber(place)) .. string.sub(topic, 1, zero - 1), server
end
