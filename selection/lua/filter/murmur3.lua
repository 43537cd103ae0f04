-- murmur3_x86_32 (selection/murmur3.ts).

-- a * (high * 65536 + low) modulo 2^32, for a signed 32-bit a. No product is above 2^47, so that doubles are exact.
local function multiply(a, high, low)
  return tobit(a * low + lshift(tobit(a * high), 16))
end

local function scramble(block)
  return multiply(rol(multiply(block, 0xcc9e, 0x2d51), 15), 0x1b87, 0x3593)
end

local function stir(hash, scrambled)
  return tobit(rol(bxor(hash, scrambled), 13) * 5 + 0xe6546b64)
end

local function avalanche(hash)
  hash = multiply(bxor(hash, rshift(hash, 16)), 0x85eb, 0xca6b)
  hash = multiply(bxor(hash, rshift(hash, 13)), 0xc2b2, 0xae35)
  return bxor(hash, rshift(hash, 16))
end

-- The four bytes of a text from `index` on as an integer, zeros beyond its end.
local function blockAt(text, index)
  local a, b, c, d = byte(text, index, index + 3)
  return bor(a, lshift(b or 0, 8), lshift(c or 0, 16), lshift(d or 0, 24))
end

-- The hash of all that was hashed so far, `bytes` of them into `hash`, followed by `text`.
local function finish(hash, bytes, text)
  local length = #text
  local rest = length % 4
  for index = 1, length - rest, 4 do
    local a, b, c, d = byte(text, index, index + 3)
    hash = stir(hash, scramble(bor(a, lshift(b, 8), lshift(c, 16), lshift(d, 24))))
  end
  if rest > 0 then
    hash = bxor(hash, scramble(blockAt(text, length - rest + 1)))
  end
  return avalanche(bxor(hash, bytes + length))
end
