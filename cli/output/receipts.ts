import { titleOf } from "../document-kinds.ts";
import type { Published, Receipt } from "../receipts.ts";
import { type Colour, colour } from "./colour.ts";
import { printable } from "./printable.ts";

type Result = Published["results"][number];

const colours: Readonly<Record<Result["change"], Colour>> = {
  created: "green",
  updated: "yellow",
  deleted: "red",
  unchanged: "dim",
};

/** Reasons shown of one document; JSON has all. */
const shownReasons = 10;

/** One line a document, what is in its way below it, and one line for what all of them share. */
export function formatPublished(published: Published, useColours: boolean): string {
  const lines = published.results.flatMap((result) => resultLines(result, useColours));
  return [...lines, ...footer(published)].join("\n");
}

/** A sentence of one's own about a change of one document, and what became of it. */
export function formatFate(sentence: string, published: Published): string {
  const [result] = published.results;
  return [...(result ? withFate(sentence, result) : [sentence]), ...footer(published)].join("\n");
}

function resultLines(result: Result, useColours: boolean): string[] {
  const { id, change, revision } = result;
  return withFate(colour(useColours, colours[change], `${titleOf(id)} ${change}, revision ${revision}`), result);
}

function withFate(head: string, { change, receipt }: Result): string[] {
  if (!receipt || receipt.state === "accepted") return [head];
  if (change === "unchanged" && receipt.state === "live") return [head];
  return [`${head}; ${stateText(receipt)}`, ...reasonLines(receipt)];
}

function stateText({ state, resolvers, envoys, liveMs }: Receipt): string {
  const progress = `resolvers ${resolvers.live}/${resolvers.of}, Envoys ${envoys.live}/${envoys.of}`;
  switch (state) {
    case "accepted":
      return "accepted";
    case "live":
      return liveMs === undefined ? `${progress}; live` : `${progress}; live in ${liveMs} ms`;
    case "rejected":
      return "rejected; nothing changed, what was live stays live";
    case "held":
      return `${progress}; held back, what was live stays live`;
    case "pending":
      return `${progress}; not live yet`;
    default:
      return state satisfies never;
  }
}

/** Of a rejection, only who rejects it and why; otherwise whatever is in the way. */
function reasonLines({ state, reasons }: Receipt): string[] {
  const relevant = state === "rejected" ? reasons.filter(({ kind }) => kind === "rejected") : reasons;
  const lines = relevant
    .slice(0, shownReasons)
    .map(({ process, id, subject, text }) =>
      printable(`  ${process} ${id}: ${subject === undefined || state === "rejected" ? text : `${subject}: ${text}`}`),
    );
  return relevant.length > shownReasons ? [...lines, `  … and ${relevant.length - shownReasons} more`] : lines;
}

function footer({ results, unknown }: Published): string[] {
  if (unknown !== undefined) return [printable(`Accepted; whether it is live is not known: ${unknown}`)];
  const states = results.flatMap(({ receipt }) => receipt?.state ?? []);
  if (states.includes("accepted")) return ["Accepted; no resolver and no xds-server is alive that would take it."];
  if (states.includes("rejected") || states.every((state) => state === "live")) return [];
  return ["Accepted, but not live everywhere in time: `signalbox status --watch` shows who is behind."];
}
