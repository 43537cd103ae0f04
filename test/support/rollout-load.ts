import { Agent, request } from "node:http";
import { connect } from "node:http2";

/** A request that failed, or that another model version answered than the resolver had named. */
export type Mishap = { readonly at: string; readonly objective: string; readonly what: string };

export type RolloutLoad = {
  answered(): number;
  readonly failed: readonly Mishap[];
  readonly wrong: readonly Mishap[];
  /** When an answer of this kind (`<objective> <model>@<version>`) was last given for a fresh decision, as `performance.now()`. */
  readonly lastAnswered: ReadonlyMap<string, number>;
  untilAnswered(more: number): Promise<void>;
  stop(): Promise<void>;
};

export type RolloutLoadOptions = {
  readonly resolverUrls: readonly string[];
  readonly envoyUrl: string;
  /** Asked before each request. */
  readonly objective: () => string;
  readonly random: () => number;
  readonly workers?: number;
  readonly pauseMs?: number;
  /** Whether a lost connection at this time is that of a process that was killed. */
  readonly isExcused?: () => boolean;
};

type Decision = { readonly key: string; readonly model: string; readonly ttlMs: number; readonly decidedAtMs: number };
type Answer = { readonly status: number; readonly headers: Readonly<Record<string, unknown>>; readonly body: string };

/**
 * Clients as the real ones: each asks a resolver, reuses the answer for its time to live, and sends the request through
 * Envoy, half of them over HTTP/1.1 and half over HTTP/2.
 */
export function startRolloutLoad(options: RolloutLoadOptions): RolloutLoad {
  const { resolverUrls, envoyUrl, objective, random, workers = 6, pauseMs = 2, isExcused = () => false } = options;
  const failed: Mishap[] = [];
  const wrong: Mishap[] = [];
  const lastAnswered = new Map<string, number>();
  let answered = 0;
  let isStopped = false;

  const decide = async (name: string, agent: Agent): Promise<Decision | null> => {
    const body = JSON.stringify({ objective: name, context: { userId: `user-${Math.floor(random() * 1000)}` } });
    const first = Math.floor(random() * resolverUrls.length);
    for (let attempt = 0; attempt < resolverUrls.length; attempt++) {
      const url = `${resolverUrls[(first + attempt) % resolverUrls.length]}/v1/resolve`;
      const answer = await send1(url, { "content-type": "application/json" }, body, agent).catch(() => null);
      if (answer?.status !== 200) continue;
      const { routingKey, config, ttlMs } = JSON.parse(answer.body);
      return { key: routingKey, model: `${config.model}@${config.version}`, ttlMs, decidedAtMs: performance.now() };
    }
    return null;
  };

  const worker = async (index: number) => {
    const resolverAgent = new Agent({ keepAlive: true });
    const transport = index % 2 === 0 ? http1Transport(envoyUrl) : http2Transport(envoyUrl);
    const cache = new Map<string, Decision>();
    while (!isStopped) {
      const name = objective();
      const known = cache.get(name);
      const isFresh = !known || performance.now() - known.decidedAtMs >= known.ttlMs;
      const decision = isFresh ? await decide(name, resolverAgent) : known;
      if (decision) {
        cache.set(name, decision);
        await ask(name, decision, transport.send, isFresh);
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    resolverAgent.destroy();
    transport.close();
  };

  const ask = async (name: string, { key, model }: Decision, send: Send, isFresh: boolean) => {
    const note = (list: Mishap[], what: string) => list.push({ at: new Date().toISOString(), objective: name, what });
    try {
      const { status, headers, body } = await send({ "x-routing-key": key });
      if (status !== 200) return note(failed, `${key}: ${status} ${body}`);
      if (headers["x-signalbox-fallback"]) return note(failed, `${key}: the default answered`);
      if (headers["x-signalbox-model"] !== model)
        return note(wrong, `${key}: ${headers["x-signalbox-model"]} answered`);
      answered++;
      if (isFresh) lastAnswered.set(`${name} ${model}`, performance.now());
    } catch (error) {
      if (!isExcused()) note(failed, `${key}: ${error instanceof Error ? error.message : error}`);
    }
  };

  const all = Array.from({ length: workers }, (_, index) => worker(index));
  return {
    answered: () => answered,
    failed,
    wrong,
    lastAnswered,
    untilAnswered: async (more) => {
      const wanted = answered + more;
      const deadline = Date.now() + 60_000;
      while (answered < wanted) {
        if (Date.now() > deadline)
          throw new Error(`${answered} of ${wanted} answered; ${JSON.stringify(failed.at(-1))}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    stop: async () => {
      isStopped = true;
      await Promise.all(all);
    },
  };
}

type Send = (headers: Readonly<Record<string, string>>) => Promise<Answer>;
type Transport = { readonly send: Send; close(): void };

function send1(url: string, headers: Readonly<Record<string, string>>, body: string, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method: "POST", headers, timeout: 20_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer within 20 s")));
    sent.on("error", reject);
    sent.end(body);
  });
}

function http1Transport(envoyUrl: string): Transport {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return { send: (headers) => send1(`${envoyUrl}/hash`, headers, "{}", agent), close: () => agent.destroy() };
}

function http2Transport(envoyUrl: string): Transport {
  let session: ReturnType<typeof connect> | undefined;
  const open = () => {
    if (session && !session.closed && !session.destroyed) return session;
    session = connect(envoyUrl);
    session.on("error", () => session?.destroy());
    return session;
  };
  const send: Send = (headers) =>
    new Promise((resolve, reject) => {
      const stream = open().request({ ":method": "POST", ":path": "/hash", ...headers });
      const chunks: Buffer[] = [];
      let status = 0;
      let answer: Readonly<Record<string, unknown>> = {};
      stream.on("response", (response) => {
        status = Number(response[":status"]);
        answer = response;
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", reject);
      stream.on("close", () => {
        if (status === 0) reject(new Error("the connection was lost"));
        else resolve({ status, headers: answer, body: Buffer.concat(chunks).toString() });
      });
      stream.end("{}");
    });
  return { send, close: () => session?.destroy() };
}
