-- Load for wrk: POSTs resolve requests. Arguments after `--`: objectives, the name of one (`bench`, or `bench-` before a
-- number when there are several).
local prepare = require("prepared-requests")

function init(args)
  local objectives, name = tonumber(args[1]), args[2]
  prepare(10000, function(index)
    local own = objectives == 1 and name or (name .. (index % objectives))
    local context = '{"userId":"user-' .. index .. '-0f3c9a52","country":"c49","device":"tv"}'
    local body = '{"objective":"' .. own .. '","context":' .. context .. '}'
    return wrk.format("POST", "/v1/resolve", { ["content-type"] = "application/json" }, body)
  end)
end
