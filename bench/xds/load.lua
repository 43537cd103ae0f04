-- Load for wrk: POSTs a small JSON body with one of many routing keys of the benchmark's table. Arguments after `--`:
-- objectives, shards, keys per objective. Prints one line `RESULT {json}` at the end.
local requests = {}
local position = 0
-- As many prepared requests whatever the number of keys, so that reading them costs the load generator the same.
local count = 10000

function init(args)
  local objectives, shards, keys = tonumber(args[1]), tonumber(args[2]), tonumber(args[3])
  local total = objectives * keys
  for i = 0, count - 1 do
    local key = math.floor(i * total / count)
    local objective = math.floor(key / keys)
    local name = string.format("default/objective-%06d/ranker-%04d@%d", objective, objective % shards, key % keys)
    local headers = { ["content-type"] = "application/json", ["x-routing-key"] = name }
    requests[i] = wrk.format("POST", "/infer", headers, '{"inputs":[]}')
  end
end

function request()
  -- A large odd step visits the keys in an order without locality.
  position = (position + 7919) % count
  return requests[position]
end

function done(summary, latency, rates)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  print(string.format(
    'RESULT {"requests":%d,"durationMicroseconds":%d,"p50Microseconds":%d,"p99Microseconds":%d,"errors":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors))
end
