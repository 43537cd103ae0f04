import { z } from "zod";
import type { CellSource } from "./cell-lookup.ts";

const answerSchema = z.object({ cells: z.array(z.string().max(1024)).max(1024) });

/** More than a thousand cells of some length. */
const maxAnswerBytes = 2 * 1024 * 1024;

/**
 * Asks a platform over HTTP: `GET <url>?namespace=…&attribute=…&unit=…` answers with `{"cells": ["<key>=<arm>", …]}`. Query
 * parameters that the URL has stay.
 */
export function httpCellSource(url: string): CellSource {
  return {
    cellsOf: async ({ namespace, attribute, unit }, signal) => {
      const asked = new URL(url);
      asked.searchParams.set("namespace", namespace);
      asked.searchParams.set("attribute", attribute);
      asked.searchParams.set("unit", unit.toWellFormed());
      const response = await fetch(asked, { signal, headers: { accept: "application/json" }, redirect: "error" });
      if (!response.ok) throw new Error(`the experiment platform answered ${response.status}`);
      return answerSchema.parse(JSON.parse(await textOf(response))).cells;
    },
  };
}

async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxAnswerBytes)
      throw new Error(`the experiment platform's answer has more than ${maxAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
