-- Selection inside Envoy: the Lua filter of the one-call listener. What an objective's rules say comes with its routes, as
-- a program in the metadata of their virtual host (selection/lua/emit-program.ts); it is loaded once per revision and worker.
-- Everything here is the same as selection/ does in TypeScript: a change of one is a change of both.
--
-- Numbers are doubles. `bit` works on signed 32-bit integers; tobit() takes any double below 2^51 modulo 2^32.

local bor, bxor, tobit = bit.bor, bit.bxor, bit.tobit
local lshift, rshift, rol = bit.lshift, bit.rshift, bit.rol
local byte, char, find, gmatch, gsub, match, sub = string.byte, string.char, string.find, string.gmatch, string.gsub, string.match, string.sub
local log, type, tonumber, loadstring, setfenv = math.log, type, tonumber, loadstring, setfenv

local MAX_ATTRIBUTE_BYTES = @MAX_ATTRIBUTE_BYTES@
-- Bytes of programs in each of the two generations of the cache.
local MAX_CACHED_BYTES = 16 * 1024 * 1024
