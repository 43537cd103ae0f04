-- Operators on texts and lists (selection/operators.ts); the others are expressions of a program.

local function contains(value, operand)
  if type(value) == "string" then
    return type(operand) == "string" and find(value, operand, 1, true) ~= nil
  end
  if type(value) ~= "table" then
    return false
  end
  for index = 1, #value do
    if value[index] == operand then
      return true
    end
  end
  return false
end

local function startsWith(value, operand)
  return type(value) == "string" and sub(value, 1, #operand) == operand
end

local function endsWith(value, operand)
  return type(value) == "string" and #value >= #operand and sub(value, #value - #operand + 1) == operand
end
