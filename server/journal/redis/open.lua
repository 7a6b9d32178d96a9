-- ARGV: epoch of a new record. Returns the epoch of the record and the clock.
local epoch = redis.call('HGET', meta, 'epoch')
if not epoch then
  begin(ARGV[1])
  epoch = ARGV[1]
end
return {epoch, num(clock())}
