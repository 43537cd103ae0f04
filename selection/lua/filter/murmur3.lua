-- murmur3_x86_32 (selection/murmur3.ts). Where it runs interpreted, a call costs more than arithmetic: so there are few
-- functions, and what is to be taken modulo 2^32 stays a larger double until the next function of `bit` does that.
--
-- `a * low + a * high % 65536 * 65536` is a * (high * 65536 + low) modulo 2^32; for a 32-bit a it stays below 2^51.

local function scramble(block)
  local turned = rol(block * 0x2d51 + block * 0xcc9e % 65536 * 65536, 15)
  return turned * 0x3593 + turned * 0x1b87 % 65536 * 65536
end

local function stir(hash, scrambled)
  return rol(bxor(hash, scrambled), 13) * 5 + 0xe6546b64
end

-- The finished hash, from 0 to 2^32 - 1.
local function avalanche(hash)
  hash = bxor(hash, rshift(hash, 16))
  hash = hash * 0xca6b + hash * 0x85eb % 65536 * 65536
  hash = bxor(hash, rshift(hash, 13))
  hash = hash * 0xae35 + hash * 0xc2b2 % 65536 * 65536
  return bxor(hash, rshift(hash, 16)) % 4294967296
end

-- The four bytes of a text from `index` on as an integer, zeros beyond its end.
local function blockAt(text, index)
  local a, b, c, d = byte(text, index, index + 3)
  return a + (b or 0) * 256 + (c or 0) * 65536 + (d or 0) * 16777216
end

-- The hash of all that was hashed so far, `bytes` of them into `hash`, followed by `text`.
local function finish(hash, bytes, text)
  local length = #text
  local rest = length % 4
  for index = 1, length - rest, 4 do
    local a, b, c, d = byte(text, index, index + 3)
    local turned = a + b * 256 + c * 65536 + d * 16777216
    turned = rol(turned * 0x2d51 + turned * 0xcc9e % 65536 * 65536, 15)
    hash = rol(bxor(hash, turned * 0x3593 + turned * 0x1b87 % 65536 * 65536), 13) * 5 + 0xe6546b64
  end
  if rest > 0 then
    hash = bxor(hash, scramble(blockAt(text, length - rest + 1)))
  end
  return avalanche(bxor(hash, bytes + length))
end
