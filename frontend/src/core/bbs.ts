// BBS signatures as draft-irtf-cfrg-bbs-signatures has them: the draft's own interface, ciphersuite BLS12-381-SHA-256, bytes only; as
// `zkp/core/bbs.py`.
//
// Secret keys and scalars are 32 bytes big-endian, public keys 96 bytes, signatures 80, proofs 272 and 32 for each undisclosed message. What
// signs or proves throws; what verifies answers, and malformed is false.
import * as core from "./bbsCore.ts";
import { concat, utf8 } from "./bytes.ts";
import { InvalidCredential, InvalidPoint, InvalidScalar, InvalidValue } from "./errors.ts";
import { SCALAR_BYTES, decodeScalar, encodeScalar } from "./group.ts";
import { type Randomness, hedged } from "./randomness.ts";

export const API_ID = `${core.CIPHERSUITE}H2G_HM2S_`;
export const KEYGEN_DST = utf8(`${core.CIPHERSUITE}KEYGEN_DST_`);
const NONE = new Uint8Array();

interface Signed {
  readonly pk: Uint8Array;
  readonly header?: Uint8Array;
  readonly messages?: readonly Uint8Array[];
  readonly apiId?: string;
}

// KeyGen.
export const keygen = (keyMaterial: Uint8Array, keyInfo: Uint8Array = NONE, keyDst: Uint8Array = KEYGEN_DST): Uint8Array =>
  encodeScalar(core.keygen(keyMaterial, keyInfo, keyDst));

// SkToPk.
export const skToPk = (sk: Uint8Array): Uint8Array => core.skToPk(decodeScalar(sk, { zero: false }));

// The signature of these messages under this header (Sign, CoreSign).
export function sign({ sk, pk, header = NONE, messages = [], apiId = API_ID }: Signed & { readonly sk: Uint8Array }): Uint8Array {
  const secret = decodeScalar(sk, { zero: false });
  core.octetsToPubkey(pk);
  const of = core.signed(pk, header, core.messagesToScalars(messages, apiId), apiId); // CoreSign steps 1 and 3
  const e = core.hashToScalar(concat(...[secret, ...of.messages, of.domain].map(encodeScalar)), utf8(`${apiId}H2S_`)); // 2
  return core.signPoint(secret, e, of.b); // 4, 5
}

// Says whether it is the key's signature of these messages under this header (Verify, CoreVerify).
export function verify({ pk, signature, header = NONE, messages = [], apiId = API_ID }: Signed & { readonly signature: Uint8Array }): boolean {
  const of = core.signed(pk, header, core.messagesToScalars(messages, apiId), apiId);
  return holds(() => core.coreVerify(pk, signature, of.b));
}

// A proof of knowing a signature, which discloses the messages at the ascending indexes `disclosed` (ProofGen). `ph`: what this proof is
// bound to. `randomness`: for vectors only, calculate_random_scalars.
export function proofGen(
  { pk, signature, header = NONE, ph = NONE, messages = [], disclosed = [], apiId = API_ID, randomness }: Signed & {
    readonly signature: Uint8Array;
    readonly ph?: Uint8Array;
    readonly disclosed?: readonly number[];
    readonly randomness?: Randomness;
  },
): Uint8Array {
  const of = core.signed(pk, header, core.messagesToScalars(messages, apiId), apiId);
  if (!holds(() => core.coreVerify(pk, signature, of.b))) {
    throw new InvalidCredential();
  }
  const hidden = core.undisclosed(messages.length, disclosed);
  const secrets = concat(...of.messages.map(encodeScalar));
  const draw = randomness ?? hedged(signature, secrets, pk, header, ph, utf8(JSON.stringify(disclosed)), utf8(apiId));
  return core.coreProofGen({ signature, of, ph, disclosed, apiId, scalars: draw(core.BLINDS + hidden.length) });
}

// Says whether a proof holds for the disclosed messages, at these indexes, under this header and presentation header (ProofVerify).
export function proofVerify(
  { pk, proof, header = NONE, ph = NONE, disclosedMessages = [], disclosed = [], apiId = API_ID }: {
    readonly pk: Uint8Array;
    readonly proof: Uint8Array;
    readonly header?: Uint8Array;
    readonly ph?: Uint8Array;
    readonly disclosedMessages?: readonly Uint8Array[];
    readonly disclosed?: readonly number[];
    readonly apiId?: string;
  },
): boolean {
  return holds(() => {
    const read = core.octetsToProof(proof);
    const count = (proof.length - core.PROOF_FLOOR_BYTES) / SCALAR_BYTES + disclosed.length;
    const generators = core.createGenerators(count + 1, apiId);
    return core.coreProofVerify({
      pk, proof: read, generators, ph, disclosed, apiId,
      domain: core.calculateDomain(pk, generators, header, apiId),
      disclosedMessages: core.messagesToScalars(disclosedMessages, apiId),
    });
  });
}

// What is malformed does not hold.
export function holds(check: () => boolean): boolean {
  try {
    return check();
  } catch (error) {
    if (error instanceof InvalidPoint || error instanceof InvalidScalar || error instanceof InvalidValue) {
      return false;
    }
    throw error;
  }
}
