-- Load for wrk: POSTs resolve requests. Arguments after `--`: objectives, the name of one (`bench`, or `bench-` before a
-- number when there are several). Prints one line `RESULT {json}` at the end.
local requests = {}
local position = 0
local count = 10000

function init(args)
  local objectives, name = tonumber(args[1]), args[2]
  for i = 0, count - 1 do
    local own = objectives == 1 and name or (name .. (i % objectives))
    local body = '{"objective":"' .. own .. '","context":{"userId":"user-' .. i .. '-0f3c9a52","country":"c49","device":"tv"}}'
    requests[i] = wrk.format("POST", "/v1/resolve", { ["content-type"] = "application/json" }, body)
  end
end

function request()
  -- A large odd step visits the objectives in an order without locality.
  position = (position + 7919) % count
  return requests[position]
end

function done(summary, latency, rates)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  print(string.format(
    'RESULT {"requests":%d,"durationMicroseconds":%d,"p50Microseconds":%d,"p99Microseconds":%d,"p999Microseconds":%d,"errors":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9), errors))
end
