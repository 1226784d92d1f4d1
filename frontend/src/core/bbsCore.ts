// The core and utility operations of draft-irtf-cfrg-bbs-signatures, ciphersuite BLS12-381-SHA-256; as `zkp/core/bbs_core.py`.
//
// Only an interface calls these: `bbs` (the draft's own) and `credential` (ours). Messages are scalars here, and the public key is 96 bytes.
import { expand_message_xmd } from "@noble/curves/abstract/hash-to-curve.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { chunks, concat, fromHex, range, toHex, uint64, utf8 } from "./bytes.ts";
import { InvalidCredential, InvalidScalar, InvalidValue } from "./errors.ts";
import {
  type G1, type G2, G1_BYTES, ORDER, SCALAR_BYTES, WIDE_SCALAR_BYTES, decodeG1, decodeG2, decodeScalar, decodeScalars, encodeG1, encodeG2,
  encodeScalar, generatorG2, hashToG1, invert, msm, multiplyG2, octetsG1, pairingIsOne, reduce, wideScalars,
} from "./group.ts";

export const CIPHERSUITE = "BBS_BLS12381G1_XMD:SHA-256_SSWU_RO_";
export const PROOF_FLOOR_BYTES = 3 * G1_BYTES + 4 * SCALAR_BYTES;
export const BLINDS = 5; // random scalars that a proof takes beside one for each undisclosed message
const MAX_DST_BYTES = 255;
const EXPAND_BYTES = 48;
const MIN_KEY_MATERIAL = 32;
const MAX_KEY_INFO = 65_535;

export const P1 = fromHex("a8ce256102840821a3e94ea9025e4662b205762f9776b3a766c872b948f1fd225e7c59698588e70d11406d161b4e28c9");

// Q_1 and H_1..H_L, and `serialize((Q_1, H_1, ..., H_L))`.
export interface Generators {
  readonly q: G1;
  readonly h: readonly G1[];
  readonly octets: Uint8Array;
}

// What a signature is of: the generators, the domain, the messages and B.
export interface Signed {
  readonly generators: Generators;
  readonly domain: bigint;
  readonly messages: readonly bigint[];
  readonly b: G1;
}

// A proof as octets_to_proof reads it.
export interface Proof {
  readonly aBar: G1;
  readonly bBar: G1;
  readonly d: G1;
  readonly eHat: bigint;
  readonly r1Hat: bigint;
  readonly r3Hat: bigint;
  readonly commitments: readonly bigint[];
  readonly challenge: bigint;
}

// init_res of ProofInit and ProofVerifyInit.
interface Init {
  readonly points: readonly [aBar: G1, bBar: G1, d: G1, t1: G1, t2: G1];
  readonly domain: bigint;
}

// What an interface hashes into a challenge beside the draft's own, from the nonces or responses of the undisclosed messages.
export type Linked = (scalars: readonly bigint[]) => Uint8Array;
const NOTHING: Linked = () => new Uint8Array();

export const expandMessage = (message: Uint8Array, dst: Uint8Array, length: number): Uint8Array =>
  expand_message_xmd(message, dst, length, sha256);

// "Hash to Scalar".
export function hashToScalar(message: Uint8Array, dst: Uint8Array): bigint {
  if (dst.length > MAX_DST_BYTES) {
    throw new InvalidValue("a domain separation tag has at most 255 bytes");
  }
  return wideScalars(expandMessage(message, dst, WIDE_SCALAR_BYTES))[0]!;
}

// "Messages to Scalars".
export const messagesToScalars = (messages: readonly Uint8Array[], apiId: string): bigint[] =>
  messages.map((message) => hashToScalar(message, utf8(`${apiId}MAP_MSG_TO_SCALAR_AS_HASH_`)));

// Q_1 and `count` - 1 message generators ("Generators Calculation"), computed once.
export const createGenerators = (count: number, apiId: string): Generators =>
  once(generatorsMade, `${apiId}|${count}`, () => {
    const [seedDst, generatorDst] = [utf8(`${apiId}SIG_GENERATOR_SEED_`), utf8(`${apiId}SIG_GENERATOR_DST_`)];
    let v = expandMessage(utf8(`${apiId}MESSAGE_GENERATOR_SEED`), seedDst, EXPAND_BYTES); // 1
    const made = range(count).map((at) => { // 2-4
      v = expandMessage(concat(v, uint64(at + 1)), seedDst, EXPAND_BYTES);
      return hashToG1(v, generatorDst);
    });
    return { q: made[0]!, h: made.slice(1), octets: concat(...made.map(encodeG1)) };
  });

// "Secret Key".
export function keygen(keyMaterial: Uint8Array, keyInfo: Uint8Array, keyDst: Uint8Array): bigint {
  if (keyMaterial.length < MIN_KEY_MATERIAL || keyInfo.length > MAX_KEY_INFO) { // 1, 2
    throw new InvalidValue("key material has at least 32 bytes, key information at most 65,535");
  }
  const sk = hashToScalar(concat(keyMaterial, uint64(keyInfo.length).subarray(6), keyInfo), keyDst); // 3, 4
  if (!sk) { // 5
    throw new InvalidScalar();
  }
  return sk;
}

// "Public Key".
export const skToPk = (sk: bigint): Uint8Array => encodeG2(multiplyG2(generatorG2(), sk));

// The point of a public key, checked once for each key ("Octets to Public Key").
export const octetsToPubkey = (pk: Uint8Array): G2 => once(keysRead, toHex(pk), () => decodeG2(pk));

// The scalar that stands for key, generators and header ("Domain Calculation").
export function calculateDomain(pk: Uint8Array, generators: Generators, header: Uint8Array, apiId: string): bigint {
  const domOcts = concat(uint64(generators.h.length), generators.octets, utf8(apiId)); // 1, 2
  return hashToScalar(concat(pk, domOcts, uint64(header.length), header), utf8(`${apiId}H2S_`)); // 3, 4
}

// B = P1 + Q_1 * domain + H_1 * msg_1 + ... + H_L * msg_L (CoreSign step 3).
export const messagePoint = (generators: Generators, domain: bigint, messages: readonly bigint[]): G1 =>
  msm([p1(), generators.q, ...generators.h], [1n, domain, ...messages]);

// What a signature of these messages is of (CoreSign steps 1 and 3, CoreVerify steps 1 and 2, ProofInit steps 1 and 2).
export function signed(pk: Uint8Array, header: Uint8Array, messages: readonly bigint[], apiId: string): Signed {
  const generators = createGenerators(messages.length + 1, apiId);
  const domain = calculateDomain(pk, generators, header, apiId);
  return { generators, domain, messages, b: messagePoint(generators, domain, messages) };
}

// (A, e) with A = B * (1 / (SK + e)) (CoreSign steps 4 and 5).
export function signPoint(sk: bigint, e: bigint, b: G1): Uint8Array {
  const sum = reduce(sk + e);
  if (!sum) {
    throw new InvalidScalar();
  }
  return concat(encodeG1(msm([b], [invert(sum)])), encodeScalar(e));
}

// "Octets to Signature".
export const octetsToSignature = (signature: Uint8Array): [a: G1, e: bigint] => [
  decodeG1(signature.subarray(0, G1_BYTES)),
  decodeScalar(signature.subarray(G1_BYTES), { zero: false }),
];

// Says whether h(A, W) * h(A * e - B, BP2) is one (CoreVerify step 3).
export function coreVerify(pk: Uint8Array, signature: Uint8Array, b: G1): boolean {
  const [a, e] = octetsToSignature(signature);
  return pairingIsOne([a, octetsToPubkey(pk)], [msm([a, b], [e, ORDER - 1n]), generatorG2()]);
}

// The other indexes of 0..count - 1 (CoreProofGen's deserialization, steps 6 to 9).
export function undisclosed(count: number, disclosed: readonly number[]): number[] {
  if (!disclosed.every((at, place) => Number.isInteger(at) && at >= 0 && at < count && (!place || at > disclosed[place - 1]!))) {
    throw new InvalidValue("disclosed indexes ascend, and each names a message");
  }
  return range(count).filter((at) => !disclosed.includes(at));
}

// CoreProofGen, ProofInit, ProofFinalize. The random scalars are 5 and one for each undisclosed message; `linked` is given the nonces of the
// undisclosed messages.
export function coreProofGen(
  { signature, of, ph, disclosed, apiId, scalars, linked = NOTHING }: {
    readonly signature: Uint8Array;
    readonly of: Signed;
    readonly ph: Uint8Array;
    readonly disclosed: readonly number[];
    readonly apiId: string;
    readonly scalars: readonly bigint[];
    readonly linked?: Linked;
  },
): Uint8Array {
  const { generators, domain, messages, b } = of;
  const hidden = undisclosed(messages.length, disclosed);
  if (scalars.length !== BLINDS + hidden.length) {
    throw new InvalidValue("five random scalars, and one for each undisclosed message");
  }
  const [r1, r2, eTilde, r1Tilde, r3Tilde] = scalars as [bigint, bigint, bigint, bigint, bigint];
  const mTilde = scalars.slice(BLINDS);
  if (!r1 || !r2) {
    throw new InvalidCredential();
  }
  const [a, e] = octetsToSignature(signature);

  // ProofInit, whose steps 1 and 2 were done for the signature
  const d = msm([b], [r2]); // 3
  const aBar = msm([a], [reduce(r1 * r2)]); // 4
  const bBar = msm([d, aBar], [r1, reduce(-e)]); // 5
  const t1 = msm([aBar, d], [eTilde, r1Tilde]); // 6
  const t2 = msm([d, ...hidden.map((at) => generators.h[at]!)], [r3Tilde, ...mTilde]); // 7
  const init: Init = { points: [aBar, bBar, d, t1, t2], domain };
  const shown = disclosed.map((at) => [at, messages[at]!] as const);
  const c = challenge(init, shown, ph, apiId, linked(mTilde));

  // ProofFinalize
  const hats = [
    eTilde + e * c, // 2
    r1Tilde - r1 * c, // 3
    r3Tilde - invert(r2) * c, // 1, 4
    ...hidden.map((at, place) => mTilde[place]! + messages[at]! * c), // 5
    c,
  ];
  return concat(...[aBar, bBar, d].map(encodeG1), ...hats.map((hat) => encodeScalar(reduce(hat)))); // 6, 7
}

// "Octets to Proof".
export function octetsToProof(proof: Uint8Array): Proof {
  if (proof.length < PROOF_FLOOR_BYTES) { // 1, 2
    throw new InvalidScalar();
  }
  const split = 3 * G1_BYTES;
  const scalars = decodeScalars(proof.subarray(split), { zero: false }); // 10-17; before the points, as it costs less
  const [aBar, bBar, d] = chunks(proof.subarray(0, split), G1_BYTES).map(decodeG1) as [G1, G1, G1]; // 3-9
  const [eHat, r1Hat, r3Hat] = scalars as [bigint, bigint, bigint];
  return { aBar, bBar, d, eHat, r1Hat, r3Hat, commitments: scalars.slice(3, -1), challenge: scalars.at(-1)! };
}

// Says whether a proof holds (CoreProofVerify, ProofVerifyInit). `linked` is given the responses of the undisclosed messages.
export function coreProofVerify(
  { pk, proof, generators, domain, ph, disclosedMessages, disclosed, apiId, linked = NOTHING }: {
    readonly pk: Uint8Array;
    readonly proof: Proof;
    readonly generators: Generators;
    readonly domain: bigint;
    readonly ph: Uint8Array;
    readonly disclosedMessages: readonly bigint[];
    readonly disclosed: readonly number[];
    readonly apiId: string;
    readonly linked?: Linked;
  },
): boolean {
  const w = octetsToPubkey(pk); // 4
  const { aBar, bBar, d, challenge: c } = proof;

  // ProofVerifyInit
  const hidden = undisclosed(disclosed.length + proof.commitments.length, disclosed);
  if (disclosedMessages.length !== disclosed.length || generators.h.length !== disclosed.length + hidden.length) {
    throw new InvalidValue("a message for each disclosed index, and a generator for each message");
  }
  const t1 = msm([bBar, aBar, d], [c, proof.eHat, proof.r1Hat]); // 2
  // 3, 4: T2 = Bv * c + ... with Bv's own sum multiplied out, so that all is one sum.
  const bases = [p1(), generators.q, ...disclosed.map((at) => generators.h[at]!), d, ...hidden.map((at) => generators.h[at]!)];
  const known = [1n, domain, ...disclosedMessages].map((each) => reduce(each * c));
  const t2 = msm(bases, [...known, proof.r3Hat, ...proof.commitments]);
  const init: Init = { points: [aBar, bBar, d, t1, t2], domain };
  const shown = disclosed.map((at, place) => [at, disclosedMessages[place]!] as const);
  if (c !== challenge(init, shown, ph, apiId, linked(proof.commitments))) { // 3, 5
    return false;
  }
  return pairingIsOne([aBar, w], [bBar.negate(), generatorG2()]); // 6
}

// The challenge ("Challenge Calculation"), with what an interface adds between c_arr and ph.
function challenge(
  { points, domain }: Init, disclosed: readonly (readonly [number, bigint])[], ph: Uint8Array, apiId: string, linked: Uint8Array,
): bigint {
  const shown = disclosed.flatMap(([at, message]) => [uint64(at), encodeScalar(message)]);
  const cOcts = concat(uint64(disclosed.length), ...shown, ...points.map(octetsG1), encodeScalar(domain));
  return hashToScalar(concat(cOcts, linked, uint64(ph.length), ph), utf8(`${apiId}H2S_`));
}

const MOST_KEPT = 64;
const generatorsMade = new Map<string, Generators>();
const keysRead = new Map<string, G2>();
const pointsRead = new Map<string, G1>();

const p1 = (): G1 => once(pointsRead, "P1", () => decodeG1(P1));

function once<T>(kept: Map<string, T>, name: string, make: () => T): T {
  const found = kept.get(name);
  if (found !== undefined) {
    return found;
  }
  if (kept.size >= MOST_KEPT) {
    kept.clear();
  }
  const made = make();
  kept.set(name, made);
  return made;
}
