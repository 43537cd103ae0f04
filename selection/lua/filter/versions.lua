-- Semantic versions and their ranges, as npm's semver has them (config/version-range.ts).

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
