// Bytes, texts and numbers. What reads takes one spelling only.
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { InvalidValue } from "./errors.ts";

const encoder = new TextEncoder();

export function utf8(text: string): Uint8Array {
  if (!text.isWellFormed()) {
    throw new InvalidValue("half a character"); // TextEncoder would write another one in its place
  }
  return encoder.encode(text);
}

export function fromUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new InvalidValue("no UTF-8");
  }
}

export const toHex = (bytes: Uint8Array): string => bytesToHex(bytes);

export function fromHex(digits: string): Uint8Array {
  if (typeof digits !== "string" || digits.length % 2 || !/^[0-9a-f]*$/.test(digits)) {
    throw new InvalidValue("no lower-case hex digits");
  }
  return hexToBytes(digits); // which takes capitals too
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const equal = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.reduce((differing, byte, at) => differing | (byte ^ other[at]!), 0) === 0;

export function toBigInt(bytes: Uint8Array): bigint {
  return bytes.length ? BigInt(`0x${toHex(bytes)}`) : 0n;
}

export function fromBigInt(value: bigint, length: number): Uint8Array {
  if (value < 0n || value >> BigInt(8 * length)) {
    throw new InvalidValue("the number does not fit");
  }
  return length ? fromHex(value.toString(16).padStart(2 * length, "0")) : new Uint8Array();
}

// I2OSP(value, 8).
export const uint64 = (value: number): Uint8Array => fromBigInt(BigInt(value), 8);

export const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

// Parts of equal length; the last is what is left.
export const chunks = (data: Uint8Array, length: number): Uint8Array[] =>
  range(Math.ceil(data.length / length)).map((at) => data.subarray(at * length, (at + 1) * length));
