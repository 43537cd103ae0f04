-- Programs: the rules of one revision of an objective.

local CONTEXT = "x-signalbox-context-"

-- An attribute { header or false, baggage or false, type, whether it is a unit }, of the name alone, or of { name, type, whether
-- it is a unit, header or false, baggage or false }. The first is a unit always; what is left out is as with the name alone.
local function attribute(given, isFirst)
  local name, kind, isUnit, header, baggage = given, nil, nil, nil, nil
  if type(given) == "table" then
    name, kind, isUnit, header, baggage = unpack(given, 1, 5)
  end
  if header == nil then
    header, baggage = CONTEXT .. lower(name), name
  end
  return { header, baggage, kind or "string", isUnit or isFirst }
end

local function onlyDefault()
  return 1, false
end

-- A program that selects by itself.
local function selecting(name, revision, attributes, outcomes, choose)
  for index = 1, #attributes do
    attributes[index] = attribute(attributes[index], index == 1)
  end
  choose = choose or onlyDefault
  return { name = name, revision = revision, attributes = attributes, outcomes = outcomes, choose = choose, words = {} }
end

-- What an outcome of a program says: put into words when it is first needed.
local function wordsOf(program, index)
  local words = program.words[index]
  if words == nil then
    words = headersOf(program.name, program.revision, program.outcomes[index])
    program.words[index] = words
  end
  return words
end

-- A program that leaves it to the resolver: the headers to rename, as { from, attribute in lower case }, the end of the routing
-- key that counts until a resolver answers, the other attributes by their names in lower case, or false for one that only baggage
-- has, and how many milliseconds the first question may take. Programs of before ADR 177 end before the others: nothing is asked here.
local function asking(name, renamed, undecided, others, timeout)
  others = others or {}
  local sources = {}
  for index = 1, #renamed do
    renamed[index][2] = CONTEXT .. renamed[index][2]
    sources[index] = renamed[index]
  end
  for index = 1, #others do
    local header = others[index] and CONTEXT .. others[index]
    sources[#sources + 1] = { header, header }
  end
  local call = timeout and { timeout_ms = timeout, send_xff = false }
  return { name = name, renamed = renamed, undecided = name .. "/" .. undecided, sources = sources, call = call }
end

-- What programs use. It comes as local variables, which are found faster than global ones; of those they have none.
local prelude = "local selecting,asking,arm,split,pick,share,position,contains,startsWith,endsWith,semver,type=...\n"
local noGlobals = {}

local function loadProgram(text)
  local chunk = assert(loadstring(prelude .. text, "=program", "t"))
  setfenv(chunk, noGlobals)
  return chunk(selecting, asking, arm, split, pick, share, position, contains, startsWith, endsWith, semver, type)
end

-- Programs by their key. Two generations: a program that is used stays, whatever else comes and goes.
local young, old, youngBytes = {}, {}, 0

-- A heap without many programs is small, and would be marked again after every hundred requests or so.
local function collectSeldom()
  collectgarbage("setpause", 100 + max(100, floor(100 * MAX_GARBAGE_KIB / collectgarbage("count"))))
end

-- The key of a short program is its text. Of a longer one it is "@" and its digest, and the text is metadata: asking for metadata
-- or for a filter context copies all of it, for each request.
local function textOf(key, handle)
  return byte(key) == 64 and handle:virtualHost():metadata():get("program") or key
end

local function programOf(key, handle)
  local program = young[key]
  if program ~= nil then
    return program
  end
  program = old[key]
  if program == nil then
    local text = textOf(key, handle)
    program = loadProgram(text)
    program.size = PROGRAM_BYTES + #text * BYTES_PER_BYTE
    collectSeldom()
  end
  youngBytes = youngBytes + program.size
  if youngBytes > MAX_CACHED_BYTES then
    old, young, youngBytes = young, {}, program.size
  end
  young[key] = program
  return program
end
