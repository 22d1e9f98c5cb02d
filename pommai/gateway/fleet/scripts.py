"""What Redis does for a fleet in one step, in Lua: several commands that nobody comes between.

Redis's own clock is the only one that counts, so that the gateways' clocks may be wrong. Numbers that are compared are
text of 16 digits: of two such texts, the one that sorts later is the later number.

Keys, all beneath `pommai:{FLEET}:`, of which the braces keep them on one machine of a cluster:

| key | holds |
| --- | --- |
| epoch | a random word: another one means that Redis has lost everything meanwhile |
| clock | the highest number given out: of a persona that was set, of a toy that has connected |
| wanted | hash: device id or *, to the number and the persona that was set |
| changes | how often `wanted` was changed |
| gateways | sorted set: each gateway, by the time at which it counts as dead unless it says otherwise before |
| seats:GATEWAY | hash: device id, to the number and the session; gone when its gateway counts as dead |
| news | stream: changes, orders, toys that came back elsewhere, and how many toys were told |
| alerts | stream: what a grown-up should know |
"""

from __future__ import annotations

from typing import Final

MOST_NEWS: Final = 10_000
MOST_ALERTS: Final = 1_000
"""Entries of the streams; older ones go. A gateway that was away for longer has the state all the same."""

_COMMON: Final = """
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function text(number)
  return string.format('%016.0f', number)
end
local function good(value)
  local number = value and string.match(value, '^' .. string.rep('%d', 16) .. ' ') or ''
  return number ~= '' and number <= '4503599627370496 ' and value or nil
end
local function clock(key, seen)
  local before = tonumber(redis.call('GET', key) or '0') or 0
  local value = math.min(4503599627370496, math.max(before + 1, now(), (tonumber(seen) or 0) + 1))
  redis.call('SET', key, text(value))
  return text(value)
end
"""

BEAT: Final = (
    _COMMON
    + """
-- KEYS epoch, gateways, own seats, changes; ARGV me, ms to live, a random word
redis.call('SET', KEYS[1], ARGV[3], 'NX')
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now())
redis.call('ZADD', KEYS[2], now() + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[4]) or '0', redis.call('HLEN', KEYS[3]), text(now())}
"""
)
"""I live. Gives the epoch, the number of changes, how many seats are known of me, and the time."""

PUT: Final = (
    _COMMON
    + f"""
-- KEYS clock, wanted, changes, news, gateways; ARGV me, where, persona, highest number seen, deadline, id of the change
if now() > tonumber(ARGV[5]) then return false end
local entry = clock(KEYS[1], ARGV[4]) .. ' ' .. ARGV[3]
if ARGV[2] == '*' then redis.call('DEL', KEYS[2]) end
redis.call('HSET', KEYS[2], ARGV[2], entry)
redis.call('INCR', KEYS[3])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', {MOST_NEWS}, '*',
  'kind', 'wanted', 'from', ARGV[1], 'id', ARGV[6], 'where', ARGV[2], 'entry', entry)
return {{entry, redis.call('ZRANGEBYSCORE', KEYS[5], now(), '+inf')}}
"""
)
"""Set who toys are to be; nothing when it comes after its deadline. Gives the entry, and the gateways that live."""

ORDER: Final = (
    _COMMON
    + f"""
-- KEYS news, gateways; ARGV me, order, deadline, id
if now() > tonumber(ARGV[3]) then return false end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', {MOST_NEWS}, '*',
  'kind', 'order', 'from', ARGV[1], 'id', ARGV[4], 'order', ARGV[2])
return {{'', redis.call('ZRANGEBYSCORE', KEYS[2], now(), '+inf')}}
"""
)
"""Have all gateways tell their toys; nothing when it comes after its deadline. Gives the gateways that live."""

MERGE: Final = (
    _COMMON
    + f"""
-- KEYS clock, wanted, changes, news; ARGV me, most entries, then: where, entry
for i = 3, #ARGV, 2 do
  local where, entry = ARGV[i], ARGV[i + 1]
  local known, all = good(redis.call('HGET', KEYS[2], where)), good(redis.call('HGET', KEYS[2], '*'))
  local fits = known or where == '*' or redis.call('HLEN', KEYS[2]) < tonumber(ARGV[2])
  if fits and (not known or known < entry) and (not all or all < entry) then
    redis.call('HSET', KEYS[2], where, entry)
    redis.call('INCR', KEYS[3])
    redis.call('XADD', KEYS[4], 'MAXLEN', '~', {MOST_NEWS}, '*',
      'kind', 'wanted', 'from', ARGV[1], 'id', '', 'where', where, 'entry', entry)
  end
  local number = tonumber(string.sub(entry, 1, 16))
  if number > (tonumber(redis.call('GET', KEYS[1]) or '0') or 0) then redis.call('SET', KEYS[1], text(number)) end
end
return true
"""
)
"""Add what was set while nobody could be asked, or is not known here any more. What is later counts."""

CLAIM: Final = (
    _COMMON
    + f"""
-- KEYS clock, gateways, news, own seats; ARGV me, begin of the keys of seats, ms to live, highest number seen,
-- then: device, session, persona, number ('' for one that has just connected)
local numbers = {{}}
local others = redis.call('ZRANGEBYSCORE', KEYS[2], now(), '+inf')
for i = 5, #ARGV, 4 do
  local device, session, number = ARGV[i], ARGV[i + 1], ARGV[i + 3]
  if number == '' then number = clock(KEYS[1], ARGV[4]) end
  for _, other in ipairs(others) do
    local held = other ~= ARGV[1] and good(redis.call('HGET', ARGV[2] .. other, device))
    if held and held < number then
      redis.call('HDEL', ARGV[2] .. other, device)
      redis.call('XADD', KEYS[3], 'MAXLEN', '~', {MOST_NEWS}, '*',
        'kind', 'moved', 'from', ARGV[1], 'id', '', 'session', string.match(held, ' (%w+) ') or '')
    elseif held then
      number = ''
      break
    end
  end
  if number ~= '' then
    redis.call('HSET', KEYS[4], device, number .. ' ' .. session .. ' ' .. ARGV[i + 2])
  end
  numbers[#numbers + 1] = number
end
redis.call('PEXPIRE', KEYS[4], ARGV[3])
return numbers
"""
)
"""These toys are mine. Of each its number; '' when it has connected to another gateway since."""

RELEASE: Final = """
-- KEYS own seats; ARGV: device, session
for i = 1, #ARGV, 2 do
  local held = redis.call('HGET', KEYS[1], ARGV[i])
  if held and string.find(held, ' ' .. ARGV[i + 1] .. ' ', 1, true) then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return true
"""
"""These have left."""
