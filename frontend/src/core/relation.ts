// Linear relations of draft-irtf-cfrg-sigma-protocols ("Representation", "Instance validation", "Serialization"); as `zkp/core/relation.py`.
//
// A relation says: for each equation, the sum of coefficient * element over its image is the sum of coefficient * secret * element over its
// terms. Element 0 is always the generator and never written; the others are points of G1. `Instance` is a relation whose points were
// decoded and whose ten conditions hold: nothing is proven or verified about anything else.
import { chunks, concat, fromBigInt, range, toBigInt } from "./bytes.ts";
import { InvalidInstance, InvalidPoint, InvalidScalar, InvalidValue } from "./errors.ts";
import { type G1, G1_BYTES, SCALAR_BYTES, decodeG1, decodeScalar, encodeScalar, generator, msm, reduce } from "./group.ts";
import { littleEndian } from "./transcript.ts";

const INDEX_BYTES = 4;
const WEIGHT_BYTES = 16;

type Weighed = readonly (readonly [element: number, coefficient: bigint])[];

// One row: `image` of (element, coefficient), `terms` of (secret, element, coefficient).
export interface Equation {
  readonly image: Weighed;
  readonly terms: readonly (readonly [secret: number, element: number, coefficient: bigint])[];
}

// What is to be proven: the elements from index 1 on, 48 bytes each, and the equations.
export interface Relation {
  readonly elements: readonly Uint8Array[];
  readonly equations: readonly Equation[];
}

// SerializeLinearRelation.
export function serialize({ elements, equations }: Relation): Uint8Array {
  try {
    return concat(uint(equations.length), ...equations.map(row), ...elements);
  } catch (error) {
    throw error instanceof InvalidScalar || error instanceof InvalidValue ? new InvalidInstance() : error;
  }
}

// Reads a relation that `serialize` wrote. Elements are not decoded here.
export function parse(data: Uint8Array): Relation {
  const reader = new Reader(data);
  const equations = reader.list(() => ({
    image: reader.list(() => [reader.uint(), reader.scalar()] as const),
    terms: reader.list(() => [reader.uint(), reader.uint(), reader.scalar()] as const),
  }));
  const rest = reader.rest();
  if (rest.length % G1_BYTES) {
    throw new InvalidInstance();
  }
  return { elements: chunks(rest, G1_BYTES), equations };
}

export class Instance {
  readonly octets: Uint8Array;
  readonly equations: readonly Equation[];
  readonly elements: readonly G1[];
  readonly secrets: number;

  // Decodes the elements and checks the ten conditions of "Instance validation".
  constructor(relation: Relation) {
    this.octets = serialize(relation); // 3
    this.equations = relation.equations;
    checkShape(relation); // 1, 2, 4, 5, 6
    this.elements = [generator(), ...relation.elements.map(decodeElement)]; // 7, 8
    this.secrets = 1 + this.equations.reduce((most, { terms }) => terms.reduce((top, [each]) => Math.max(top, each), most), 0);
    if (this.equations.some(({ image }) => this.#vanishes(image))) { // 9
      throw new InvalidInstance();
    }
    for (const each of range(this.secrets)) { // 10
      const columns = this.equations.map(({ terms }) => terms.filter(([secret]) => secret === each).map(([, at, by]) => [at, by] as const));
      if (columns.every((column) => this.#vanishes(column))) {
        throw new InvalidInstance();
      }
    }
  }

  // Says whether these secrets satisfy every equation. All equations are one sum, each after the first times a weight of 128 random bits: one
  // that does not hold is missed once in 2**128.
  holds(secrets: readonly bigint[]): boolean {
    const weighed = this.equations.flatMap(({ image, terms }, place) => {
      const weight = place ? toBigInt(crypto.getRandomValues(new Uint8Array(WEIGHT_BYTES))) : 1n;
      return [
        ...image.map(([at, by]) => [at, weight * by] as const),
        ...terms.map(([secret, at, by]) => [at, -weight * by * secrets[secret]!] as const),
      ];
    });
    return this.#sum(weighed).is0();
  }

  // Returns map(scalars) - challenge * image, a point for each equation ("Map evaluation", "Simulator").
  evaluate(scalars: readonly bigint[], challenge = 0n): G1[] {
    return this.equations.map(({ image, terms }) =>
      this.#sum([
        ...terms.map(([secret, at, by]) => [at, by * scalars[secret]!] as const),
        ...image.map(([at, by]) => [at, -by * challenge] as const),
      ]),
    );
  }

  #sum(weighed: Weighed): G1 {
    const weights = [...collect(weighed)].filter(([, by]) => by);
    return msm(weights.map(([at]) => this.elements[at]!), weights.map(([, by]) => by));
  }

  // Says whether a sum is the identity. One element that is not, times a coefficient that is not zero, never is.
  #vanishes(weighed: Weighed): boolean {
    const weights = [...collect(weighed)].filter(([, by]) => by);
    return !weights.length || (weights.length > 1 && this.#sum(weights).is0());
  }
}

function decodeElement(element: Uint8Array): G1 {
  try {
    return decodeG1(element);
  } catch (error) {
    throw error instanceof InvalidPoint ? new InvalidInstance() : error;
  }
}

function checkShape({ elements, equations }: Relation): void {
  if (!equations.length || !equations.every(({ image, terms }) => image.length && terms.length)) { // 1, 2
    throw new InvalidInstance();
  }
  const used = new Set([0, ...equations.flatMap(({ image, terms }) => [...image.map(([at]) => at), ...terms.map(([, at]) => at)])]);
  if (used.size !== elements.length + 1 || [...used].some((at) => at > elements.length)) { // 4, 5
    throw new InvalidInstance();
  }
  const secrets = new Set(equations.flatMap(({ terms }) => terms.map(([secret]) => secret)));
  if ([...secrets].some((secret) => secret >= secrets.size)) { // 6
    throw new InvalidInstance();
  }
}

function collect(weighed: Weighed): Map<number, bigint> {
  const weights = new Map<number, bigint>();
  for (const [at, by] of weighed) {
    weights.set(at, reduce((weights.get(at) ?? 0n) + by));
  }
  return weights;
}

function row({ image, terms }: Equation): Uint8Array {
  return concat(
    uint(image.length),
    ...image.flatMap(([at, by]) => [uint(at), encodeScalar(by)]),
    uint(terms.length),
    ...terms.flatMap(([secret, at, by]) => [uint(secret), uint(at), encodeScalar(by)]),
  );
}

const uint = (value: number): Uint8Array => fromBigInt(BigInt(value), INDEX_BYTES).reverse();

class Reader {
  readonly #data: Uint8Array;
  #at = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  uint(): number {
    return Number(littleEndian(this.#take(INDEX_BYTES)));
  }

  scalar(): bigint {
    try {
      return decodeScalar(this.#take(SCALAR_BYTES));
    } catch {
      throw new InvalidInstance();
    }
  }

  // As many as the count that stands first says; cut off is found at the first that is missing.
  list<T>(read: () => T): T[] {
    const made: T[] = [];
    for (let left = this.uint(); left > 0; left--) {
      made.push(read());
    }
    return made;
  }

  rest(): Uint8Array {
    return this.#take(this.#data.length - this.#at);
  }

  #take(length: number): Uint8Array {
    const taken = this.#data.subarray(this.#at, this.#at + length);
    if (taken.length !== length) {
      throw new InvalidInstance();
    }
    this.#at += length;
    return taken;
  }
}

