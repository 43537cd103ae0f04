import { expect, test } from "vitest";
import { encodeResource, type StoredResource } from "./resource.ts";
import { createSharedFrames } from "./shared-frames.ts";
import { typeUrls } from "./type-urls.ts";

const resources = Array.from({ length: 100 }, (_, index) =>
  encodeResource(typeUrls.cluster, `c${index}`, { bytes: Buffer.from(`content ${index}`) }),
);
const frameOf = ({ delta }: StoredResource) => delta;
const joinedAnew = (list: readonly StoredResource[]) => Buffer.concat(list.map(frameOf));

test("lists with the same elements share their bytes", () => {
  const join = createSharedFrames({ frameOf });
  const first = join(resources);
  expect(join([...resources])).toBe(first);
  expect(Buffer.from(first)).toEqual(joinedAnew(resources));
});

test.each([0, 1, 2, 7, 8, 9])("%i resources are joined as they are", (count) => {
  const join = createSharedFrames({ frameOf });
  expect(Buffer.from(join(resources.slice(0, count)))).toEqual(joinedAnew(resources.slice(0, count)));
});

test("lists that differ in one element, in order or in length do not share", () => {
  const join = createSharedFrames({ frameOf });
  const changed = [...resources];
  changed[50] = encodeResource(typeUrls.cluster, "c50", { bytes: Buffer.from("other content") });
  const swapped = [...resources];
  [swapped[3], swapped[4]] = [resources[4] as StoredResource, resources[3] as StoredResource];
  for (const list of [resources, changed, swapped, resources.slice(0, 99)])
    expect(Buffer.from(join(list))).toEqual(joinedAnew(list));
});

test("no more bytes are remembered than allowed, and those least recently used go first", () => {
  const size = joinedAnew(resources.slice(10, 20)).length;
  const join = createSharedFrames({ frameOf, maxBytes: 2 * size + 5 });
  const [a, b, c] = [resources.slice(10, 20), resources.slice(20, 30), resources.slice(30, 40)] as const;
  const [first, second] = [join(a), join(b)];
  expect(join([...a])).toBe(first);
  join(c);
  expect(join([...a])).toBe(first);
  expect(join([...b])).not.toBe(second);
});

test("what nobody asks for any more is forgotten", async () => {
  const join = createSharedFrames({ frameOf, idleMs: 5 });
  const first = join(resources);
  expect(join(resources)).toBe(first);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(join(resources)).not.toBe(first);
});
