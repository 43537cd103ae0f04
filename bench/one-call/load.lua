-- Load for wrk: POSTs 1 KB of JSON for one of 1,000 units, to a keyed or to a one-call listener. Arguments after `--`: the
-- listener (`keyed` or `one-call`), the objective.
local prepare = require("prepared-requests")

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
  prepare(1000, function(index)
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
    return wrk.format("POST", "/infer", headers, payload)
  end)
end
