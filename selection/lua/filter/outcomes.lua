-- Outcomes: what a request gets on its way to the model (selection/one-call/headers.ts).

local sixBits = {}
for index = 0, 63 do
  sixBits[index] = sub("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", index + 1, index + 1)
end

local function base64url(text)
  local digits = {}
  for index = 1, #text, 3 do
    local a, b, c = byte(text, index, index + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    digits[#digits + 1] = sixBits[rshift(bits, 18)]
    digits[#digits + 1] = sixBits[rshift(bits, 12) % 64]
    digits[#digits + 1] = b and sixBits[rshift(bits, 6) % 64]
    digits[#digits + 1] = c and sixBits[bits % 64]
  end
  return concat(digits)
end

-- What an outcome { <model>@<version>, rule, variant or false, what follows "parameters": in the config, whether an experiment
-- decides } says, as { routing key, config, decision, decision after a unit was missing, <model>@<version> }. What is left out at the
-- end is that of a default. Names stand for themselves: those that documents can have need no escape in JSON or in a decision.
local function headersOf(objective, revision, outcome)
  local target, rule, variant, parameters, isExperiment = unpack(outcome, 1, 5)
  local model, version = match(target, "^(.*)@(.*)$")
  local config = '{"model":"' .. model .. '","version":"' .. version
    .. '","variant":' .. (variant and '"' .. variant .. '"' or "null")
    .. ',"rule":"' .. (rule or "default") .. '","parameters":' .. (parameters or "{}") .. "}"
  local decision = "objective=" .. objective .. ";rule=" .. (rule or "default") .. (variant and ";variant=" .. variant or "")
    .. ";model=" .. target .. ";revision=" .. revision .. ";reason="
  local reason = isExperiment and "experiment" or rule and "rule" or "default"
  return { objective .. "/" .. target, base64url(config), decision .. reason, decision .. "unit_missing", target }
end
