// A wallet at rest: AES-256-GCM under a random key, which a passphrase (Argon2id, RFC 9106) or a passkey (WebAuthn PRF) unlocks.
//
// What is kept, and what a backup file holds, is one JSON text, `Box`. Whoever has it and not the passphrase can only guess passphrases, each
// guess at the price of Argon2id. A lock names what it is in its additional data, so that none can stand for another.
import { argon2id } from "@noble/hashes/argon2.js";
import { concat, fromHex, fromUtf8, toHex, utf8 } from "../core/bytes.ts";
import { stretch } from "../core/keys.ts";
import { Trouble } from "./errors.ts";
import { plain } from "./hpke.ts";

export const TYPE = "consonant/wallet/v1";
export const MIN_PASSPHRASE = 10;
const COST = { t: 3, m: 65_536, p: 4 }; // RFC 9106 section 4, second recommended option: 64 MiB
const MOST = { t: 10, m: 1_048_576, p: 16 };
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const SALT_BYTES = 16;

interface Sealed {
  readonly nonce: string;
  readonly data: string;
}

export interface PassphraseLock extends Sealed {
  readonly kind: "passphrase";
  readonly salt: string;
  readonly t: number;
  readonly m: number;
  readonly p: number;
}

export interface PasskeyLock extends Sealed {
  readonly kind: "passkey";
  readonly id: string; // of the credential
  readonly salt: string; // what the passkey's PRF is asked about
}

export interface Box {
  readonly type: typeof TYPE;
  readonly locks: readonly (PassphraseLock | PasskeyLock)[];
  readonly body: Sealed;
}

export type Progress = (done: number, all: number) => void;

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

// A new box with one lock, and the key that it is under.
export async function make(text: string, passphrase: string, progress?: Progress): Promise<{ box: Box; key: Uint8Array }> {
  const key = random(KEY_BYTES);
  const salt = random(SALT_BYTES);
  const sealed = await seal(stretched(passphrase, salt, COST, progress), key, "passphrase");
  const lock: PassphraseLock = { kind: "passphrase", salt: toHex(salt), ...COST, ...sealed };
  return { box: await refill({ type: TYPE, locks: [lock], body: sealed }, key, text), key };
}

// The same locks around another content.
export const refill = async (box: Box, key: Uint8Array, text: string): Promise<Box> => ({ ...box, body: await seal(key, utf8(text), "body") });

// Adds a passkey: `secret` is what its PRF gives for `salt`.
export async function addPasskey(box: Box, key: Uint8Array, { id, salt, secret }: { id: string; salt: string; secret: string }): Promise<Box> {
  const sealed = await seal(fromPasskey(secret), key, "passkey");
  const others = box.locks.filter((lock) => lock.kind !== "passkey" || lock.id !== id);
  return { ...box, locks: [...others, { kind: "passkey", id, salt, ...sealed }] };
}

// What a backup holds: what the passphrase opens, on any device.
export const portable = (box: Box): Box => ({ ...box, locks: box.locks.filter(({ kind }) => kind === "passphrase") });

export async function openByPassphrase(box: Box, passphrase: string, progress?: Progress): Promise<Uint8Array> {
  const lock = box.locks.find((each) => each.kind === "passphrase");
  if (!lock) {
    throw new Trouble("no_such_lock");
  }
  return open(stretched(passphrase, fromHex(lock.salt), lock, progress), lock, "passphrase", "wrong_passphrase");
}

export async function openByPasskey(box: Box, id: string, secret: string): Promise<Uint8Array> {
  const lock = box.locks.find((each) => each.kind === "passkey" && each.id === id);
  if (!lock) {
    throw new Trouble("no_such_lock");
  }
  return open(fromPasskey(secret), lock, "passkey", "wrong_passkey");
}

export const content = async (box: Box, key: Uint8Array): Promise<string> => fromUtf8(await open(key, box.body, "body", "not_a_wallet"));

export function read(text: string): Box {
  try {
    const said = JSON.parse(text) as Box;
    const fits =
      said.type === TYPE && isSealed(said.body) && Array.isArray(said.locks) &&
      said.locks.every((lock) => isSealed(lock) && (lock.kind === "passkey" ? typeof lock.id === "string" : isPayable(lock)));
    if (fits) {
      return said;
    }
  } catch {
    // it is no JSON
  }
  throw new Trouble("not_a_wallet");
}

const isSealed = (said: Sealed): boolean => fromHex(said.nonce).length === NONCE_BYTES && fromHex(said.data).length > 0;

const isPayable = ({ kind, salt, t, m, p }: PassphraseLock): boolean =>
  kind === "passphrase" && fromHex(salt).length === SALT_BYTES && t > 0 && t <= MOST.t && m >= 8 * p && m <= MOST.m && p > 0 && p <= MOST.p;

function stretched(passphrase: string, salt: Uint8Array, { t, m, p }: { t: number; m: number; p: number }, progress?: Progress): Uint8Array {
  let shown = 0;
  const onProgress = (part: number) => {
    if (part - shown >= 0.05 || part === 1) {
      shown = part;
      progress?.(Math.round(100 * part), 100);
    }
  };
  return argon2id(utf8(passphrase.normalize("NFKC")), salt, { t, m, p, dkLen: KEY_BYTES, onProgress });
}

const fromPasskey = (secret: string): Uint8Array => stretch(fromHex(secret), "consonant/1|passkey", KEY_BYTES);

const additional = (what: string): Uint8Array<ArrayBuffer> => plain(utf8(`${TYPE}|${what}`));

async function seal(key: Uint8Array, data: Uint8Array, what: string): Promise<Sealed> {
  const nonce = random(NONCE_BYTES);
  const imported = await crypto.subtle.importKey("raw", plain(key), "AES-GCM", false, ["encrypt"]);
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: plain(nonce), additionalData: additional(what) }, imported, plain(data));
  return { nonce: toHex(nonce), data: toHex(new Uint8Array(sealed)) };
}

async function open(key: Uint8Array, { nonce, data }: Sealed, what: string, code: string): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey("raw", plain(key), "AES-GCM", false, ["decrypt"]);
  try {
    const words = { name: "AES-GCM", iv: plain(fromHex(nonce)), additionalData: additional(what) };
    return new Uint8Array(await crypto.subtle.decrypt(words, imported, plain(concat(fromHex(data)))));
  } catch {
    throw new Trouble(code);
  }
}
