// Proofs for linear relations: draft-irtf-cfrg-sigma-protocols with the ciphersuite `sigma-proofs_Shake128_BLS12381`; as
// `zkp/core/sigma.py`.
//
// A proof is a NARG string of one of two flavors: compact is challenge || response, batchable is commitment || response. It holds under one
// tag, which must contain the flavor's mark and the ciphersuite ("Tag and session identifier"): `tag` writes it so. Proofs are malleable by
// whoever knows the secret: never use one as a nullifier, or against replay.
import { chunks, concat, equal, utf8 } from "./bytes.ts";
import { InvalidInstance, InvalidPoint, InvalidScalar, InvalidWitness } from "./errors.ts";
import { type G1, G1_BYTES, ORDER, SCALAR_BYTES, decodeG1, decodeScalars, encodeG1, encodeScalar, reduce } from "./group.ts";
import { type Randomness, hedged } from "./randomness.ts";
import { Instance, parse } from "./relation.ts";
import { DuplexSponge, EXTRA_BYTES, decodeUint, deriveSessionId } from "./transcript.ts";

export type Flavor = "compact" | "batchable";

export const CIPHERSUITE = "sigma-proofs_Shake128_BLS12381";
const MARKS = { compact: "CMPT", batchable: "DSFS" } as const;

export interface Said {
  readonly instance: Uint8Array; // as SerializeLinearRelation writes it
  readonly tag: Uint8Array; // what the proof is bound to
  readonly flavor?: Flavor; // compact: 32 bytes, and 32 for each secret; batchable: 48 for each equation, and 32 for each secret
}

// The tag of an application's name, version and context ("Tag and session identifier").
export const tag = (name: string, flavor: Flavor = "compact"): Uint8Array => utf8(`${name}-${MARKS[flavor]}-with-${CIPHERSUITE}`);

// ProveCompact, ProveBatchable. `witness`: the secrets in their order, 32 bytes each. `randomness`: for vectors only.
export function prove(
  { instance, tag, flavor = "compact", witness, randomness }: Said & { readonly witness: Uint8Array; readonly randomness?: Randomness },
): Uint8Array {
  const read = new Instance(parse(instance));
  const secrets = decodeScalars(witness);
  if (secrets.length !== read.secrets || !read.holds(secrets)) {
    throw new InvalidWitness();
  }
  const draw = randomness ?? hedged(witness, tag, instance, utf8(flavor));
  const nonces = draw(read.secrets);
  const commitment = encode(read.evaluate(nonces));
  const challenge = deriveChallenge(tag, instance, commitment);
  const response = nonces.map((nonce, at) => encodeScalar(reduce(nonce + secrets[at]! * challenge)));
  return concat(flavor === "compact" ? encodeScalar(challenge) : commitment, ...response);
}

// Says whether a NARG string proves this instance under this tag (VerifyCompact, VerifyBatchable). Malformed is false.
export function verify({ instance, tag, flavor = "compact", narg }: Said & { readonly narg: Uint8Array }): boolean {
  try {
    return VERIFIERS[flavor](new Instance(parse(instance)), narg, tag);
  } catch (error) {
    if (error instanceof InvalidInstance || error instanceof InvalidPoint || error instanceof InvalidScalar) {
      return false;
    }
    throw error;
  }
}

// DeriveChallenge.
export function deriveChallenge(tag: Uint8Array, instance: Uint8Array, commitment: Uint8Array): bigint {
  const sponge = new DuplexSponge(deriveSessionId(tag));
  sponge.absorb(instance);
  sponge.absorb(commitment);
  return decodeUint(sponge.squeeze(SCALAR_BYTES + EXTRA_BYTES), ORDER);
}

function verifyCompact(instance: Instance, narg: Uint8Array, tag: Uint8Array): boolean {
  if (narg.length !== SCALAR_BYTES * (1 + instance.secrets)) { // step 3
    return false;
  }
  const [challenge, ...response] = decodeScalars(narg); // steps 4-5
  const commitment = encode(instance.evaluate(response, challenge)); // steps 6-7
  return challenge === deriveChallenge(tag, instance.octets, commitment); // steps 8-9
}

function verifyBatchable(instance: Instance, narg: Uint8Array, tag: Uint8Array): boolean {
  const split = G1_BYTES * instance.equations.length;
  if (narg.length !== split + SCALAR_BYTES * instance.secrets) { // check 1
    return false;
  }
  const commitment = narg.subarray(0, split);
  chunks(commitment, G1_BYTES).forEach(decodeG1); // check 2
  const response = decodeScalars(narg.subarray(split));
  const challenge = deriveChallenge(tag, instance.octets, commitment);
  // Check 3: Verifier's equation solved for the commitment. Each point has one encoding, so equal bytes are equal points.
  return equal(encode(instance.evaluate(response, challenge)), commitment);
}

const encode = (points: readonly G1[]): Uint8Array => concat(...points.map(encodeG1));

const VERIFIERS = { compact: verifyCompact, batchable: verifyBatchable } as const;
