-- Programs: the rules of one revision of an objective.

local library = {
  arm = arm,
  split = split,
  pick = pick,
  share = share,
  position = position,
  contains = contains,
  startsWith = startsWith,
  endsWith = endsWith,
  semver = semver,
  type = type,
}

-- Programs by the digest of their text. Two generations: a program that is used stays, whatever else comes and goes.
local young, old, youngBytes = {}, {}, 0

-- A heap without many programs is small, and would be marked again after every hundred requests or so.
local function collectSeldom()
  collectgarbage("setpause", 100 + max(100, floor(100 * MAX_GARBAGE_KIB / collectgarbage("count"))))
end

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
    collectSeldom()
  end
  youngBytes = youngBytes + size
  if youngBytes > MAX_CACHED_BYTES then
    old, young, youngBytes = young, {}, size
  end
  young[id] = program
  return program
end
