// BBS over a secret that the signer never sees: the interface under `receipt` and `active`; as `zkp/core/credential.py`, which says what is
// signed and why. The wallet checks, presents and verifies; it never issues.
import * as core from "./bbsCore.ts";
import { holds } from "./bbs.ts";
import { concat, uint64, utf8 } from "./bytes.ts";
import { InvalidAttributes, InvalidCredential, InvalidValue } from "./errors.ts";
import { type G1, SCALAR_BYTES, decodeScalar, encodeG1, encodeScalar, msm, reduce } from "./group.ts";
import { type Randomness, hedged } from "./randomness.ts";

export const API_ID = `${core.CIPHERSUITE}H2G_HM2S_CONSONANT1_`;

export type Attributes = Readonly<Record<string, string>>;

// A linear part of a proof: image = s base.
export interface Link {
  readonly base: G1;
  readonly image: G1;
}

interface Shown {
  readonly pk: Uint8Array;
  readonly header: Uint8Array; // what the signature was made under
  readonly ph: Uint8Array; // what the proof is bound to
  readonly links?: readonly Link[];
}

// The messages of some attributes, by their index in the schema: the texts in UTF-8.
export function disclosedMessages(schema: readonly string[], attributes: Attributes): Map<number, Uint8Array> {
  if (!Object.keys(attributes).every((name) => schema.includes(name))) {
    throw new InvalidAttributes();
  }
  const said = schema.flatMap((name, at) => (Object.hasOwn(attributes, name) ? [[at, attributes[name]] as const] : []));
  return new Map(said.map(([at, text]) => {
    if (typeof text !== "string" || !text.isWellFormed()) {
      throw new InvalidAttributes();
    }
    return [at, utf8(text)];
  }));
}

// The messages of all attributes of a schema.
export function allMessages(schema: readonly string[], attributes: Attributes): Uint8Array[] {
  const found = disclosedMessages(schema, attributes);
  if (found.size !== schema.length) {
    throw new InvalidAttributes();
  }
  return [...found.values()];
}

// H_1, which carries s.
export const secretGenerator = (): G1 => core.createGenerators(2, API_ID).h[0]!;

// K = s H_1, 48 bytes.
export const keyCommitment = (s: Uint8Array): Uint8Array => encodeG1(msm([secretGenerator()], [decodeScalar(s, { zero: false })]));

// Says whether it is the key's signature of these messages and this secret.
export function check(
  { pk, signature, s, header, messages }: Omit<Shown, "ph" | "links"> & {
    readonly signature: Uint8Array;
    readonly s: Uint8Array;
    readonly messages: readonly Uint8Array[];
  },
): boolean {
  return holds(() => core.coreVerify(pk, signature, signed(pk, s, header, messages).b));
}

// A proof that discloses the messages at these ascending indexes, and never s.
export function present(
  { pk, signature, s, header, ph, messages, disclosed, links = [], randomness }: Shown & {
    readonly signature: Uint8Array;
    readonly s: Uint8Array;
    readonly messages: readonly Uint8Array[];
    readonly disclosed: readonly number[];
    readonly randomness?: Randomness;
  },
): Uint8Array {
  const of = signed(pk, s, header, messages);
  if (!holds(() => core.coreVerify(pk, signature, of.b))) {
    throw new InvalidCredential();
  }
  const shown = disclosed.map((at) => 1 + at);
  const hidden = core.undisclosed(of.messages.length, shown);
  if (hidden[0] !== 0) {
    throw new InvalidValue("disclosed indexes name messages");
  }
  const hedge = [signature, concat(...of.messages.map(encodeScalar)), pk, header, ph, utf8(JSON.stringify(shown))];
  const draw = randomness ?? hedged(...hedge, ...links.flatMap(({ base, image }) => [encodeG1(base), encodeG1(image)]));
  return core.coreProofGen({
    signature, of, ph,
    disclosed: shown,
    apiId: API_ID,
    scalars: draw(core.BLINDS + hidden.length),
    linked: (nonces) => hashed(links, links.map(({ base }) => msm([base], [nonces[0]!]))),
  });
}

const signed = (pk: Uint8Array, s: Uint8Array, header: Uint8Array, messages: readonly Uint8Array[]): core.Signed =>
  core.signed(pk, header, [decodeScalar(s, { zero: false }), ...core.messagesToScalars(messages, API_ID)], API_ID);

// Says whether a proof holds. `count`: how many messages were signed, beside s. `disclosed`: the disclosed messages by their index. `links`:
// the linear parts it must have, in their order.
export function verify(
  { pk, proof, header, ph, count, disclosed, links = [] }: Shown & {
    readonly proof: Uint8Array;
    readonly count: number;
    readonly disclosed: ReadonlyMap<number, Uint8Array>;
  },
): boolean {
  const indexes = [...disclosed.keys()].sort((one, other) => one - other);
  if (proof.length !== proofBytes(count, indexes.length) || !indexes.every((at) => at >= 0 && at < count)) {
    return false;
  }
  return holds(() => {
    const read = core.octetsToProof(proof);
    const generators = core.createGenerators(count + 2, API_ID);
    return core.coreProofVerify({
      pk, proof: read, generators, ph,
      domain: core.calculateDomain(pk, generators, header, API_ID),
      disclosedMessages: core.messagesToScalars(indexes.map((at) => disclosed.get(at)!), API_ID),
      disclosed: indexes.map((at) => 1 + at),
      apiId: API_ID,
      // image = s base and m^ = m~ + s c: the commitment m~ base is m^ base - c image.
      linked: (responses) => hashed(links, links.map(({ base, image }) => msm([base, image], [responses[0]!, reduce(-read.challenge)]))),
    });
  });
}

// A proof's length: s and each undisclosed message take one scalar.
export const proofBytes = (count: number, disclosed: number): number => core.PROOF_FLOOR_BYTES + SCALAR_BYTES * (1 + count - disclosed);

const hashed = (links: readonly Link[], commitments: readonly G1[]): Uint8Array =>
  concat(uint64(links.length), ...links.flatMap(({ base, image }, at) => [base, image, commitments[at]!].map(encodeG1)));
