-- What every load for wrk shares: requests that are prepared before it starts, so that making them costs nothing, and one
-- line `RESULT {json}` at the end. Sets wrk's `request` and `done`; wrk.ts puts this folder into LUA_PATH.
local requests = {}
local count = 0
local position = 0

function request()
  -- A large odd step visits them in an order without locality.
  position = (position + 7919) % count
  return requests[position]
end

function done(summary, latency)
  local failures = summary.errors
  print(string.format(
    'RESULT {"requests":%d,"durationMicroseconds":%d,"p50Microseconds":%d,"p99Microseconds":%d,"p999Microseconds":%d,"errors":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    failures.connect + failures.read + failures.write + failures.status + failures.timeout))
end

-- Prepares so many requests: `make` is called with 0, 1 … and answers with each as `wrk.format` gives it.
return function(many, make)
  count = many
  for index = 0, many - 1 do
    requests[index] = make(index)
  end
end
