import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { it } from "vitest";
import { typeUrls } from "../xds-server/protocol/type-urls.ts";
import { eventually } from "./support/processes.ts";
import { connectXds } from "./support/xds-client.ts";
import { serverForTest, subscriberOf, variants } from "./support/xds-world.ts";

const { cluster, endpoint, route } = typeUrls;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes in use after garbage collection, the lowest of some tries. */
async function retainedBytes(): Promise<number> {
  let lowest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 10));
    const { heapUsed, external } = process.memoryUsage();
    lowest = Math.min(lowest, heapUsed + external);
  }
  return lowest;
}

it("changes, removals, refusals and reconnections, again and again, leave nothing behind", async () => {
  // What would grow is the server's; what this test keeps of it is not to be counted.
  const server = await serverForTest({
    timing: { removalGraceMs: 0 },
    logger: { debug: ignore, info: ignore, warn: ignore },
  });
  const names = Array.from({ length: 200 }, (_, index) => `name-${index}`);
  const contents = (content: string | null) => Object.fromEntries(names.map((name) => [name, content]));
  server.change({ [cluster]: contents("1"), [endpoint]: contents("1"), [route]: contents("1") });
  let content = 1;

  const cycle = async (variant: (typeof variants)["deltaAds" | "sotwAds"]) => {
    // Not closed with the test, which would keep each client until then.
    const client = connectXds(server.port, variant);
    const [clusters, routes] = [subscriberOf(client, variant, cluster), subscriberOf(client, variant, route)];
    clusters.subscribe();
    routes.subscribe(...names);
    await clusters.accept();
    await routes.accept();
    server.change({
      [cluster]: { "name-0": `${++content}`, [`once-${content}`]: "1" },
      [route]: { "name-0": `${content}` },
    });
    await clusters.accept();
    routes.nack(await routes.receive(), `the content ${content} is bad`);
    server.change({ [cluster]: { [`once-${content}`]: null }, [route]: { "name-0": null } });
    if (variant.isDelta) await routes.accept();
    await clusters.accept();
    server.change({ [route]: { "name-0": "1" } });
    client.close();
    await eventually("the stream is gone", () => server.server.streamCount() === 0);
  };
  const cycles = async (count: number) => {
    for (let index = 0; index < count; index++) await cycle(index % 2 === 0 ? variants.deltaAds : variants.sotwAds);
  };

  await cycles(30);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const before = await retainedBytes();
  await cycles(100);
  // What streams share for the moment is forgotten after two seconds.
  // A stream that stays behind holds hundreds of names, so a hundred of them would be some MiB.
  let growth = 0;
  await eventually(
    "nothing is left",
    async () => {
      growth = (await retainedBytes()) - before;
      return growth < 100 * 10 * 1024;
    },
    20_000,
  ).catch((error: unknown) => {
    throw new Error(`${growth} bytes are retained after 100 cycles`, { cause: error });
  });
});

function ignore(): void {}
