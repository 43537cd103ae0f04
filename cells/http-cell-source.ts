import { type CellSource, parseCells } from "./cell-source.ts";

/** More than a thousand cells of some length. */
const maxAnswerBytes = 2 * 1024 * 1024;

/**
 * Asks a platform over HTTP: `GET <url>?namespace=…&attribute=…&unit=…` answers with `{"cells": ["<key>=<arm>", …]}`. Query
 * parameters that the URL has stay.
 */
export function httpCellSource(url: string, fetch: typeof globalThis.fetch = globalThis.fetch): CellSource {
  return async ({ namespace, attribute, unit }, signal) => {
    const asked = new URL(url);
    asked.searchParams.set("namespace", namespace);
    asked.searchParams.set("attribute", attribute);
    asked.searchParams.set("unit", unit.toWellFormed());
    const response = await fetch(asked, { signal, headers: { accept: "application/json" }, redirect: "error" });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`the experiment platform answered ${response.status}`);
    }
    const answer: unknown = JSON.parse(await textOf(response));
    return parseCells(typeof answer === "object" && answer !== null && "cells" in answer ? answer.cells : undefined);
  };
}

async function textOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxAnswerBytes)
      throw new Error(`the experiment platform's answer has more than ${maxAnswerBytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
