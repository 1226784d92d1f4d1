// The statement own: I am the subject of these entries; as `zkp/core/own.py`, which gives the relation.
//
// The proof is a compact NARG string, 64 bytes for any number of tags.
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex } from "./bytes.ts";
import { type Context, octets } from "./context.ts";
import { InvalidContext, InvalidInstance } from "./errors.ts";
import { G1_BYTES } from "./group.ts";
import { type Randomness } from "./randomness.ts";
import { serialize } from "./relation.ts";
import * as sigma from "./sigma.ts";

export const STATEMENT = "own";
export const TAG_BYTES = 2 * G1_BYTES;
export const MAX_TAGS = 1_000;

// `tags`: R || T of each entry, 96 bytes. `randomness`: for vectors only.
export function prove(
  { s, tags, context, randomness }: {
    readonly s: Uint8Array;
    readonly tags: readonly Uint8Array[];
    readonly context: Context;
    readonly randomness?: Randomness;
  },
): Uint8Array {
  if (context.statement !== STATEMENT) {
    throw new InvalidContext();
  }
  return sigma.prove({ instance: instance(tags), witness: s, tag: boundTag(octets(context)), ...(randomness && { randomness }) });
}

// Says whether one secret made all these tags, and its holder answered this context.
export function verify(
  { tags, context, proof }: { readonly tags: readonly Uint8Array[]; readonly context: Context; readonly proof: Uint8Array },
): boolean {
  if (context.statement !== STATEMENT) {
    return false;
  }
  let stated;
  try {
    stated = instance(tags);
  } catch {
    return false;
  }
  return sigma.verify({ instance: stated, narg: proof, tag: boundTag(octets(context)) });
}

// The tag of a proof bound to a context.
export const boundTag = (context: Uint8Array): Uint8Array => sigma.tag(`CONSONANT-V01-${toHex(sha256(context))}`);

export function instance(tags: readonly Uint8Array[]): Uint8Array {
  if (!tags.length || tags.length > MAX_TAGS || tags.some((tag) => tag.length !== TAG_BYTES)) {
    throw new InvalidInstance();
  }
  const distinct = [...new Map(tags.map((tag) => [toHex(tag), tag])).values()]; // entries of one day share a tag
  return serialize({
    elements: distinct.flatMap((tag) => [tag.subarray(0, G1_BYTES), tag.subarray(G1_BYTES)]),
    equations: distinct.map((_, at) => ({ image: [[2 * at + 2, 1n]], terms: [[0, 2 * at + 1, 1n]] })),
  });
}
