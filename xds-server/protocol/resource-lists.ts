import type { StoredResource } from "./resource.ts";

type Pieces = { readonly maxBytes: number; readonly pieces: readonly (readonly StoredResource[])[] };

/** Lists of the resources of one type, made when they are asked for and kept until something changes. */
export class ResourceLists {
  readonly #resources: ReadonlyMap<string, StoredResource>;
  #all: readonly StoredResource[] | undefined;
  #parts: Pieces | undefined;
  #names: ReadonlySet<string> | undefined;

  constructor(resources: ReadonlyMap<string, StoredResource>) {
    this.#resources = resources;
  }

  all(): readonly StoredResource[] {
    this.#all ??= [...this.#resources.values()];
    return this.#all;
  }

  /** All in pieces of up to so many bytes each; a resource that is larger is a piece by itself. */
  parts(maxBytes: number): readonly (readonly StoredResource[])[] {
    if (this.#parts?.maxBytes !== maxBytes) this.#parts = { maxBytes, pieces: piecesOf(this.all(), maxBytes) };
    return this.#parts.pieces;
  }

  names(): ReadonlySet<string> {
    this.#names ??= new Set(this.#resources.keys());
    return this.#names;
  }

  /** A resource has changed, and with it the names when it is a new one or is gone. */
  changed(hasNewNames: boolean): void {
    this.#all = undefined;
    this.#parts = undefined;
    if (hasNewNames) this.#names = undefined;
  }
}

function piecesOf(resources: readonly StoredResource[], maxBytes: number): (readonly StoredResource[])[] {
  const pieces: StoredResource[][] = [];
  let piece: StoredResource[] = [];
  let bytes = 0;
  for (const resource of resources) {
    if (piece.length > 0 && bytes + resource.delta.length > maxBytes) {
      pieces.push(piece);
      piece = [];
      bytes = 0;
    }
    piece.push(resource);
    bytes += resource.delta.length;
  }
  if (piece.length > 0) pieces.push(piece);
  return pieces;
}
