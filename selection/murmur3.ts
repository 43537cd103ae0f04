const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;

/** A hash under way: what has been hashed so far, to be continued by any number of texts. */
export type Murmur3State = {
  readonly hash: number;
  /** The bytes that do not fill a block of four yet, little-endian, and how many bits they are: 0, 8, 16 or 24. */
  readonly block: number;
  readonly blockBits: number;
  readonly bytes: number;
};

/** Nothing hashed yet. `seed` is a 32-bit integer. */
export function murmur3Start(seed: number): Murmur3State {
  return { hash: seed | 0, block: 0, blockBits: 0, bytes: 0 };
}

/** MurmurHash3_x86_32 (Austin Appleby, public domain) of the text's UTF-8 bytes: an unsigned 32-bit integer. */
export function murmur3(text: string, seed = 0): number {
  return murmur3Resume(seed | 0, 0, 0, 0, text);
}

/** The hash of all that `state` holds followed by `text`: `murmur3(prefix + text)` without hashing the prefix again. */
export function murmur3Finish(state: Murmur3State, text: string): number {
  return murmur3Resume(state.hash, state.block, state.blockBits, state.bytes, text);
}

/** `state` continued by `text`, whose first and last characters must not be halves of a surrogate pair. */
export function murmur3Continue(state: Murmur3State, text: string): Murmur3State {
  let { hash, block, blockBits, bytes } = state;
  for (const byte of new TextEncoder().encode(text)) {
    block |= byte << blockBits;
    blockBits += 8;
    bytes += 1;
    if (blockBits === 32) {
      hash = mixBlock(hash, block);
      block = 0;
      blockBits = 0;
    }
  }
  return { hash, block, blockBits, bytes };
}

/** `(seed) => murmur3(text, seed)` for a text that is hashed under many seeds: it is encoded and mixed only once. */
export function murmur3BySeed(text: string): (seed: number) => number {
  const blocks: number[] = [];
  const bytes = new TextEncoder().encode(text);
  for (const [index, byte] of bytes.entries()) {
    blocks[index >> 2] = (blocks[index >> 2] ?? 0) | (byte << ((index & 3) << 3));
  }
  const last = bytes.length % 4 === 0 ? 0 : scramble(blocks.pop() ?? 0);
  const full = Int32Array.from(blocks, scramble);
  return (seed) => {
    let hash = seed | 0;
    for (let index = 0; index < full.length; index += 1) hash = stir(hash, full[index] as number);
    return avalanche(hash ^ last ^ bytes.length);
  };
}

/**
 * {@link murmur3Finish} of a state that is no object. Encodes as it hashes, so that nothing is allocated. Lone surrogates
 * become U+FFFD, as TextEncoder does it.
 */
export function murmur3Resume(
  startHash: number,
  startBlock: number,
  startBits: number,
  startBytes: number,
  text: string,
): number {
  let hash = startHash;
  let block = startBlock;
  let bits = startBits;
  let bytes = startBytes;
  const length = text.length;
  let index = 0;
  while (index < length) {
    const code = text.charCodeAt(index);
    if (code < 0x80 && index + 3 < length) {
      const second = text.charCodeAt(index + 1);
      const third = text.charCodeAt(index + 2);
      const fourth = text.charCodeAt(index + 3);
      if ((second | third | fourth) < 0x80) {
        const four = code | (second << 8) | (third << 16) | (fourth << 24);
        hash = mixBlock(hash, block | (four << bits));
        block = bits === 0 ? 0 : four >>> (32 - bits);
        bytes += 4;
        index += 4;
        continue;
      }
    }
    let encoded = code;
    let encodedBits = 8;
    index += 1;
    if (code >= 0x80) {
      if (code < 0x800) {
        encoded = 0x80c0 | (code >> 6) | ((code & 0x3f) << 8);
        encodedBits = 16;
      } else {
        const next = (code & 0xfc00) === 0xd800 && index < length ? text.charCodeAt(index) : 0;
        if ((next & 0xfc00) === 0xdc00) {
          index += 1;
          encoded = utf8OfPair(code, next);
          encodedBits = 32;
        } else {
          encoded = utf8OfThreeBytes((code & 0xf800) === 0xd800 ? 0xfffd : code);
          encodedBits = 24;
        }
      }
    }
    bytes += encodedBits >> 3;
    for (let left = encodedBits; left > 0; left -= 8) {
      block |= (encoded & 0xff) << bits;
      encoded >>>= 8;
      bits += 8;
      if (bits === 32) {
        hash = mixBlock(hash, block);
        block = 0;
        bits = 0;
      }
    }
  }
  return finish(hash, block, bytes);
}

/** The four UTF-8 bytes of a surrogate pair, the first byte lowest. */
function utf8OfPair(high: number, low: number): number {
  const point = 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
  return (
    0xf0 |
    (point >> 18) |
    ((0x80 | ((point >> 12) & 0x3f)) << 8) |
    ((0x80 | ((point >> 6) & 0x3f)) << 16) |
    ((0x80 | (point & 0x3f)) << 24)
  );
}

function utf8OfThreeBytes(code: number): number {
  return 0xe0 | (code >> 12) | ((0x80 | ((code >> 6) & 0x3f)) << 8) | ((0x80 | (code & 0x3f)) << 16);
}

function mixBlock(hash: number, block: number): number {
  return stir(hash, scramble(block));
}

function finish(hash: number, block: number, bytes: number): number {
  return avalanche(hash ^ scramble(block) ^ bytes);
}

function scramble(block: number): number {
  const k = Math.imul(block, c1);
  return Math.imul((k << 15) | (k >>> 17), c2);
}

function stir(hash: number, scrambled: number): number {
  const h = hash ^ scrambled;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function avalanche(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
