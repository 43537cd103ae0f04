-- What becomes of a request.

-- The answer is written by the listener's local replies, from these two headers.
local function refuse(handle, headers, status, code, message)
  headers:replace("x-signalbox-error", code)
  headers:replace("x-signalbox-error-message", message)
  handle:respond({ [":status"] = status }, "")
end

-- The listener has taken away what the client says in these headers, so that there is nothing to replace.
local function decide(headers, words, decision, model)
  headers:add("x-routing-key", words[1])
  headers:add("x-signalbox-config", words[2])
  headers:add("x-signalbox-decision", decision)
  headers:add("x-signalbox-model", model)
end

-- Leaves it to Envoy's filter for questions: puts attributes that come in headers of their own under the names that the resolver
-- reads. The routing key, which an answer replaces, leads to what counts when no resolver answers.
local function leaveToFilter(handle, headers, program)
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
  headers:add("x-routing-key", program.undecided)
  handle:streamInfo():dynamicMetadata():set("@ASKING_NAMESPACE@", "@ASKING_KEY@", true)
end

-- Overrides, which come with a secret, and all that a resolver neither decides nor refuses are the filter's.
local function decideByResolver(handle, headers, program)
  local words, status, refusal = nil, nil, nil
  if program.call and not headers:get("x-signalbox-override") then
    words, status, refusal = askResolver(handle, headers, program)
    headers = handle:headers()
  end
  if status then
    headers:replace("x-signalbox-error", "@REFUSED_BY_RESOLVER@")
    return handle:respond({ [":status"] = status }, refusal or "")
  end
  if words == nil then
    return leaveToFilter(handle, headers, program)
  end
  decide(headers, words, words[3], sub(words[1], #program.name + 2))
end

function envoy_on_request(handle)
  local key = handle:filterContext():get("program")
  if not key then
    return
  end
  local headers = handle:headers()
  local program = programOf(key, handle)
  if headers:get("x-signalbox-objective") ~= program.name then
    return refuse(handle, headers, "400", "invalid_request", "x-signalbox-objective must be <namespace>/<objective>, once")
  end
  if program.renamed then
    return decideByResolver(handle, headers, program)
  end
  if headers:get("x-signalbox-override") then
    return refuse(handle, headers, "403", "override_denied", "the rules of this objective run inside Envoy, which knows no tokens")
  end
  local context, unit, problem = readContext(headers, program.attributes)
  if context == nil then
    return refuse(handle, headers, "400", "invalid_request", unit .. " " .. problem)
  end
  local index, isUnitMissing = program.choose(context, unit, handle)
  local words = wordsOf(program, index)
  decide(headers, words, words[isUnitMissing and 4 or 3], words[5])
end
