-- The question to a resolver in its plainest form: one try, with the headers that a decision can depend on. Envoy's own filter for
-- such questions takes twice as long over it; it is behind this one for all that does not succeed here (ADR 177).

local RESOLVERS = "@RESOLVER_CLUSTER@"
-- What a resolver wants to know besides the context, to count and to trace.
local LABELS = { "x-signalbox-traffic-class", "x-signalbox-client", "traceparent", "tracestate" }

local function questionOf(headers, program)
  local question = {
    [":method"] = "POST",
    [":path"] = "@ONE_CALL_PATH@/",
    [":authority"] = RESOLVERS,
    ["x-signalbox-objective"] = program.name,
  }
  for index = 1, #LABELS do
    question[LABELS[index]] = headers:get(LABELS[index])
  end
  local sources, isComplete = program.sources, true
  for index = 1, #sources do
    local from, to = sources[index][1], sources[index][2]
    local value = from and headers:get(from)
    if value then
      question[to] = value
    else
      isComplete = false
    end
  end
  if not isComplete then
    question["baggage"] = headers:get("baggage")
  end
  return question
end

-- What a resolver has decided, as { routing key, config, decision }; nil when none has, or one of them is lacking. When it refuses the
-- request, which another resolver would as well: nil, its status and its words. Ends the life of the headers' handle. Without
-- the cluster of the resolvers a call is an error.
local function askResolver(handle, headers, program)
  local isCalled, answer, body = pcall(handle.httpCall, handle, RESOLVERS, questionOf(headers, program), nil, program.call)
  local status = isCalled and answer[":status"]
  if status == "200" then
    local routingKey, config, decision = answer["x-routing-key"], answer["x-signalbox-config"], answer["x-signalbox-decision"]
    return routingKey and config and decision and { routingKey, config, decision } or nil
  end
  if status and byte(status) == 52 then
    return nil, status, body
  end
  return nil
end
