-- Selection inside Envoy: the Lua filter of the one-call listener. What an objective's rules say comes with its routes, as
-- a program (selection/lua/emit-program.ts); it is loaded once per revision and worker.
-- Everything here is the same as selection/ does in TypeScript: a change of one is a change of both.
--
-- Numbers are doubles. The functions of `bit` take any double below 2^51 modulo 2^32, and give signed 32-bit integers.

local bxor, rol, rshift = bit.bxor, bit.rol, bit.rshift
local byte, char, find, gmatch, gsub, lower, match, sub = string.byte, string.char, string.find, string.gmatch, string.gsub, string.lower, string.match, string.sub
local log, floor, max, concat = math.log, math.floor, math.max, table.concat
local type, tonumber, unpack, assert, pcall, loadstring, setfenv, collectgarbage = type, tonumber, unpack, assert, pcall, loadstring, setfenv, collectgarbage

local MAX_ATTRIBUTE_BYTES = @MAX_ATTRIBUTE_BYTES@
-- Memory of programs in each of the two generations of the cache, and what was measured of one: so much, and so many bytes more
-- for each byte of its text.
local MAX_CACHED_BYTES = 64 * 1024 * 1024
local PROGRAM_BYTES, BYTES_PER_BYTE = 1300, 4
-- Garbage that may gather before it is collected, unless the heap itself is larger: more is collected with fewer instructions, but
-- no longer fits into the processor's caches (ADR 185).
local MAX_GARBAGE_KIB = 256
