"""What one append does inside Redis, in one step that nothing can divide.

A script runs whole or not at all for everybody who looks, and the append-only file takes its writes as one transaction.
The keys of one prefix have it in braces, so that a cluster keeps them together.
"""

from __future__ import annotations

STORED, DUPLICATE, ACROSS, EARLY, FOREIGN = range(5)

# KEYS: log of the channel, heads, lives of the device, used, meta, channels, sizes
# ARGV: epoch, channel, device id, incarnation, counter, events, follows, entry, entries kept, marks per device, marks, bytes
# kept
# Answer: status, offset, mark, lossy events stored
# An entry that reaches across the mark is not stored (ACROSS): only the gateway can cut it, and sends the rest.
# `sizes` has of each channel the bytes that it ever stored, and those that were gone when the limit of bytes was last
# looked at: only when their difference is over the limit the oldest entry is looked at again, and it may go.
APPEND = """
if redis.call('HGET', KEYS[5], 'epoch') ~= ARGV[1] then return {4, 0, 0, 0} end
local mark, lossy = 0, 0
local known = redis.call('HGET', KEYS[3], ARGV[4])
if known then
  local first, second = string.match(known, '^(%d+) (%d+)$')
  mark, lossy = tonumber(first), tonumber(second)
end
local counter, events = tonumber(ARGV[5]), tonumber(ARGV[6])
if counter > 0 then
  if tonumber(ARGV[7]) > mark then return {3, 0, mark, lossy} end
  if counter + events - 1 <= mark then return {1, 0, mark, lossy} end
  if counter <= mark then return {2, 0, mark, lossy} end
  mark = counter + events - 1
else
  lossy = lossy + events
end
local offset = redis.call('HINCRBY', KEYS[2], ARGV[2], 1)
local total, gone = 0, 0
local sizes = redis.call('HGET', KEYS[7], ARGV[2])
if sizes then
  local first, second = string.match(sizes, '^(%d+) (%d+)$')
  total, gone = tonumber(first), tonumber(second)
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[9], string.format('0-%.0f', offset),
  'entry', ARGV[8], 'before', string.format('%.0f', total))
total = total + #ARGV[8]
while total - gone > tonumber(ARGV[12]) do
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  local place = tonumber(string.sub(oldest[1], 3))
  gone = tonumber(oldest[2][4]) or gone
  if place >= offset then break end
  if total - gone > tonumber(ARGV[12]) then
    redis.call('XTRIM', KEYS[1], 'MINID', '=', string.format('0-%.0f', place + 1))
  end
end
redis.call('HSET', KEYS[7], ARGV[2], string.format('%.0f %.0f', total, gone))
if offset == 1 then redis.call('XADD', KEYS[6], '*', 'name', ARGV[2]) end
local turn = redis.call('HINCRBY', KEYS[5], 'turn', 1)
redis.call('HSET', KEYS[3], ARGV[4], string.format('%.0f %.0f', mark, lossy))
redis.call('ZADD', KEYS[4], turn, ARGV[3] .. '\\0' .. ARGV[4])
if not known then
  if redis.call('HLEN', KEYS[3]) > tonumber(ARGV[10]) then
    local oldest, least
    for _, life in ipairs(redis.call('HKEYS', KEYS[3])) do
      local used = tonumber(redis.call('ZSCORE', KEYS[4], ARGV[3] .. '\\0' .. life) or 0)
      if not least or used < least then oldest, least = life, used end
    end
    redis.call('HDEL', KEYS[3], oldest)
    redis.call('ZREM', KEYS[4], ARGV[3] .. '\\0' .. oldest)
  end
  if redis.call('ZCARD', KEYS[4]) > tonumber(ARGV[11]) then
    local gone = redis.call('ZPOPMIN', KEYS[4])[1]
    local device = string.sub(gone, 1, #gone - 9)
    redis.call('HDEL', string.sub(KEYS[3], 1, #KEYS[3] - #ARGV[3]) .. device, string.sub(gone, #gone - 7))
  end
end
return {0, offset, mark, lossy}
"""

# A log whose end was lost goes on under another epoch. KEYS: meta. ARGV: the epoch that is over, the new one.
NEW_EPOCH = """
if redis.call('HGET', KEYS[1], 'epoch') == ARGV[1] then redis.call('HSET', KEYS[1], 'epoch', ARGV[2]) end
return redis.call('HGET', KEYS[1], 'epoch')
"""
