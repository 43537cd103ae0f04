-- Splits: weighted rendezvous (selection/rendezvous.ts).

-- { weight, outcome, scrambled last block, bytes, scrambled whole blocks }: what of an arm's name needs no unit.
local function arm(weight, outcome, name)
  local length = #name
  local rest = length % 4
  local blocks = {}
  for index = 1, length - rest, 4 do
    blocks[#blocks + 1] = scramble(blockAt(name, index))
  end
  local last = rest == 0 and 0 or scramble(blockAt(name, length - rest + 1))
  return { weight, outcome, last, length, blocks }
end

-- { hash of the salt's whole blocks, how many bytes they are, the rest of the salt }. The salt has its colon.
local function salted(salt)
  local whole = #salt - #salt % 4
  local hash = 0
  for index = 1, whole, 4 do
    hash = stir(hash, scramble(blockAt(salt, index)))
  end
  return { hash, whole, sub(salt, whole + 1) }
end

-- A salted hash, and as the fourth its arms.
local function split(salt, arms)
  local split = salted(salt)
  split[4] = arms
  return split
end

-- The outcome of the arm that a unit falls into: weighted rendezvous (docs/bucketing.md).
local function pick(split, unit)
  local bucket = finish(split[1], split[2], split[3] .. unit)
  local arms = split[4]
  local best, bestScore
  for index = 1, #arms do
    local arm = arms[index]
    local hash = bucket
    local blocks = arm[5]
    for block = 1, #blocks do
      hash = rol(bxor(hash, blocks[block]), 13) * 5 + 0xe6546b64
    end
    hash = avalanche(bxor(hash, arm[3], arm[4]))
    local score = -log((hash + 0.5) / 4294967296) / arm[1]
    if bestScore == nil or score < bestScore then
      best, bestScore = arm[2], score
    end
  end
  return best
end

-- Shares: layers and holdouts (selection/share.ts).

-- A salted hash that remembers the last unit and its position: all experiments of a layer ask for the same.
local share = salted

-- Where a unit lies between 0 and 100 times 2^32.
local function position(share, unit)
  if share.unit ~= unit then
    share.unit, share.position = unit, finish(share[1], share[2], share[3] .. unit) * 100
  end
  return share.position
end
