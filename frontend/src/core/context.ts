// What a proof is bound to: one canonical text, hashed into its challenge; as `zkp/core/context.py`.
//
// Canonical is RFC 8785 over ASCII names, texts and whole numbers: the names sorted, no blanks, UTF-8. Times are UTC, to the second.
import { fromHex, toHex, utf8 } from "./bytes.ts";
import { InvalidContext } from "./errors.ts";

export const PROTOCOL = "consonant/zkp";
export const VERSION = 1;
const NONCE_BYTES = 32;
const ROOT_BYTES = 32;
const MAX_TEXT = 2_048;
const MAX_BYTES = 32_768;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

// What a verifier asked for. `size` and `root` are the checkpoint's; `expires`: until when an answer is taken.
export interface Context {
  readonly origin: string;
  readonly verifier: string;
  readonly nonce: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
  readonly statement: string;
  readonly purpose: string;
  readonly expires: Date;
}

// What the log asked for when somebody shows the key of an account. `ref`: the entry that is spoken of, as its leaf writes it.
export interface Enrolment {
  readonly origin: string;
  readonly nonce: Uint8Array;
  readonly account: string;
  readonly ref: string;
  readonly expires: Date;
}

// The text of a context that is hashed.
export function octets(context: Context): Uint8Array {
  const { origin, verifier, nonce, size, root, statement, purpose, expires } = context;
  checkTexts(origin, verifier, statement, purpose);
  checkBytes(nonce, NONCE_BYTES);
  checkBytes(root, ROOT_BYTES);
  if (!Number.isSafeInteger(size) || size < 0 || Object.is(size, -0)) {
    throw new InvalidContext();
  }
  return canonical({
    expires: moment(expires), nonce: toHex(nonce), origin, protocol: PROTOCOL, purpose, root: toHex(root), size, statement, v: VERSION, verifier,
  });
}

// The text of an enrolment that is hashed.
export function enrolmentOctets({ origin, nonce, account, ref, expires }: Enrolment): Uint8Array {
  checkTexts(origin, account, ref);
  checkBytes(nonce, NONCE_BYTES);
  return canonical({
    account, expires: moment(expires), nonce: toHex(nonce), origin, protocol: PROTOCOL, ref, statement: "enrol", v: VERSION,
  });
}

// Reads what `octets` wrote, and nothing that says the same in another form.
export const readContext = (text: string): Context =>
  read(text, octets, (said) => ({
    origin: said["origin"] as string,
    verifier: said["verifier"] as string,
    nonce: fromHex(said["nonce"] as string),
    size: said["size"] as number,
    root: fromHex(said["root"] as string),
    statement: said["statement"] as string,
    purpose: said["purpose"] as string,
    expires: readMoment(said["expires"]),
  }));

// Reads what `enrolmentOctets` wrote, and nothing that says the same in another form.
export const readEnrolment = (text: string): Enrolment =>
  read(text, enrolmentOctets, (said) => ({
    origin: said["origin"] as string,
    nonce: fromHex(said["nonce"] as string),
    account: said["account"] as string,
    ref: said["ref"] as string,
    expires: readMoment(said["expires"]),
  }));

// The one form of texts and whole numbers under ASCII names (RFC 8785): JSON.stringify writes both as it demands.
export function canonical(said: Readonly<Record<string, string | number>>): Uint8Array {
  const names = Object.keys(said).sort();
  if (!Object.values(said).every((value) => (typeof value === "string" ? value.isWellFormed() : Number.isSafeInteger(value)))) {
    throw new InvalidContext();
  }
  return utf8(`{${names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(said[name])}`).join(",")}}`);
}

// A time as RFC 3339, UTC, to the second.
export function moment(when: Date): string {
  const said = Number.isNaN(when.valueOf()) ? "" : when.toISOString();
  if (said.length !== 24 || !said.endsWith(".000Z") || said.startsWith("0")) {
    throw new InvalidContext();
  }
  return `${said.slice(0, 19)}Z`;
}

// Reads a time that `moment` wrote.
export function readMoment(said: unknown): Date {
  if (typeof said !== "string" || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/.test(said)) {
    throw new InvalidContext();
  }
  const when = new Date(said);
  if (moment(when) !== said) {
    throw new InvalidContext();
  }
  return when;
}

function read<T>(text: string, write: (made: T) => Uint8Array, make: (said: Readonly<Record<string, unknown>>) => T): T {
  try {
    if (text.length > MAX_BYTES || !text.isWellFormed()) {
      throw new InvalidContext();
    }
    const made = make(JSON.parse(text) as Record<string, unknown>);
    if (toHex(write(made)) !== toHex(utf8(text))) {
      throw new InvalidContext();
    }
    return made;
  } catch {
    throw new InvalidContext();
  }
}

function checkTexts(...texts: readonly string[]): void {
  for (const text of texts) {
    if (typeof text !== "string" || !text || [...text].length > MAX_TEXT || CONTROL.test(text) || !text.isWellFormed()) {
      throw new InvalidContext();
    }
  }
}

function checkBytes(bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) {
    throw new InvalidContext();
  }
}
