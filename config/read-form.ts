import type { z } from "zod";

/** Whether a value is what reading it would make of it. */
type Test = (value: unknown) => boolean;

/**
 * Makes of a schema a test whether a value, parsed from JSON, is valid and in its read form: with every default written
 * out and nothing to leave out. Reading such a value through the schema would only copy it. The test says false of a bad
 * value without telling why, and of a value that has a part of a sort that it does not know.
 *
 * It costs a quarter of the time of reading and an eighth of the garbage (docs/adr/180): nothing is made but by refinements, which
 * run as they are.
 */
export function readFormTest<S extends z.core.$ZodType>(schema: S): (value: unknown) => value is z.output<S> {
  return testOf(schema) as (value: unknown) => value is z.output<S>;
}

function testOf(schema: z.core.$ZodType): Test {
  return known.get(schema) ?? compile(schema);
}

const known = new WeakMap<z.core.$ZodType, Test>();

function compile(schema: z.core.$ZodType): Test {
  const test = withChecks(typeTest(schema as z.core.$ZodTypes), checksOf(schema));
  known.set(schema, test);
  return test;
}

function typeTest(schema: z.core.$ZodTypes): Test {
  const { def } = schema._zod;
  switch (def.type) {
    case "string":
      return (value) => typeof value === "string";
    case "number":
      return Number.isFinite;
    case "boolean":
      return (value) => typeof value === "boolean";
    case "null":
      return (value) => value === null;
    case "literal":
      return isOneOf(def.values);
    case "enum":
      return isOneOf(Object.values(def.entries));
    case "optional":
    case "default":
    case "prefault":
      return testOf(def.innerType);
    case "lazy":
      return lazyTest(def);
    case "array":
      return arrayTest(testOf(def.element));
    case "union":
      return unionTest(def.options.map(testOf));
    case "object":
      return objectTest(def);
    case "record":
      return recordTest(testOf(def.keyType), testOf(def.valueType));
    default:
      return () => false;
  }
}

function isOneOf(values: readonly unknown[]): Test {
  const all = new Set(values);
  return (value) => all.has(value);
}

function lazyTest({ getter }: z.core.$ZodLazyDef): Test {
  let test: Test | undefined;
  return (value) => {
    test ??= testOf(getter());
    return test(value);
  };
}

function arrayTest(element: Test): Test {
  return (value) => {
    if (!Array.isArray(value)) return false;
    for (const each of value) if (!element(each)) return false;
    return true;
  };
}

/** Options take different values: none reads what another one is the read form of in a way of its own. */
function unionTest(options: readonly Test[]): Test {
  return (value) => {
    for (const option of options) if (option(value)) return true;
    return false;
  };
}

function objectTest({ shape, catchall }: z.core.$ZodObjectDef): Test {
  const fields = new Map(Object.entries(shape).map(([name, field]) => [name, testOf(field)]));
  const required = Object.keys(shape).filter((name) => !(shape[name] as z.core.$ZodTypes | undefined)?._zod.optout);
  const other = catchall ? testOf(catchall) : undefined;
  return (value) => {
    if (!isObject(value)) return false;
    for (const name in value) {
      const test = fields.get(name) ?? other;
      if (!test?.(value[name])) return false;
    }
    for (const name of required) if (value[name] === undefined) return false;
    return true;
  };
}

function recordTest(key: Test, entry: Test): Test {
  return (value) => {
    if (!isObject(value)) return false;
    for (const name in value) if (!key(name) || !entry(value[name])) return false;
    return true;
  };
}

/** What comes from JSON inherits nothing that has to be told from its own fields. */
function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Lengths, patterns, bounds and refinements. A format such as a host name is a check itself. */
function checksOf(schema: z.core.$ZodType): readonly z.core.$ZodCheck[] {
  const own = schema._zod.traits.has("$ZodCheck") ? [schema as unknown as z.core.$ZodCheck] : [];
  return [...own, ...(schema._zod.def.checks ?? [])];
}

function withChecks(test: Test, checks: readonly z.core.$ZodCheck[]): Test {
  if (checks.length === 0) return test;
  const payload: { value: unknown; issues: z.core.$ZodRawIssue[] } = { value: undefined, issues: [] };
  const passes = (value: unknown): boolean => {
    payload.value = value;
    for (const check of checks) {
      check._zod.check(payload as z.core.ParsePayload<never>);
      if (payload.issues.length > 0 || payload.value !== value) return false;
    }
    return true;
  };
  return (value) => {
    if (!test(value)) return false;
    const isGood = passes(value);
    payload.value = undefined;
    if (!isGood) payload.issues = [];
    return isGood;
  };
}
