import { type BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** Bytes that are no request of the protocol. */
export class MalformedRequestError extends Error {
  override readonly name = "MalformedRequestError";
}

/** A request with more names than are served. */
export class TooManyNamesError extends Error {
  override readonly name = "TooManyNamesError";
}

/** Characters of a resource name: the longest that is still a name. */
export const maxNameCharacters = 4096;

/** Collects names up to a limit. */
export function nameCollector(maxNames: number) {
  const names: string[] = [];
  return {
    names,
    add: (name: string) => {
      if (names.length >= maxNames) throw new TooManyNamesError(`more than ${maxNames} names in one request`);
      if (name.length > maxNameCharacters)
        throw new MalformedRequestError(`a name of ${name.length} characters; at most ${maxNameCharacters}`);
      names.push(name);
    },
  };
}

/** Fields that are decoded at a step, and fields of which no more than their hash, or a name, is taken: a few milliseconds of work. */
export const fieldsAtAStep = { decoded: 2048, hashed: 16_384 };

/**
 * Reads the fields of a message to its end, so many at a step: most requests are read in one. Throws a `MalformedRequestError`
 * that says that the bytes are not a `what`.
 */
export function* inSteps(
  what: string,
  reader: BinaryReader,
  fields: FieldReaders,
  atAStep = fieldsAtAStep.decoded,
): Generator<undefined, void> {
  for (;;) {
    decoding(what, () => readFields(reader, reader.len, fields, atAStep));
    if (reader.pos >= reader.len) return;
    yield;
  }
}

/** Makes of whatever the reader throws what the caller knows. */
function decoding(what: string, decode: () => void): void {
  try {
    decode();
  } catch (error) {
    if (error instanceof TooManyNamesError || error instanceof MalformedRequestError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new MalformedRequestError(`not a ${what}: ${reason}`, { cause: error });
  }
}

/** Field number to what reads the field. */
export type FieldReaders = Readonly<Record<number, () => unknown>>;

/** Only length-delimited and varint fields are read; a field of another wire type than expected makes the reader throw. */
export function readFields(
  reader: BinaryReader,
  end: number,
  fields: FieldReaders,
  atMost = Number.POSITIVE_INFINITY,
): void {
  for (let count = 0; reader.pos < end && count < atMost; count++) {
    const [field, wireType] = reader.tag();
    const read = fields[field];
    if (read && (wireType === WireType.LengthDelimited || wireType === WireType.Varint)) read();
    else reader.skip(wireType, field);
  }
}

/** The outcome of work that is done in steps, all of them at once. */
export function completed<Outcome>(work: Generator<undefined, Outcome>): Outcome {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}
