// BLS12-381 behind one door, by @noble/curves; the same door as `zkp/core/group.py`.
//
// G1 and G2 have the prime order r (`ORDER`); points are compressed, 48 and 96 bytes (draft-irtf-cfrg-pairing-friendly-curves
// appendix C); scalars are 32 bytes big-endian below r, and bigints in [0, r) inside the core. Invariants:
//
// 1. Every point from outside passes `decodeG1` or `decodeG2`: exact length, flags, curve, prime-order subgroup, not the identity, and
//    what was read writes the same bytes again. The library accepts the identity.
// 2. Every scalar from outside passes `decodeScalar`: no reduction.
//
// A product of one point runs in the library's constant-time path; sums do not, and big integers never do. So secrets are used on their
// owner's own device only.
import { mulAddUnsafe } from "@noble/curves/abstract/curve.js";
import type { WeierstrassPoint } from "@noble/curves/abstract/weierstrass.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { equal, fromBigInt, chunks, toBigInt } from "./bytes.ts";
import { InvalidPoint, InvalidScalar, InvalidValue } from "./errors.ts";

const Point1 = bls12_381.G1.Point;
const Point2 = bls12_381.G2.Point;

export type G1 = WeierstrassPoint<bigint>;
export type G2 = typeof Point2.BASE;

export const ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;
export const SCALAR_BYTES = 32;
export const G1_BYTES = 48;
export const G2_BYTES = 96;
const WIDE_BYTES = 48;

const FLAGS = 0b1100_0000;
const COMPRESSED = 0b1000_0000; // and not the point at infinity, whose flag is the next bit
const GREATER = 0b0010_0000; // of the two y, the one that is greater as a number

export const decodeG1 = (data: Uint8Array): G1 => decode(data, G1_BYTES, Point1, octetsG1);
export const decodeG2 = (data: Uint8Array): G2 => decode(data, G2_BYTES, Point2, (point) => point.toBytes(true));

function decode<P extends { is0(): boolean }>(
  data: Uint8Array, length: number, curve: { fromBytes(bytes: Uint8Array): P }, encode: (point: P) => Uint8Array,
): P {
  if (!(data instanceof Uint8Array) || data.length !== length || (data[0]! & FLAGS) !== COMPRESSED) {
    throw new InvalidPoint();
  }
  let point;
  try {
    point = curve.fromBytes(data); // on the curve, and in the subgroup: it asserts both
  } catch {
    throw new InvalidPoint();
  }
  if (point.is0() || !equal(encode(point), data)) {
    throw new InvalidPoint();
  }
  return point;
}

// Writes a point that is not the identity.
export function encodeG1(point: G1): Uint8Array {
  if (point.is0()) {
    throw new InvalidPoint();
  }
  return octetsG1(point);
}

// Writes a point that may be the identity: for hashing, never for sending. The library's own `toBytes` looks each time whether the point is
// in the subgroup, which costs as much as all the rest; here `decode` has seen to it, or the point is a sum of such points.
export function octetsG1(point: G1): Uint8Array {
  if (point.is0()) {
    return point.toBytes(true);
  }
  const { x, y } = point.toAffine();
  const data = fromBigInt(x, G1_BYTES);
  data[0]! |= 2n * y > Point1.Fp.ORDER ? COMPRESSED | GREATER : COMPRESSED;
  return data;
}

export function encodeG2(point: G2): Uint8Array {
  if (point.is0()) {
    throw new InvalidPoint();
  }
  return point.toBytes(true);
}

export function decodeScalar(data: Uint8Array, { zero = true } = {}): bigint {
  const value = data instanceof Uint8Array && data.length === SCALAR_BYTES ? toBigInt(data) : ORDER;
  if (value >= ORDER || (value === 0n && !zero)) {
    throw new InvalidScalar();
  }
  return value;
}

export const decodeScalars = (data: Uint8Array, options = {}): bigint[] =>
  chunks(data, SCALAR_BYTES).map((each) => decodeScalar(each, options));

export function encodeScalar(value: bigint): Uint8Array {
  checkScalars([value]);
  return fromBigInt(value, SCALAR_BYTES);
}

// The representative in [0, r) of any integer.
export const reduce = (value: bigint): bigint => ((value % ORDER) + ORDER) % ORDER;

export const invert = (value: bigint): bigint => Point1.Fn.inv(value);

// Scalars from 48 bytes each, mod r: the bias is under 2**-128 (RFC 9380 section 5).
export const wideScalars = (wide: Uint8Array): bigint[] => chunks(wide, WIDE_BYTES).map((each) => toBigInt(each) % ORDER);

export const WIDE_SCALAR_BYTES = WIDE_BYTES;

// The point of BLS12381G1_XMD:SHA-256_SSWU_RO_ (RFC 9380 section 8.8.1).
export function hashToG1(message: Uint8Array, dst: Uint8Array): G1 {
  if (!dst.length) {
    throw new InvalidValue("a domain separation tag is not empty");
  }
  return bls12_381.G1.hashToCurve(message, { DST: dst });
}

export const generator = (): G1 => Point1.BASE;
export const generatorG2 = (): G2 => Point2.BASE;

// The sum of scalar times point.
export function msm(points: readonly G1[], scalars: readonly bigint[]): G1 {
  if (points.length !== scalars.length) {
    throw new InvalidValue("as many scalars as points");
  }
  checkScalars(scalars);
  if (points.length === 1) {
    return scalars[0] === 0n ? Point1.ZERO : points[0]!.multiply(scalars[0]!);
  }
  return mulAddUnsafe(Point1, [...points], [...scalars]);
}

export function multiplyG2(point: G2, scalar: bigint): G2 {
  checkScalars([scalar]);
  return scalar === 0n ? Point2.ZERO : point.multiply(scalar);
}

// Says whether the product of the pairings of these pairs is one. What a point of G2 brings is computed once: they are the generator and keys.
export function pairingIsOne(...pairs: readonly (readonly [G1, G2])[]): boolean {
  const { Fp12 } = bls12_381.fields;
  const left = pairs.filter(([one, two]) => !one.is0() && !two.is0()); // those pair to one; the library refuses them
  const product = bls12_381.millerLoopBatch(left.map(([one, two]) => {
    const { x, y } = one.toAffine();
    return [linesOf(two), x, y];
  }));
  return Fp12.eql(Fp12.finalExponentiate(product), Fp12.ONE);
}

type Lines = ReturnType<typeof bls12_381.utils.calcPairingPrecomputes>;
const lines = new WeakMap<G2, Lines>();

function linesOf(point: G2): Lines {
  const made = lines.get(point) ?? bls12_381.utils.calcPairingPrecomputes(point);
  lines.set(point, made);
  return made;
}

function checkScalars(scalars: readonly bigint[]): void {
  if (!scalars.every((scalar) => typeof scalar === "bigint" && scalar >= 0n && scalar < ORDER)) {
    throw new InvalidScalar();
  }
}
