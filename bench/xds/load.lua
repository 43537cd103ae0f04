-- Load for wrk: POSTs a small JSON body with one of many routing keys of the benchmark's table. Arguments after `--`:
-- objectives, shards, keys per objective.
local prepare = require("prepared-requests")

function init(args)
  local objectives, shards, keys = tonumber(args[1]), tonumber(args[2]), tonumber(args[3])
  local total = objectives * keys
  -- As many prepared requests whatever the number of keys, so that reading them costs the load generator the same.
  local count = 10000
  prepare(count, function(index)
    local key = math.floor(index * total / count)
    local objective = math.floor(key / keys)
    local name = string.format("default/objective-%06d/ranker-%04d@%d", objective, objective % shards, key % keys)
    local headers = { ["content-type"] = "application/json", ["x-routing-key"] = name }
    return wrk.format("POST", "/infer", headers, '{"inputs":[]}')
  end)
end
