import { describe, expect, test } from "vitest";
import type { Decision } from "../selection/decision.ts";
import { select } from "../selection/select.ts";
import { compileSelection } from "../selection/selector.ts";
import type { SignalboxError } from "../service/errors.ts";
import { type DecideDeps, decideAll, type OverrideEvent } from "./decide.ts";
import { parseRequest } from "./request.ts";
import { liveDocuments } from "./testing.ts";

function deciding(options: Partial<DecideDeps> = {}) {
  const events: OverrideEvent[] = [];
  const selection = compileSelection(liveDocuments);
  const deps: DecideDeps = {
    selection: () => selection,
    authorise: (authorization) =>
      authorization === "good" ? { allowed: true, tokenId: "1234" } : { allowed: false, reason: "no token" },
    onOverride: (event) => events.push(event),
    ...options,
  };
  const decide = (input: unknown, authorization?: string) =>
    decideAll(deps, parseRequest(input), { authorization, peer: () => "" }, select);
  return { decide, events };
}

function decisionOf(outcome: ReturnType<typeof decideAll<Decision>>[number] | undefined): Decision {
  if (outcome && "value" in outcome) return outcome.value;
  throw new Error(JSON.stringify(outcome));
}

function errorOf(outcome: ReturnType<typeof decideAll<Decision>>[number] | undefined): SignalboxError {
  if (outcome && "error" in outcome) return outcome.error;
  throw new Error(JSON.stringify(outcome));
}

test("an objective is decided by its rules at its revision", () => {
  const [outcome] = deciding().decide({ objective: "ranking", context: { userId: "1" } });
  expect(decisionOf(outcome)).toMatchObject({ version: "8", rule: "canary", revision: 5 });
});

test("one objective that is unknown does not hinder the others, in the order asked", () => {
  const outcomes = deciding().decide({ objectives: ["rankin", "ranking", "other"] });
  expect(outcomes.map(({ objective }) => objective)).toEqual(["default/rankin", "default/ranking", "default/other"]);
  expect(errorOf(outcomes[0])).toMatchObject({
    code: "unknown_objective",
    message: 'There is no objective default/rankin; did you mean "default/ranking"?',
  });
  expect(decisionOf(outcomes[1]).version).toBe("7");
});

test("another namespace's objectives are unknown, and are not told of", () => {
  const [outcome] = deciding().decide({ namespace: "team-b", objective: "ranking" });
  expect(errorOf(outcome).message).toBe("There is no objective team-b/ranking");
});

test("without documents the resolver is not ready, which is worth trying again", () => {
  const { decide } = deciding({ selection: () => null });
  expect(() => decide({ objective: "ranking" })).toThrow(expect.objectContaining({ code: "not_ready" }));
});

test("all objectives of a call are decided from one set of documents", () => {
  let asked = 0;
  const selection = compileSelection(liveDocuments);
  const { decide } = deciding({
    selection: () => {
      asked += 1;
      return selection;
    },
  });
  decide({ objectives: ["ranking", "other", "third"] });
  expect(asked).toBe(1);
});

describe("an override", () => {
  const override = { version: "8" };

  test("by somebody authorised decides, and is reported with who did it", () => {
    const { decide, events } = deciding();
    const [outcome] = decide({ objective: "ranking", override }, "good");
    expect(decisionOf(outcome)).toMatchObject({ version: "8", reason: "override" });
    expect(events).toMatchObject([{ objective: "default/ranking", wanted: "8", outcome: "allowed", tokenId: "1234" }]);
  });

  test("by somebody else is refused and reported", () => {
    const { decide, events } = deciding();
    const [outcome] = decide({ objective: "ranking", override }, "bad");
    expect(errorOf(outcome)).toMatchObject({ code: "override_denied", message: expect.stringContaining("no token") });
    expect(events).toMatchObject([{ outcome: "denied" }]);
    expect(events[0]).not.toHaveProperty("tokenId");
  });

  test("to a version that the objective does not have is refused with those it has", () => {
    const { decide, events } = deciding();
    const [outcome] = decide({ objective: "ranking", override: { model: "ranker", version: "9" } }, "good");
    expect(errorOf(outcome)).toMatchObject({
      code: "override_unknown_version",
      message: expect.stringContaining("ranker@7, ranker@8"),
    });
    expect(events).toMatchObject([{ outcome: "unknown_version", wanted: "ranker@9" }]);
  });

  test("of one objective leaves the others of the call alone", () => {
    const { decide, events } = deciding();
    const request = { objectives: ["other", "ranking"], override: { ...override, objective: "other" } };
    const outcomes = decide(request, "good");
    expect(errorOf(outcomes[0]).code).toBe("unknown_objective");
    expect(decisionOf(outcomes[1]).reason).toBe("unit_missing");
    expect(events).toEqual([]);
  });
});
