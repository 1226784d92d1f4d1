// Nonces of proofs: from the operating system, hedged with the secrets and with all that is proven; as `zkp/core/randomness.py`.
//
// A nonce used for two challenges gives the secret away. So each comes from one hash over fresh randomness, the secrets and the statement
// (as RFC 8937 does for a generator): if the randomness fails and repeats, another statement still has other nonces, and the same
// statement has the same challenge.
import { shake256 } from "@noble/hashes/sha3.js";
import { concat, uint64, utf8 } from "./bytes.ts";
import { WIDE_SCALAR_BYTES, wideScalars } from "./group.ts";

// Gives that many scalars, uniform below the order and never the same twice. Only vectors bring their own.
export type Randomness = (count: number) => readonly bigint[];

const DOMAIN = utf8("consonant/1|nonces|");
const FRESH_BYTES = 64;

// `said`: the secrets first, then everything that the challenge will depend on.
export function hedged(...said: readonly Uint8Array[]): Randomness {
  return (count) => {
    const parts = [crypto.getRandomValues(new Uint8Array(FRESH_BYTES)), ...said];
    const hashed = concat(DOMAIN, ...parts.flatMap((part) => [uint64(part.length), part]));
    return wideScalars(shake256(hashed, { dkLen: WIDE_SCALAR_BYTES * count }));
  };
}
