// Enrolment and issuance as one proof: who brings a public key and a key commitment knows the one secret of both, and of an entry's tag; as
// `zkp/core/enrol.py`, which gives the relation.
import { type Enrolment, enrolmentOctets } from "./context.ts";
import { keyCommitment, secretGenerator } from "./credential.ts";
import { G1_BYTES, decodeScalar, encodeG1, generator, msm } from "./group.ts";
import { TAG_BYTES, boundTag } from "./own.ts";
import { type Randomness } from "./randomness.ts";
import { type Equation, serialize } from "./relation.ts";
import * as sigma from "./sigma.ts";

const ROWS: readonly Equation[] = [1, 3, 5].map((image) => ({ image: [[image, 1n]], terms: [[0, image - 1, 1n]] }));

// What the wallet sends: P and K, 48 bytes each, and the proof, 64 bytes.
export interface Enrolled {
  readonly publicKey: Uint8Array;
  readonly keyCommitment: Uint8Array;
  readonly proof: Uint8Array;
}

// `tag`: R || T of the entry. `randomness`: for vectors only.
export function prove(
  { s, tag, context, randomness }: {
    readonly s: Uint8Array;
    readonly tag: Uint8Array;
    readonly context: Enrolment;
    readonly randomness?: Randomness;
  },
): Enrolled {
  const publicKey = encodeG1(msm([generator()], [decodeScalar(s, { zero: false })]));
  const commitment = keyCommitment(s);
  const said = { instance: instance(publicKey, commitment, tag), tag: boundTag(enrolmentOctets(context)) };
  return { publicKey, keyCommitment: commitment, proof: sigma.prove({ ...said, witness: s, ...(randomness && { randomness }) }) };
}

// Says whether one secret made the key, the commitment and the tag, and its holder answered this context.
export function verify({ enrolled, tag, context }: { readonly enrolled: Enrolled; readonly tag: Uint8Array; readonly context: Enrolment }): boolean {
  const { publicKey, keyCommitment: commitment, proof } = enrolled;
  if (publicKey.length !== G1_BYTES || commitment.length !== G1_BYTES || tag.length !== TAG_BYTES) {
    return false;
  }
  return sigma.verify({ instance: instance(publicKey, commitment, tag), narg: proof, tag: boundTag(enrolmentOctets(context)) });
}

export const instance = (publicKey: Uint8Array, commitment: Uint8Array, tag: Uint8Array): Uint8Array =>
  serialize({
    elements: [publicKey, encodeG1(secretGenerator()), commitment, tag.subarray(0, G1_BYTES), tag.subarray(G1_BYTES)],
    equations: ROWS,
  });
