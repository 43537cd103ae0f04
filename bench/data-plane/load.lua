-- Load for wrk: POSTs a JSON body of a given size with one of many routing keys. Arguments after `--`: bytes, keys.
local prepare = require("prepared-requests")

-- An Open Inference request body of about `bytes` bytes.
local function body(bytes)
  local numbers = {}
  local length = 80
  while length < bytes do
    numbers[#numbers + 1] = "0.12345678"
    length = length + 11
  end
  if #numbers == 0 then numbers[1] = "0" end
  return '{"inputs":[{"name":"x","shape":[' .. #numbers .. '],"datatype":"FP32","data":[' .. table.concat(numbers, ",") .. ']}]}'
end

-- Key i of the published table: objective i / 10, version i % 10.
local function key(i)
  return string.format("default/objective-%d/ranker@%d", math.floor(i / 10), i % 10)
end

function init(args)
  local bytes, keys = tonumber(args[1]), tonumber(args[2])
  local payload = body(bytes)
  -- As many prepared requests whatever the number of keys, so that reading them costs the load generator the same for
  -- every target; fewer when bodies are large, to bound its memory.
  local count = math.max(1, math.min(10000, math.floor(64 * 1024 * 1024 / bytes)))
  prepare(count, function(i)
    local headers = { ["content-type"] = "application/json", ["x-routing-key"] = key(math.floor(i * keys / count)) }
    return wrk.format("POST", "/infer", headers, payload)
  end)
end
