import { Agent, request } from "node:http";

/** A request that was not answered with 200 by the model version that was asked for. */
export type Failure = {
  /** `Date.now()` when it was sent. */
  readonly sentAtMs: number;
  readonly failedAtMs: number;
  readonly why: string;
};

/** A steady load on one address. */
export type Load = {
  /** Requests that were answered with 200 so far, by the model version that was asked for. */
  succeeded(): number;
  /** How many requests each shard answered. */
  readonly byShard: ReadonlyMap<string, number>;
  /** How many requests each echo server answered, by its name. */
  readonly byServer: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
  /** Resolves when so many more requests have succeeded. */
  untilSucceeded(more: number): Promise<void>;
  /** Lets the requests under way end, then ends. */
  stop(): Promise<void>;
};

export type LoadOptions = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Requests under way at any time; 4 by default. */
  readonly concurrency?: number;
  /** Between two requests of one worker; 2 by default, so that a load does not take the whole machine. */
  readonly pauseMs?: number;
};

/** Sends POST requests over kept-alive connections until it is stopped. */
export function startLoad({ url, headers, body = "{}", concurrency = 4, pauseMs = 2 }: LoadOptions): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const failures: Failure[] = [];
  const byShard = new Map<string, number>();
  const byServer = new Map<string, number>();
  let succeeded = 0;
  let stopped = false;
  const sendOne = () =>
    new Promise<void>((resolve) => {
      const sentAtMs = Date.now();
      const fail = (why: string) => {
        failures.push({ sentAtMs, failedAtMs: Date.now(), why });
        resolve();
      };
      const sent = request(url, { agent, method: "POST", headers, timeout: 10_000 }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", (error) => fail(`answer: ${error.message}`));
        response.on("end", () => {
          if (response.statusCode !== 200) return fail(`${response.statusCode}: ${Buffer.concat(chunks)}`);
          if (response.headers["x-signalbox-fallback"]) return fail("the default answered, not the version asked for");
          count(byShard, String(response.headers["x-signalbox-shard"]));
          count(byServer, String(response.headers["x-echo-server"]));
          succeeded++;
          resolve();
        });
      });
      sent.on("timeout", () => sent.destroy(new Error("no answer within 10 s")));
      sent.on("error", (error) => fail(error.message));
      sent.end(body);
    });
  const worker = async () => {
    while (!stopped) {
      await sendOne();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  const workers = Array.from({ length: concurrency }, worker);
  return {
    succeeded: () => succeeded,
    byShard,
    byServer,
    failures,
    untilSucceeded: async (more) => {
      const wanted = succeeded + more;
      const deadline = Date.now() + 30_000;
      while (succeeded < wanted) {
        if (Date.now() > deadline)
          throw new Error(`only ${succeeded} of ${wanted} requests succeeded: ${failures.at(-1)?.why}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    stop: async () => {
      stopped = true;
      await Promise.all(workers);
      agent.destroy();
    },
  };
}

function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}
