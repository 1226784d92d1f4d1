// The statement receipt: the ledger attests an entry with these attributes to me; as `zkp/core/receipt.py`.
import { utf8 } from "./bytes.ts";
import { type Context, octets } from "./context.ts";
import * as credential from "./credential.ts";
import { InvalidAttributes, InvalidContext } from "./errors.ts";
import { type Randomness } from "./randomness.ts";

export const STATEMENT = "receipt";
export const HEADER = utf8("consonant/1|receipt");
export const SCHEMA = ["kind", "app", "purpose", "operation", "day", "status", "within_ttl"] as const;

interface Held {
  readonly pk: Uint8Array;
  readonly receipt: Uint8Array;
  readonly s: Uint8Array;
  readonly attributes: credential.Attributes;
}

// Says whether a receipt is the ledger's, over these attributes and this secret.
export const check = ({ pk, receipt, s, attributes }: Held): boolean =>
  credential.check({ pk, s, signature: receipt, header: HEADER, messages: credential.allMessages(SCHEMA, attributes) });

// A proof that shows the attributes named. `randomness`: for vectors only.
export function prove(
  { pk, receipt, s, attributes, disclosed, context, randomness }: Held & {
    readonly disclosed: readonly string[];
    readonly context: Context;
    readonly randomness?: Randomness;
  },
): Uint8Array {
  if (context.statement !== STATEMENT) {
    throw new InvalidContext();
  }
  if (!disclosed.every((name) => (SCHEMA as readonly string[]).includes(name))) {
    throw new InvalidAttributes();
  }
  return credential.present({
    pk, s,
    signature: receipt,
    header: HEADER,
    ph: octets(context),
    messages: credential.allMessages(SCHEMA, attributes),
    disclosed: SCHEMA.flatMap((name, at) => (disclosed.includes(name) ? [at] : [])),
    ...(randomness && { randomness }),
  });
}

// Says whether somebody holds a receipt of this ledger with these attributes, and answered this context.
export function verify(
  { pk, disclosed, context, proof }: {
    readonly pk: Uint8Array;
    readonly disclosed: credential.Attributes;
    readonly context: Context;
    readonly proof: Uint8Array;
  },
): boolean {
  if (context.statement !== STATEMENT) {
    return false;
  }
  let shown;
  try {
    shown = credential.disclosedMessages(SCHEMA, disclosed);
  } catch {
    return false;
  }
  return credential.verify({ pk, proof, header: HEADER, ph: octets(context), count: SCHEMA.length, disclosed: shown });
}
