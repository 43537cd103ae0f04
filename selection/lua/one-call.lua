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

---------------------------------------------------------------------------------------------------- murmur3_x86_32

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

---------------------------------------------------------------------------------------------------- splits

-- { weight, outcome, scrambled last block, bytes, scrambled whole blocks }: what of an arm's name needs no unit.
local function arm(weight, outcome, name)
  local length = #name
  local rest = length % 4
  local blocks = {}
  for index = 1, length - rest, 4 do
    blocks[#blocks + 1] = scramble(blockAt(name, index))
  end
  local last = rest == 0 and 0 or scramble(blockAt(name, length - rest + 1))
  return { weight, outcome, last, length, blocks }
end

-- { hash of the salt's whole blocks, how many bytes they are, the rest of the salt, arms }. The salt has its colon.
local function split(salt, arms)
  local whole = #salt - #salt % 4
  local hash = 0
  for index = 1, whole, 4 do
    hash = stir(hash, scramble(blockAt(salt, index)))
  end
  return { hash, whole, sub(salt, whole + 1), arms }
end

-- The outcome of the arm that a unit falls into: weighted rendezvous (docs/bucketing.md).
local function pick(split, unit)
  local bucket = finish(split[1], split[2], split[3] .. unit)
  local arms = split[4]
  local best, bestScore
  for index = 1, #arms do
    local arm = arms[index]
    local hash = bucket
    local blocks = arm[5]
    for block = 1, #blocks do
      hash = stir(hash, blocks[block])
    end
    hash = avalanche(bxor(hash, arm[3], arm[4]))
    if hash < 0 then
      hash = hash + 4294967296
    end
    local score = -log((hash + 0.5) / 4294967296) / arm[1]
    if bestScore == nil or score < bestScore then
      best, bestScore = arm[2], score
    end
  end
  return best
end

---------------------------------------------------------------------------------------------------- operators

local function contains(value, operand)
  if type(value) == "string" then
    return type(operand) == "string" and find(value, operand, 1, true) ~= nil
  end
  if type(value) ~= "table" then
    return false
  end
  for index = 1, #value do
    if value[index] == operand then
      return true
    end
  end
  return false
end

local function startsWith(value, operand)
  return type(value) == "string" and sub(value, 1, #operand) == operand
end

local function endsWith(value, operand)
  return type(value) == "string" and #value >= #operand and sub(value, #value - #operand + 1) == operand
end

-- A numeric identifier of a version, without a leading zero and small enough to be exact; nil otherwise.
local function numeric(text)
  if not find(text, "^%d+$") or (#text > 1 and byte(text) == 48) or #text > 16 then
    return nil
  end
  return tonumber(text)
end

-- Pre-release identifiers as a list, numeric ones as numbers; nil when one is bad. `a..b` has an empty, bad one.
local function identifiers(text)
  local list = {}
  for part in gmatch(text .. ".", "([^.]*)%.") do
    if part == "" or find(part, "[^%w-]") then
      return nil
    end
    if find(part, "^%d+$") then
      if #part > 1 and byte(part) == 48 then
        return nil
      end
      list[#list + 1] = tonumber(part)
    else
      list[#list + 1] = part
    end
  end
  return list
end

-- { major, minor, patch, pre-release } of a semantic version, as npm's semver reads it strictly; nil when it is none.
local function version(text)
  if #text > 256 then
    return nil
  end
  local core, rest = match(text, "^%s*v?([%d.]+)([^%s]*)%s*$")
  if core == nil then
    return nil
  end
  local major, minor, patch = match(core, "^(%d+)%.(%d+)%.(%d+)$")
  if major == nil then
    return nil
  end
  major, minor, patch = numeric(major), numeric(minor), numeric(patch)
  if major == nil or minor == nil or patch == nil then
    return nil
  end
  if major > 9007199254740991 or minor > 9007199254740991 or patch > 9007199254740991 then
    return nil
  end
  local plus = find(rest, "+", 1, true)
  if plus ~= nil then
    local build = sub(rest, plus + 1)
    if find(build, "[^%w.-]") or find(build, "%.%.") or build == "" or find(build, "^%.") or find(build, "%.$") then
      return nil
    end
    rest = sub(rest, 1, plus - 1)
  end
  local pre
  if rest ~= "" then
    if byte(rest) ~= 45 then
      return nil
    end
    pre = identifiers(sub(rest, 2))
    if pre == nil then
      return nil
    end
  end
  return { major, minor, patch, pre }
end

-- -1, 0 or 1: precedence of two pre-release lists (Semantic Versioning 2.0, 11.4).
local function comparePre(a, b)
  if a == nil or b == nil then
    return a == b and 0 or (a == nil and 1 or -1)
  end
  for index = 1, math.max(#a, #b) do
    local x, y = a[index], b[index]
    if x ~= y then
      if x == nil or y == nil then
        return x == nil and -1 or 1
      end
      local isNumber, isOther = type(x) == "number", type(y) == "number"
      if isNumber ~= isOther then
        return isNumber and -1 or 1
      end
      return x < y and -1 or 1
    end
  end
  return 0
end

local function compareVersions(a, b)
  for index = 1, 3 do
    if a[index] ~= b[index] then
      return a[index] < b[index] and -1 or 1
    end
  end
  return comparePre(a[4], b[4])
end

-- The last text that was taken apart, because several rules often ask for ranges of the same attribute.
local lastText, lastVersion

-- Ranges are alternatives of comparators { operator, version }.
local function semver(value, ranges)
  if type(value) ~= "string" then
    return false
  end
  if value ~= lastText then
    lastText, lastVersion = value, version(value)
  end
  local parsed = lastVersion
  if parsed == nil then
    return false
  end
  for index = 1, #ranges do
    local comparators = ranges[index]
    local holds = true
    for each = 1, #comparators do
      local operator = comparators[each][1]
      local order = compareVersions(parsed, comparators[each][2])
      if operator == "<" then
        holds = order < 0
      elseif operator == "<=" then
        holds = order <= 0
      elseif operator == ">" then
        holds = order > 0
      elseif operator == ">=" then
        holds = order >= 0
      else
        holds = order == 0
      end
      if not holds then
        break
      end
    end
    if holds then
      return true
    end
  end
  return false
end

---------------------------------------------------------------------------------------------------- context

-- Whether bytes are UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
local function isUtf8(text)
  local index, length = 1, #text
  while index <= length do
    local first = byte(text, index)
    if first < 0x80 then
      index = index + 1
    else
      local more, low, high
      if first >= 0xc2 and first <= 0xdf then
        more, low, high = 1, 0x80, 0xbf
      elseif first >= 0xe0 and first <= 0xef then
        more, low, high = 2, first == 0xe0 and 0xa0 or 0x80, first == 0xed and 0x9f or 0xbf
      elseif first >= 0xf0 and first <= 0xf4 then
        more, low, high = 3, first == 0xf0 and 0x90 or 0x80, first == 0xf4 and 0x8f or 0xbf
      else
        return false
      end
      for offset = 1, more do
        local next = byte(text, index + offset)
        if next == nil or next < low or next > high then
          return false
        end
        low, high = 0x80, 0xbf
      end
      index = index + more + 1
    end
  end
  return true
end

local function decodeByte(digits)
  return char(tonumber(digits, 16))
end

-- Percent-encoded UTF-8; bytes that are not encoded stand for themselves. nil and a problem when it is bad.
local function decode(text)
  if find(text, "[^ -$&-~]") then
    if find(gsub(text, "%%%x%x", ""), "%", 1, true) then
      return nil, "has a % that two hexadecimal digits do not follow; send % as %25"
    end
    text = gsub(text, "%%(%x%x)", decodeByte)
    if #text > MAX_ATTRIBUTE_BYTES then
      return nil, "has more than " .. MAX_ATTRIBUTE_BYTES .. " bytes"
    end
    if not isUtf8(text) then
      return nil, "is not UTF-8 in percent-encoding"
    end
  elseif #text > MAX_ATTRIBUTE_BYTES then
    return nil, "has more than " .. MAX_ATTRIBUTE_BYTES .. " bytes"
  end
  return text
end

-- Without the spaces and tabs around it, in one pass: a pattern that ends in [ \t]*$ takes time quadratic in the text.
local function trim(text)
  local first = find(text, "[^ \t]")
  if first == nil then
    return ""
  end
  local last = #text
  while byte(text, last) == 32 or byte(text, last) == 9 do
    last = last - 1
  end
  return sub(text, first, last)
end

-- A number as JSON writes it: at most 15 digits, no exponent, no needless zeros.
local function plainNumber(text)
  if #text > 17 or #gsub(text, "[-.]", "") > 15 then
    return nil
  end
  if find(text, "^-?[1-9]%d*$") or text == "0" then
    return tonumber(text)
  end
  local whole = match(text, "^-?(%d+)%.%d*[1-9]$")
  if whole == nil or (#whole > 1 and byte(whole) == 48) or find(text, "^-?0%.000000") then
    return nil
  end
  return tonumber(text)
end

local function readList(text)
  local list = {}
  if trim(text) == "" then
    return list
  end
  for part in gmatch(text .. ",", "([^,]*),") do
    local member, problem = decode(trim(part))
    if member == nil then
      return nil, problem
    end
    list[#list + 1] = member
  end
  return list
end

-- The value, a problem when there is none, and the text that a number was read from.
local function readValue(text, kind)
  if kind == "string" and #text <= MAX_ATTRIBUTE_BYTES and not find(text, "[^ -$&-+.-~%-]") then
    return text
  end
  if kind == "list" then
    return readList(text)
  end
  if find(text, ",", 1, true) then
    return nil, "has a comma: send it once, and a comma in its value as %2C"
  end
  local decoded, problem = decode(text)
  if decoded == nil or kind == "string" then
    return decoded, problem
  end
  if kind == "number" then
    return plainNumber(decoded) or decoded, nil, decoded
  end
  if decoded == "true" then
    return true
  end
  if decoded == "false" then
    return false
  end
  return decoded
end

-- The members of W3C baggage as sent, the first of each name.
local function readBaggage(text)
  local members = {}
  for part in gmatch(text .. ",", "([^,]*),") do
    local name, value = match(match(part, "^[^;]*"), "^([^=]*)=(.*)$")
    if name ~= nil then
      name = trim(name)
      if members[name] == nil then
        members[name] = trim(value)
      end
    end
  end
  return members
end

-- The context as a list in the order of the attributes, each { header or false, baggage or false, type }, and the text of
-- the first, the unit, or nil when there is none. Or nil, the header that is bad, and its problem.
local function readContext(headers, attributes)
  local context, unit = {}, nil
  local baggage
  for index = 1, #attributes do
    local attribute = attributes[index]
    local value, problem, numberText
    local text = attribute[1] and headers:get(attribute[1])
    if text then
      value, problem, numberText = readValue(text, attribute[3])
      if value == nil then
        return nil, attribute[1], problem
      end
    elseif attribute[2] then
      if baggage == nil then
        baggage = headers:get("baggage")
        baggage = baggage and readBaggage(baggage) or {}
      end
      local member = baggage[attribute[2]]
      if member ~= nil then
        value, problem, numberText = readValue(member, attribute[3])
      end
    end
    context[index] = value
    if index == 1 and value ~= "" then
      unit = numberText or (type(value) == "string" and value or nil)
    end
  end
  return context, unit
end

---------------------------------------------------------------------------------------------------- programs

local library = {
  arm = arm,
  split = split,
  pick = pick,
  contains = contains,
  startsWith = startsWith,
  endsWith = endsWith,
  semver = semver,
  type = type,
}

-- Programs by the digest of their text. Two generations: a program that is used stays, whatever else comes and goes.
local young, old, youngBytes = {}, {}, 0

-- Asking for metadata copies all of it, whatever its size: so the digest is kept apart, and only a program that is not
-- known yet is asked for.
local function programOf(id, handle)
  local program = young[id]
  if program ~= nil then
    return program
  end
  program = old[id]
  local size = program and program.size
  if program == nil then
    local text = handle:virtualHost():metadata():get("program")
    local chunk = loadstring(text, "=program", "t")
    setfenv(chunk, library)
    program = chunk()
    size = #text
    program.size = size
  end
  youngBytes = youngBytes + size
  if youngBytes > MAX_CACHED_BYTES then
    old, young, youngBytes = young, {}, size
  end
  young[id] = program
  return program
end

---------------------------------------------------------------------------------------------------- requests

-- The answer is written by the listener's local replies, from these two headers.
local function refuse(handle, headers, status, code, message)
  headers:replace("x-signalbox-error", code)
  headers:replace("x-signalbox-error-message", message)
  handle:respond({ [":status"] = status }, "")
end

local function decide(headers, outcome, decision)
  headers:replace("x-routing-key", outcome[1])
  headers:replace("x-signalbox-config", outcome[2])
  headers:replace("x-signalbox-decision", decision)
end

-- Puts attributes that come in headers of their own under the names that the resolver reads, and has ready what counts when
-- no resolver answers: the default, or a routing key that is refused. An answer takes the last header away again.
local function prepareForResolver(headers, program)
  local renamed = program.renamed
  for index = 1, #renamed do
    local from, to = renamed[index][1], renamed[index][2]
    local value = headers:get(from)
    if value then
      headers:replace(to, value)
    else
      headers:remove(to)
    end
  end
  local fallback = program.fallback
  headers:replace("x-routing-key", fallback[1])
  if fallback[2] then
    headers:replace("x-signalbox-config", fallback[2])
    headers:replace("x-signalbox-decision", fallback[3])
    headers:replace("x-signalbox-fallback", "resolver-unavailable")
  else
    headers:replace("x-signalbox-error", "selection_unavailable")
  end
end

function envoy_on_request(handle)
  local id = handle:filterContext():get("id")
  if not id then
    return
  end
  local headers = handle:headers()
  local program = programOf(id, handle)
  if headers:get("x-signalbox-objective") ~= program.name then
    return refuse(handle, headers, "400", "invalid_request", "x-signalbox-objective must be <namespace>/<objective>, once")
  end
  if program.choose == nil then
    return prepareForResolver(headers, program)
  end
  if headers:get("x-signalbox-override") then
    return refuse(handle, headers, "403", "override_denied", "the rules of this objective run inside Envoy, which knows no tokens")
  end
  local context, unit, problem = readContext(headers, program.attributes)
  if context == nil then
    return refuse(handle, headers, "400", "invalid_request", unit .. " " .. problem)
  end
  local index, isUnitMissing = program.choose(context, unit)
  local outcome = program.outcomes[index]
  decide(headers, outcome, outcome[isUnitMissing and 4 or 3])
end
