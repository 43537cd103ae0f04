-- The context of a request, from its headers (selection/one-call/read-context.ts).

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

-- Whether a value stands for itself: printable ASCII without a comma and without anything encoded. A loop, because LuaJIT compiles
-- it; a pattern it interprets anew for every byte.
local function isPlain(text)
  local length = #text
  if length > MAX_ATTRIBUTE_BYTES then
    return false
  end
  for index = 1, length do
    local code = byte(text, index)
    if code < 0x20 or code > 0x7e or code == 0x25 or code == 0x2c then
      return false
    end
  end
  return true
end

-- The value, a problem when there is none, and the text that a number was read from.
local function readValue(text, kind)
  if kind == "list" then
    return readList(text)
  end
  local decoded, problem = text, nil
  if not isPlain(text) then
    if find(text, ",", 1, true) then
      return nil, "has a comma: send it once, and a comma in its value as %2C"
    end
    decoded, problem = decode(text)
  end
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

-- The context as a list in the order of the attributes, each { header or false, baggage or false, type, whether it is a
-- unit }, and the text of the first, the unit, or nil when there is none; the texts of other units are at the negative of
-- their places. Or nil, the header that is bad, and its problem.
local function readContext(headers, attributes)
  local context, unit = {}, nil
  local baggage
  for index = 1, #attributes do
    local attribute = attributes[index]
    local value, problem, numberText
    local text = attribute[1] and headers:get(attribute[1])
    if text and attribute[3] == "string" and isPlain(text) then
      value = text
    elseif text then
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
    if attribute[4] and value ~= "" then
      local unitText = numberText or (type(value) == "string" and value or nil)
      if index == 1 then
        unit = unitText
      else
        context[-index] = unitText
      end
    end
  end
  return context, unit
end
