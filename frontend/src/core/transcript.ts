// The Fiat-Shamir transformation of draft-irtf-cfrg-fiat-shamir over bytes, with SHAKE128; as `zkp/core/transcript.py`.
//
// A challenge is read from SHAKE128(session id || zeros up to the rate || all that was absorbed). Decoding a challenge never fails and is
// always little-endian ("Unsigned integers"); deserializing a message fails on everything that its serializer would not have written.
import { shake128 } from "@noble/hashes/sha3.js";
import { concat, fromBigInt, toBigInt, utf8 } from "./bytes.ts";
import { InvalidScalar, InvalidValue } from "./errors.ts";

export const SESSION_BYTES = 32;
export const RATE_BYTES = 168;
export const EXTRA_BYTES = 16; // squeezed beyond a modulus's width: the bias stays under 2**-128 ("Unsigned integers")

const SESSION_ID = utf8("irtf-cfrg-fiat-shamir/session-id");

// The duplex sponge from an extendable-output function ("Init", "Absorb", "Squeeze").
export class DuplexSponge {
  readonly #absorbed = shake128.create();
  #read = 0;

  constructor(sessionId: Uint8Array) {
    if (sessionId.length !== SESSION_BYTES) {
      throw new InvalidValue("a session id has 32 bytes");
    }
    this.#absorbed.update(concat(sessionId, new Uint8Array(RATE_BYTES - SESSION_BYTES)));
  }

  // Takes bytes in: split otherwise, they are the same. Nothing changes nothing.
  absorb(data: Uint8Array): void {
    if (data.length) {
      this.#absorbed.update(data);
      this.#read = 0;
    }
  }

  // Returns the next bytes of the output over what was absorbed.
  squeeze(length: number): Uint8Array {
    const start = this.#read;
    this.#read += length;
    return length ? this.#absorbed.clone().xof(this.#read).subarray(start) : new Uint8Array();
  }
}

// The 32-byte session id of a tag ("Session identifiers").
export function deriveSessionId(tag: Uint8Array): Uint8Array {
  const sponge = new DuplexSponge(SESSION_ID);
  sponge.absorb(tag);
  return sponge.squeeze(SESSION_BYTES);
}

// Ns, the least number of bytes with 256**Ns >= modulus.
export const width = (modulus: bigint): number => Math.ceil((modulus === 1n ? 0 : (modulus - 1n).toString(2).length) / 8);

// A challenge below the modulus from Ns + 16 squeezed bytes ("Unsigned integers", DecodeUint).
export function decodeUint(data: Uint8Array, modulus: bigint): bigint {
  if (data.length !== width(modulus) + EXTRA_BYTES) {
    throw new InvalidValue("a challenge takes Ns + 16 bytes");
  }
  return littleEndian(data) % modulus;
}

// A byte string of any length behind its length (SerializeVarLenString).
export const serializeVarLen = (data: Uint8Array): Uint8Array => concat(uint32(data.length), data);

// The byte string that stands first, and what follows it (DeserializeVarLenString).
export function deserializeVarLen(data: Uint8Array): [Uint8Array, Uint8Array] {
  const length = Number(littleEndian(data.subarray(0, 4)));
  if (data.length < 4 || data.length - 4 < length) {
    throw new InvalidValue("the byte string is cut off");
  }
  return [data.subarray(4, 4 + length), data.subarray(4 + length)];
}

// A number below the modulus in Ns bytes, little-endian (SerializeUint).
export function serializeUint(value: bigint, modulus: bigint): Uint8Array {
  if (value < 0n || value >= modulus) {
    throw new InvalidScalar();
  }
  return fromBigInt(value, width(modulus)).reverse();
}

// The number that stands first, and what follows it (DeserializeUint).
export function deserializeUint(data: Uint8Array, modulus: bigint): [bigint, Uint8Array] {
  const size = width(modulus);
  const value = littleEndian(data.subarray(0, size));
  if (data.length < size || value >= modulus) {
    throw new InvalidScalar();
  }
  return [value, data.subarray(size)];
}

export function uint32(value: number): Uint8Array {
  if (!Number.isInteger(value)) {
    throw new InvalidValue("no whole number");
  }
  return fromBigInt(BigInt(value), 4).reverse();
}

export const littleEndian = (data: Uint8Array): bigint => toBigInt(Uint8Array.from(data).reverse());
