// The statement active: at most five minutes before it runs out, my grant for this app and operation stood; once per epoch; as
// `zkp/core/active.py`, which says what the pseudonym is.
import { utf8 } from "./bytes.ts";
import { type Context, canonical, octets, readMoment } from "./context.ts";
import * as credential from "./credential.ts";
import { InvalidContext } from "./errors.ts";
import { type G1, decodeG1, decodeScalar, encodeG1, hashToG1, msm } from "./group.ts";
import { type Randomness } from "./randomness.ts";

export const STATEMENT = "active";
export const HEADER = utf8("consonant/1|active");
export const SCHEMA = ["app", "operation", "purpose", "valid_until"] as const;
export const ALWAYS = ["app", "operation", "valid_until"] as const;
export const LIFETIME = 5 * 60 * 1000; // ms
const VERSION = 1;

// What the prover sends: the pseudonym, 48 bytes, and the proof.
export interface Shown {
  readonly pseudonym: Uint8Array;
  readonly proof: Uint8Array;
}

interface Held {
  readonly pk: Uint8Array;
  readonly issued: Uint8Array;
  readonly s: Uint8Array;
  readonly attributes: credential.Attributes;
}

// Says whether a credential is the ledger's, over these attributes and this secret.
export const check = ({ pk, issued, s, attributes }: Held): boolean =>
  credential.check({ pk, s, signature: issued, header: HEADER, messages: credential.allMessages(SCHEMA, attributes) });

// The pseudonym of the context's verifier in this epoch, and the proof. `randomness`: for vectors only.
export function prove(
  { pk, issued, s, attributes, epoch, context, showPurpose = false, randomness }: Held & {
    readonly epoch: number;
    readonly context: Context;
    readonly showPurpose?: boolean;
    readonly randomness?: Randomness;
  },
): Shown {
  const messages = credential.allMessages(SCHEMA, attributes);
  if (context.statement !== STATEMENT) {
    throw new InvalidContext();
  }
  const base = scopePoint(attributes, epoch, context);
  const image = msm([base], [decodeScalar(s, { zero: false })]);
  const proof = credential.present({
    pk, s, messages,
    signature: issued,
    header: HEADER,
    ph: octets(context),
    disclosed: SCHEMA.flatMap((name, at) => (name !== "purpose" || showPurpose ? [at] : [])),
    links: [{ base, image }],
    ...(randomness && { randomness }),
  });
  return { pseudonym: encodeG1(image), proof };
}

// Says whether somebody's grant for this app and operation stood when the ledger last looked, at most five minutes ago. Whether the
// pseudonym was spent before is not for here.
export function verify(
  { pk, disclosed, epoch, shown, context, now }: {
    readonly pk: Uint8Array;
    readonly disclosed: credential.Attributes;
    readonly epoch: number;
    readonly shown: Shown;
    readonly context: Context;
    readonly now: Date;
  },
): boolean {
  if (context.statement !== STATEMENT || !ALWAYS.every((name) => Object.hasOwn(disclosed, name))) {
    return false;
  }
  let messages, image;
  try {
    messages = credential.disclosedMessages(SCHEMA, disclosed);
    image = decodeG1(shown.pseudonym);
  } catch {
    return false;
  }
  if (!runs(disclosed["valid_until"]!, now)) {
    return false;
  }
  const links = [{ base: scopePoint(disclosed, epoch, context), image }];
  return credential.verify({ pk, proof: shown.proof, header: HEADER, ph: octets(context), count: SCHEMA.length, disclosed: messages, links });
}

// The text that is hashed to a point: one verifier of one log, one app, one operation, one epoch.
export const scope = ({ app, operation }: credential.Attributes, epoch: number, { origin, verifier }: Context): Uint8Array =>
  canonical({ app: app!, epoch, operation: operation!, origin, v: VERSION, verifier });

const scopePoint = (said: credential.Attributes, epoch: number, context: Context): G1 =>
  hashToG1(scope(said, epoch, context), utf8(`${credential.API_ID}NYM_`));

function runs(until: string, now: Date): boolean {
  try {
    const left = readMoment(until).valueOf() - now.valueOf();
    return left >= 0 && left <= LIFETIME;
  } catch {
    return false;
  }
}
