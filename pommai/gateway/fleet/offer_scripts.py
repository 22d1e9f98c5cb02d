"""What Redis does in one step for the offers of a fleet, in Lua. Keys, beneath those of the fleet (scripts.py):

| key | holds |
| --- | --- |
| epoch | a random word: another one means that Redis has lost everything meanwhile |
| offers:changes | how often anything below was changed |
| offers:bundles | hash: a bundle's SHA-256, to the number of its change and what it is |
| offers:toys:SHA256 | hash: device id, to the number and what has become of the offer; gone when it is withdrawn |
| offers:words | hash: device id, to the number and what the toy has said last |
| ...:order | sorted set of the same names as each of these hashes, by the number of changes at the time |
| offers:asked | sorted set: pieces of bundles that a gateway waits for, by the time they were asked for |
| offers:piece:SHA256:N | a piece of a bundle, on its way from one gateway to another; gone after a minute |

Whoever reads from one number of changes on learns each register that was changed since, once, as it is now.
"""

from __future__ import annotations

from typing import Final

from pommai.gateway.fleet.offer_words import LONGEST

MOST_ASKED: Final = 1_000
"""Pieces of bundles that all gateways together wait for."""

_COMMON: Final = """
local function late(deadline)
  local time = redis.call('TIME')
  return deadline ~= '' and time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(deadline)
end
local function number(value)
  local found = value and string.match(value, '^' .. string.rep('%d', 16) .. ' ')
  return found and string.sub(found, 1, 16) or string.rep('0', 16)
end
local function set(changes, hash, order, name, text)
  redis.call('HSET', hash, name, text)
  redis.call('ZADD', order, redis.call('INCR', changes), name)
end
"""

PULL: Final = f"""
-- KEYS epoch, changes, hash, order; ARGV a random word, after which number of changes, how many
redis.call('SET', KEYS[1], ARGV[1], 'NX')
local time = redis.call('TIME')
local changes = tonumber(redis.call('GET', KEYS[2]) or '0') or 0
local found = {{}}
local rows = redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. ARGV[2], changes, 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for i = 1, #rows, 2 do
  local size = redis.call('HSTRLEN', KEYS[3], rows[i])
  if #rows[i] <= {LONGEST} and size > 0 and size <= {LONGEST} then
    found[#found + 1] = rows[i]
    found[#found + 1] = redis.call('HGET', KEYS[3], rows[i])
  end
end
local last = #rows > 0 and rows[#rows] or ARGV[2]
return {{redis.call('GET', KEYS[1]), string.format('%.0f', changes), string.format('%.0f', time[1] * 1000 + math.floor(
  time[2] / 1000)), tostring(last), #rows / 2, found}}
"""
"""Gives the epoch, the number of changes there were, the time in ms, the number of the last row that was looked at, how
many that were, and names and values of the rows that make sense."""

MARK: Final = (
    _COMMON
    + """
-- KEYS changes, bundles, their order, toys of this bundle, their order; ARGV deadline, SHA-256, text
if late(ARGV[1]) then return 'late' end
local known = redis.call('HGET', KEYS[2], ARGV[2])
if number(known) >= number(ARGV[3]) then return known == ARGV[3] and 'known' or 'newer' end
local ends = string.sub(ARGV[3], 35, 35) == '-'
if ends or not known or string.sub(known, 18, 33) ~= string.sub(ARGV[3], 18, 33) then
  if ARGV[1] ~= '' and not ends and known and string.sub(known, 35, 35) == '[' then return 'newer' end
  redis.call('DEL', KEYS[4], KEYS[5])
end
set(KEYS[1], KEYS[2], KEYS[3], ARGV[2], ARGV[3])
return 'set'
"""
)
"""Set what is known of a bundle: set, known (as it is), newer (there is something newer, or what an operator brings is
there already), or late."""

ROWS: Final = (
    _COMMON
    + """
-- KEYS changes, hash, its order, bundles; ARGV deadline, SHA-256 or '', most rows, then: device, text
if late(ARGV[1]) then return 'late' end
local made = ''
if ARGV[2] ~= '' then
  local bundle = redis.call('HGET', KEYS[4], ARGV[2])
  if not bundle or string.sub(bundle, 35, 35) == '-' then return 'gone' end
  made = string.sub(bundle, 18, 33)
end
for i = 4, #ARGV, 2 do
  local after = number(ARGV[i + 1])
  if after > number(redis.call('HGET', KEYS[2], ARGV[i])) and after > made then
    set(KEYS[1], KEYS[2], KEYS[3], ARGV[i], ARGV[i + 1])
  end
end
local over = redis.call('ZCARD', KEYS[3]) - tonumber(ARGV[3])
if over > 0 then
  for _, name in ipairs(redis.call('ZRANGE', KEYS[3], 0, over - 1)) do
    redis.call('HDEL', KEYS[2], name)
    redis.call('ZREM', KEYS[3], name)
  end
end
return 'set'
"""
)
"""Set what is newer than what is known of toys: set, late, or gone (the bundle is withdrawn)."""

ASK: Final = f"""
-- KEYS asked; ARGV ms to live, then: pieces
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[i]) end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - {MOST_ASKED})
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return true
"""
"""Ask for pieces of bundles. Questions that nobody has answered for that long are gone."""

TAKE: Final = """
-- KEYS a piece; ARGV most bytes, ms that it is kept for others who want it now
local piece = redis.call('GETRANGE', KEYS[1], 0, ARGV[1] - 1)
if piece ~= '' and redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return piece
"""
"""A piece of a bundle, or nothing."""
