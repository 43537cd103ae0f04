-- Load for wrk: POSTs 1 KB of JSON for one of 1,000 units, to a keyed or to a one-call listener. Arguments after `--`: the
-- listener (`keyed` or `one-call`), the objective. Prints one line `RESULT {json}` at the end.
local requests = {}
local position = 0
local count = 1000

local function body()
  local numbers = {}
  for index = 1, 85 do
    numbers[index] = "0.12345678"
  end
  return '{"inputs":[{"name":"x","shape":[85],"datatype":"FP32","data":[' .. table.concat(numbers, ",") .. ']}]}'
end

function init(args)
  local listener, objective = args[1], args[2]
  local payload = body()
  for index = 0, count - 1 do
    local headers = { ["content-type"] = "application/json" }
    if listener == "keyed" then
      -- What a client sends that has asked the resolver.
      headers["x-routing-key"] = "default/" .. objective .. "/ranker@" .. index % 2
      headers["x-signalbox-decision"] = "objective=default/" .. objective .. ";rule=experiment;variant=control;model=ranker@0;revision=3;reason=rule"
    else
      headers["x-signalbox-objective"] = "default/" .. objective
      headers["x-signalbox-context-userid"] = "user-" .. index .. "-0f3c9a52"
      headers["x-signalbox-context-device"] = "tv"
    end
    requests[index] = wrk.format("POST", "/infer", headers, payload)
  end
end

function request()
  position = (position + 7) % count
  return requests[position]
end

function done(summary, latency, rates)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  print(string.format(
    'RESULT {"requests":%d,"durationMicroseconds":%d,"p50Microseconds":%d,"p99Microseconds":%d,"p999Microseconds":%d,"errors":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9), errors))
end
