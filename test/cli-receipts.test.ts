import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Outcome, signalbox } from "./support/command-line.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { freePort } from "./support/ports.ts";
import { eventually } from "./support/processes.ts";
import { publishAndWait } from "./support/publish.ts";
import { resolveAt } from "./support/resolver-client.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { type System, startSystem } from "./support/system.ts";

let system: System;
let echo: EchoServer;

beforeAll(async () => {
  echo = await startEchoServer();
  system = await startSystem();
  await publishAndWait(system, "ranking", [
    sampleShard("pool", [echo.http1Port]),
    sampleModel("ranker", { "7": ["pool"], "8": ["pool"] }),
    sampleObjective("ranking", "ranker", "7"),
  ]);
}, 60_000);

afterAll(async () => {
  await system?.stop();
  await echo?.stop();
});

const apply = (documents: readonly object[], ...args: string[]): Promise<Outcome> =>
  signalbox(["apply", "-f", "-", ...args], {
    input: documents.map((document) => JSON.stringify(document)).join("\n---\n"),
    environment: system.environment,
  });

const run = (line: string): Promise<Outcome> => signalbox(line.split(" "), { environment: system.environment });

describe("apply", () => {
  test("waits until the change answers everywhere, and says so of each document", async () => {
    const documents = [sampleModel("ranker", { "7": ["pool"], "8": ["pool"], "9": ["pool"] }), objective("9")];
    const { code, stdout, stderr } = await apply(documents, "--timeout", "60s");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const fate = "resolvers 1\\/1, Envoys 1\\/1; live in \\d+ ms";
    expect(stdout).toMatch(
      new RegExp(
        `^Model default/ranker updated, revision \\d+; ${fate}\\nObjective default/ranking updated, revision \\d+; ${fate}\\n$`,
      ),
    );
    // It was not said before it was true.
    expect(await answered()).toBe("9");
    const again = await apply(documents, "-o", "json");
    expect(JSON.parse(again.stdout).results).toMatchObject([
      { change: "unchanged", receipt: { state: "live" } },
      { change: "unchanged", receipt: { state: "live", resolvers: { live: 1, of: 1 }, envoys: { live: 1, of: 1 } } },
    ]);
  });

  test("waits for nothing when told so", async () => {
    const { code, stdout } = await apply([objective("8")], "--wait=false");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Objective default\/ranking updated, revision \d+\n$/);
    await eventually("it is live", async () => (await answered()) === "8");
  });

  test("tells who rejects a document that Envoy would refuse, why, and that nothing changed", async () => {
    const shard = sampleShard("odd", [echo.http1Port], {
      tls: { caFile: "/nowhere/ca.pem", serverName: "models.example.com" },
    });
    const { code, stdout } = await apply([shard], "--timeout", "5s");
    // The file is missing on Envoy's machine: Envoy refuses the cluster, whoever else took it.
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /Shard default\/odd created, revision \d+; rejected; nothing changed[^\n]*\n {2}envoy \S+: .*ca\.pem/,
    );
    await run("delete shard odd --wait=false --yes-delete 1");
  });

  test("tells who is behind when it is not live in time, ends with 4, and the change goes on", async () => {
    await system.parts.resolver.kill();
    const { code, stdout } = await apply([objective("7")], "--timeout", "1500ms");
    expect(code).toBe(4);
    expect(stdout).toMatch(
      /resolvers 0\/1, Envoys \d\/1; not live yet\n {2}resolver \S+: has documents up to revision/,
    );
    expect(stdout).toContain("Accepted, but not live everywhere in time");
    await system.parts.resolver.start();
    const again = await apply([objective("7")], "--timeout", "60s");
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining("unchanged") });
    expect(await answered()).toBe("7");
  }, 90_000);
});

describe("an objective that is held back", () => {
  test("is told with its reason, answers as before, and goes live by itself", async () => {
    const port = await freePort();
    const healthCheck = { path: "/v2/health/ready", intervalMs: 200 };
    const documents = [
      sampleShard("late", [port], { healthCheck }),
      sampleModel("late-ranker", { "1": ["late"] }),
      sampleObjective("ranking", "late-ranker", "1"),
    ];
    const before = await answered();
    const { code, stdout } = await apply(documents, "--timeout", "4s");
    expect(code).toBe(4);
    expect(stdout).toMatch(/Objective default\/ranking updated.*held back, what was live stays live\n.*default\/late/);
    expect(await answered()).toBe(before);
    const late = await startEchoServer({ http1Port: port });
    try {
      const again = await apply(documents, "--timeout", "60s");
      expect(again).toMatchObject({ code: 0 });
      expect(await answered()).toBe("1");
    } finally {
      expect((await run("rollback objective ranking --timeout 60s")).code).toBe(0);
      await late.stop();
    }
  }, 120_000);
});

describe("rollback and delete", () => {
  test("wait for their change too", async () => {
    expect((await apply([objective("8")])).code).toBe(0);
    const back = await run("rollback objective ranking");
    expect(back.code).toBe(0);
    expect(back.stdout).toMatch(/now, published as revision \d+; resolvers 1\/1, Envoys 1\/1; live in \d+ ms\n/);
    expect(await answered()).toBe("7");
    await apply([sampleObjective("spare", "ranker", "7")]);
    const deleted = await run("delete objective spare --yes-delete 1");
    expect(deleted.stdout).toMatch(/Objective default\/spare deleted, revision \d+; resolvers 1\/1.*live in \d+ ms\n/);
  });
});

describe("plan", () => {
  test("names the Envoys that get the change", async () => {
    const plan = await signalbox(["plan", "-f", "-"], {
      input: JSON.stringify(sampleShard("pool", [echo.http1Port], { connectTimeoutMs: 900 })),
      environment: system.environment,
    });
    expect(plan.code).toBe(0);
    expect(plan.stdout).toMatch(/default\/pool +changed +3 +3 +spec\.connectTimeoutMs/);
    expect(plan.stdout).toMatch(/ENVOY THAT GETS IT .*\n\S+ +signalbox +envoys +\S+ +\d+/);
  });
});

describe("status --watch", () => {
  test("tells each change on a line, until it is interrupted", async () => {
    const environment = { ...system.environment };
    const { spawn } = await import("node:child_process");
    const child = spawn(process.execPath, ["cli/main.ts", "status", "--watch"], {
      env: { ...process.env, ...environment },
    });
    let seen = "";
    child.stdout.on("data", (chunk: Buffer) => {
      seen += chunk.toString();
    });
    const ended = new Promise((resolve) => child.once("close", resolve));
    try {
      await eventually("it tells the newest revision", () => /Revision \d+\. It is live: resolvers 1\/1/.test(seen));
      const { stdout } = await apply([objective("8")]);
      const revision = /revision (\d+);/.exec(stdout)?.[1];
      await eventually("it tells the change", () => seen.includes(`Revision ${revision}. It is live`));
    } finally {
      child.kill("SIGINT");
    }
    expect(await ended).toBe(0);
  });
});

function objective(version: string) {
  return sampleObjective("ranking", "ranker", version);
}

async function answered(): Promise<string | undefined> {
  return (await resolveAt(system.resolverUrl, "ranking")).config?.version;
}
