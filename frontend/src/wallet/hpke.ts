// HPKE, RFC 9180, to receive only: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, one message, no further data.
import { x25519 } from "@noble/curves/ed25519.js";
import { expand, extract } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, utf8 } from "../core/bytes.ts";
import { Trouble } from "./errors.ts";

const ENC_BYTES = 32;
const TAG_BYTES = 16;
const KEM = concat(utf8("KEM"), Uint8Array.of(0, 0x20));
const SUITE = concat(utf8("HPKE"), Uint8Array.of(0, 0x20, 0, 1, 0, 2));
const NOTHING = new Uint8Array();

export const publicKey = (secret: Uint8Array): Uint8Array => x25519.getPublicKey(secret);

// Opens enc || ciphertext.
export async function open(sealed: Uint8Array, secret: Uint8Array, info: Uint8Array): Promise<Uint8Array> {
  if (sealed.length < ENC_BYTES + TAG_BYTES) {
    throw new Trouble("not_for_me");
  }
  const enc = sealed.subarray(0, ENC_BYTES);
  try {
    const shared = decap(enc, secret);
    const [key, nonce] = schedule(shared, info);
    const imported = await crypto.subtle.importKey("raw", plain(key), "AES-GCM", false, ["decrypt"]);
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: plain(nonce) }, imported, plain(sealed.subarray(ENC_BYTES))));
  } catch {
    throw new Trouble("not_for_me");
  }
}

// Section 4.1, Decap. A point of small order throws.
function decap(enc: Uint8Array, secret: Uint8Array): Uint8Array {
  const prk = labeledExtract(KEM, NOTHING, "eae_prk", x25519.getSharedSecret(secret, enc));
  return labeledExpand(KEM, prk, "shared_secret", concat(enc, publicKey(secret)), 32);
}

// Section 5.1, KeySchedule in base mode.
function schedule(shared: Uint8Array, info: Uint8Array): [key: Uint8Array, nonce: Uint8Array] {
  const hashes = [labeledExtract(SUITE, NOTHING, "psk_id_hash", NOTHING), labeledExtract(SUITE, NOTHING, "info_hash", info)];
  const context = concat(Uint8Array.of(0), ...hashes);
  const secret = labeledExtract(SUITE, shared, "secret", NOTHING);
  return [labeledExpand(SUITE, secret, "key", context, 32), labeledExpand(SUITE, secret, "base_nonce", context, 12)];
}

const labeled = (suite: Uint8Array, label: string, data: Uint8Array): Uint8Array => concat(utf8("HPKE-v1"), suite, utf8(label), data);

const labeledExtract = (suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array =>
  extract(sha256, labeled(suite, label, ikm), salt);

const labeledExpand = (suite: Uint8Array, prk: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array =>
  expand(sha256, prk, concat(Uint8Array.of(length >> 8, length & 255), labeled(suite, label, info)), length);

// WebCrypto takes bytes of their own, not shared ones.
export const plain = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes);
