import { expect, test, vi } from "vitest";
import { answerFrom } from "./answer.ts";
import { createFetch } from "./fetch.ts";
import { createInfer, type SendingDeps } from "./infer.ts";
import { configHeader } from "./place-config.ts";
import { answer, recordEvents, resolution } from "./testing.ts";

type Sent = Pick<Request, "url" | "headers" | "redirect"> & { readonly body: string };

function makeDeps(answers: readonly (number | Error | Response)[], more: Partial<SendingDeps> = {}) {
  const sent: Sent[] = [];
  const { emit, events } = recordEvents();
  const fetch = async (input: string | URL | Request, init?: RequestInit) => {
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    const { url, headers, redirect } = request;
    sent.push({ url, headers, redirect, body: await request.text() });
    const next = answers[sent.length - 1] ?? 200;
    if (next instanceof Error) throw next;
    return next instanceof Response ? next : new Response("{}", { status: next });
  };
  const deps: SendingDeps = {
    fetch: fetch as typeof globalThis.fetch,
    emit,
    envoyUrl: "http://envoy:10000/",
    defaultFor: () => undefined,
    resolve: async () => answer,
    ...more,
  };
  return { deps, sent, events };
}

test("a request has the headers of the decision, whatever the caller says", async () => {
  const { deps, sent } = makeDeps([200]);
  const headers = { "X-Routing-Key": "other", "x-mine": "1" };
  const { response, answer: used } = await createInfer(deps)("ranking", {}, "text", { headers, path: "v1/x" });
  expect([response.status, used]).toEqual([200, answer]);
  expect(sent[0]?.url).toBe("http://envoy:10000/v1/x");
  expect(sent[0]?.headers.get("x-routing-key")).toBe(answer.routingKey);
  expect(sent[0]?.headers.get("x-mine")).toBe("1");
});

test.each([500, 502, 503, new Error("connection reset")])("after %s the fallback key is tried", async (failure) => {
  const { deps, sent, events } = makeDeps([failure, 200]);
  const { response, answer: used } = await createInfer(deps)("ranking", {}, "text");
  expect(response.status).toBe(200);
  expect(sent.map(({ headers }) => headers.get("x-routing-key"))).toEqual([answer.routingKey, ...answer.fallbackKeys]);
  expect(sent[1]?.headers.get("x-signalbox-decision")).toContain("model=ranker@7");
  expect(used).toMatchObject({ source: "default", config: { version: "7", rule: "default" } });
  expect(events).toMatchObject([{ type: "infer-retried", from: answer.routingKey, to: answer.fallbackKeys[0] }]);
});

test("the fallback is sent with its own parameters when they are known", async () => {
  const known = answerFrom(
    resolution("7", { config: { ...answer.config, version: "7", parameters: { k: 1 } } }),
    "default",
  );
  const { deps, sent } = makeDeps([500, 200], { defaultFor: () => known });
  const payload = { inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [1] }] };
  await createInfer(deps)("ranking", {}, payload);
  expect(sent.map(({ body }) => JSON.parse(body).parameters)).toEqual([{ beam: 4 }, { k: 1 }]);
});

test("the fallback keeps the labels of the request, and what was answered before it is let go", async () => {
  const labels = { "x-signalbox-client": "web", "x-signalbox-traffic-class": "test" };
  const labelled = { ...answer, headers: { ...answer.headers, ...labels } };
  const known = answerFrom(resolution("7"), "default");
  for (const defaultFor of [() => known, () => undefined]) {
    const cancel = vi.fn();
    const failed = new Response(new ReadableStream({ cancel }), { status: 500 });
    const { deps, sent } = makeDeps([failed, 200], { defaultFor, resolve: async () => labelled });
    await createInfer(deps)("ranking", {}, "text");
    expect(Object.fromEntries(sent[1]?.headers ?? [])).toMatchObject({ ...labels, "x-routing-key": known.routingKey });
    expect(cancel).toHaveBeenCalledOnce();
  }
});

test("a redirection is the model's answer", async () => {
  const { deps, sent } = makeDeps([302]);
  expect((await createInfer(deps)("ranking", {}, "text")).response.status).toBe(302);
  expect(sent[0]?.redirect).toBe("manual");
});

test.each([200, 400, 404, 429, 504])("an answer of %s is the answer", async (status) => {
  const { deps, sent } = makeDeps([status, 200]);
  expect((await createInfer(deps)("ranking", {}, "text")).response.status).toBe(status);
  expect(sent).toHaveLength(1);
});

test("the last failure is told when the fallback fails too", async () => {
  const { deps } = makeDeps([500, 503]);
  expect((await createInfer(deps)("ranking", {}, "text")).response.status).toBe(503);
  const { deps: cut } = makeDeps([500, new Error("connection reset")]);
  await expect(createInfer(cut)("ranking", {}, "text")).rejects.toThrow("connection reset");
});

test("nothing is sent twice that is a stream, was forced, or was asked to be sent once", async () => {
  const stream = () => new Blob(["x"]).stream();
  for (const [payload, options] of [
    [stream(), {}],
    ["text", { override: { version: "8" } }],
    ["text", { retryOnFallback: false }],
  ] as const) {
    const { deps, sent } = makeDeps([500, 200]);
    expect((await createInfer(deps)("ranking", {}, payload, options)).response.status).toBe(500);
    expect(sent).toHaveLength(1);
  }
});

test("an abort ends it, and is not taken for a failure", async () => {
  const { deps, sent } = makeDeps([200]);
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(createInfer(deps)("ranking", {}, "text", { signal })).rejects.toThrow();
  expect(sent).toHaveLength(0);
});

test("without envoyUrl it says so", async () => {
  const { deps } = makeDeps([], { envoyUrl: undefined });
  await expect(createInfer(deps)("ranking", {}, "text")).rejects.toMatchObject({ code: "invalid_options" });
});

test("the fetch wrapper adds the headers and leaves the body", async () => {
  const contexts: unknown[] = [];
  const { deps, sent } = makeDeps([200, 200], {
    resolve: async (_objective, context) => {
      contexts.push(context);
      return answer;
    },
  });
  const wrapped = createFetch(deps)("ranking", (request) => ({ device: request.headers.get("x-device") ?? "" }));
  const init = { method: "POST", body: '{"messages":[]}', headers: { "x-device": "tv" } };
  await wrapped("/v1/chat/completions", init);
  await wrapped(new Request("http://other/path", init));
  expect(contexts).toEqual([{ device: "tv" }, { device: "tv" }]);
  expect(sent.map(({ url }) => url)).toEqual(["http://envoy:10000/v1/chat/completions", "http://other/path"]);
  for (const { headers, body } of sent) {
    expect(body).toBe(init.body);
    expect(headers.get("x-routing-key")).toBe(answer.routingKey);
    expect(headers.get(configHeader)).not.toBeNull();
  }
});
