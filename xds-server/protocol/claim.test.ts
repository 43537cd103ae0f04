import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeltaDiscoveryRequestSchema } from "../../proto/gen/envoy/service/discovery/v3/discovery_pb.js";
import { areEqual, type Claim } from "./claim.ts";
import { decodeDeltaRequest } from "./delta-request.ts";
import { createSnapshotStore } from "./snapshot.ts";
import { typeUrls } from "./type-urls.ts";
import { completed } from "./wire.ts";

const typeUrl = typeUrls.route;

/** What the server makes of the state that a client claims to hold. */
function stated(contents: ReadonlyMap<string, string>): {
  names: Claim;
  versions: Claim;
  versionOf: Map<string, string>;
} {
  const store = createSnapshotStore();
  const changes = [...contents].map(([name, content]) => ({
    typeUrl,
    name,
    resource: { bytes: Buffer.from(content) },
  }));
  store.apply("g", changes);
  const view = store.view("g")?.type(typeUrl);
  if (!view) throw new Error("the group was just created");
  return { ...view.claims, versionOf: new Map(view.all().map(({ name, version }) => [name, version])) };
}

/** What a client says that has these names and versions, in this order. */
function claimed(names: readonly string[], versions: Iterable<readonly [string, string]>) {
  const message = create(DeltaDiscoveryRequestSchema, {
    typeUrl,
    resourceNamesSubscribe: [...names],
    initialResourceVersions: Object.fromEntries(versions),
  });
  const { claims } = completed(decodeDeltaRequest(toBinary(DeltaDiscoveryRequestSchema, message)));
  if (!claims) throw new Error("a decoded request has claims");
  return claims;
}

const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 });
const table = fc.dictionary(name, fc.string(), { maxKeys: 30 }).map((record) => new Map(Object.entries(record)));

describe("a claim", () => {
  it("is recognised in whatever order the client lists what it has", () => {
    fc.assert(
      fc.property(table, fc.infiniteStream(fc.nat()), (contents, random) => {
        const { names, versions, versionOf } = stated(contents);
        const shuffled = [...versionOf].map((entry) => ({ entry, at: random.next().value }));
        const entries = shuffled.sort((a, b) => a.at - b.at).map(({ entry }) => entry);
        const own = entries.map(([each]) => each);
        const claims = claimed(own, entries);
        expect(areEqual(claims.names, names)).toBe(true);
        expect(areEqual(claims.versions, versions)).toBe(true);
      }),
    );
  });

  it("differs with one name, one version, one more, one less", () => {
    fc.assert(
      fc.property(table, fc.nat(), name, (contents, position, other) => {
        fc.pre(contents.size > 0 && !contents.has(other));
        const { names, versions, versionOf } = stated(contents);
        const entries = [...versionOf];
        const [picked = "", version = ""] = entries[position % entries.length] ?? [];
        const rest = entries.filter(([each]) => each !== picked);
        for (const list of [rest, [...rest, [other, version] as const], [...entries, [other, version] as const]]) {
          const claims = claimed(
            list.map(([each]) => each),
            list,
          );
          expect(areEqual(claims.names, names)).toBe(false);
          expect(areEqual(claims.versions, versions)).toBe(false);
        }
        expect(areEqual(claimed([], [...rest, [picked, `${version}x`]]).versions, versions)).toBe(false);
      }),
    );
  });

  it("follows changes and removals like a table that was never different", () => {
    const store = createSnapshotStore();
    const set = (own: string, content: string | null) => ({
      ...{ typeUrl, name: own },
      resource: content === null ? null : { bytes: Buffer.from(content) },
    });
    store.apply("g", [set("a", "1"), set("b", "1"), set("c", "1")]);
    store.apply("g", [set("a", "2"), set("b", null)]);
    const { names, versions } = stated(
      new Map([
        ["c", "1"],
        ["a", "2"],
      ]),
    );
    const claims = store.view("g")?.type(typeUrl).claims;
    expect(claims && areEqual(claims.names, names) && areEqual(claims.versions, versions)).toBe(true);
  });
});
