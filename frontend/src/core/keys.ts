// A person's keys, and the tags, salts and marks that they put on entries; as `zkp/tag.py`, which gives the formulas.
//
// The seed is the 32 bytes that 24 words of BIP-39's English list stand for. Nothing here is stored or sent.
import { sha256 } from "@noble/hashes/sha2.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { entropyToMnemonic, mnemonicToEntropy, validateMnemonic } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { concat, toBigInt, utf8 } from "./bytes.ts";
import { InvalidScalar, InvalidValue } from "./errors.ts";
import { ORDER, decodeScalar, encodeG1, encodeScalar, generator, msm, reduce } from "./group.ts";

export const SEED_BYTES = 32;
export const KEY_BYTES = 32;
export const MARK_BYTES = 16;
const SALT_BYTES = 32;
const WIDE_BYTES = 48;
const REF = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const DAY = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/;

// Secrets in one log: the scalar `s`, 32 bytes big-endian, and the marking key `ku`, 32 bytes.
export interface Keys {
  readonly s: Uint8Array;
  readonly ku: Uint8Array;
}

// A new seed, from the operating system.
export const newSeed = (): Uint8Array => crypto.getRandomValues(new Uint8Array(SEED_BYTES));

// The 24 words of a seed.
export const toWords = (seed: Uint8Array): string => entropyToMnemonic(checkLength(seed, SEED_BYTES), wordlist);

// The seed of 24 words, however they are spaced and cased; null where they are no such words, or their checksum does not fit.
export function fromWords(said: string): Uint8Array | null {
  const words = said.normalize("NFKD").trim().toLowerCase().split(/\s+/);
  const text = words.join(" ");
  return words.length === 24 && validateMnemonic(text, wordlist) ? mnemonicToEntropy(text, wordlist) : null;
}

// Which of the words are not on the list.
export const strangers = (said: string): string[] =>
  said.normalize("NFKD").trim().toLowerCase().split(/\s+/).filter((word) => word && !wordlist.includes(word));

// The keys that a seed has in the log `origin`.
export function derive(seed: Uint8Array, origin: string): Keys {
  checkLength(seed, SEED_BYTES);
  if (!origin) {
    throw new InvalidValue("an origin has a name");
  }
  return { s: deriveScalar(seed, `consonant/1|s|${origin}`), ku: stretch(seed, `consonant/1|ku|${origin}`, KEY_BYTES) };
}

// P = s G, compressed.
export const publicKey = (s: Uint8Array): Uint8Array => encodeG1(msm([generator()], [decodeScalar(s, { zero: false })]));

// R || T of a UTC day (YYYY-MM-DD), 96 bytes. T = s R is made as (rho s) G: products of the generator are the quick ones.
export function dayTag({ s, ku }: Keys, day: string): Uint8Array {
  if (!DAY.test(day)) {
    throw new InvalidValue("a day is YYYY-MM-DD");
  }
  const rho = decodeScalar(deriveScalar(checkLength(ku, KEY_BYTES), `rho|${day}`), { zero: false });
  const known = decodeScalar(s, { zero: false });
  return concat(...[rho, reduce(rho * known)].map((each) => encodeG1(msm([generator()], [each]))));
}

// The salt of the subject commitment of entry `ref`, 32 bytes.
export const subjectSalt = (ku: Uint8Array, ref: string): Uint8Array =>
  stretch(checkLength(ku, KEY_BYTES), `salt|subject|${checkRef(ref)}`, SALT_BYTES);

// The mark of entry `ref`, 16 bytes, by which the holder of `ku` finds it in the log.
export const mark = (ku: Uint8Array, ref: string): Uint8Array => marker(ku)(checkRef(ref));

// Marks of many entries: the key's half of the HMAC is computed once.
export function marker(ku: Uint8Array): (ref: string) => Uint8Array {
  const keyed = hmac.create(sha256, checkLength(ku, KEY_BYTES));
  return (ref) => keyed.clone().update(utf8(`mark|${ref}`)).digest().subarray(0, MARK_BYTES);
}

// The commitment to a leaf's field: HMAC-SHA256 under its 32-byte salt.
export const commit = (field: string, salt: Uint8Array, value: Uint8Array): Uint8Array =>
  hmac(sha256, checkLength(salt, SALT_BYTES), concat(utf8(`consonant/1|${field}|`), value));

// Any other key that follows from the seed.
export const stretch = (key: Uint8Array, info: string, length: number): Uint8Array => hkdf(sha256, key, undefined, utf8(info), length);

function deriveScalar(key: Uint8Array, info: string): Uint8Array {
  const value = toBigInt(stretch(key, info, WIDE_BYTES)) % ORDER;
  if (!value) {
    throw new InvalidScalar(); // one chance in 2**255
  }
  return encodeScalar(value);
}

function checkLength(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) {
    throw new InvalidValue(`${length} bytes, not ${bytes.length}`);
  }
  return bytes;
}

function checkRef(ref: string): string {
  if (!REF.test(ref)) {
    throw new InvalidValue("a ref is a UUID in lower case");
  }
  return ref;
}
