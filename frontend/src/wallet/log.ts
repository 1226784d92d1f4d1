// The public log as the wallet reads it: under the key first seen, never shrinking, never forking, and whole bundles only, so that nobody
// learns which entry matters. The verifier's own modules do it (static/verify/).
import { Broken, Unable } from "../../../static/verify/broken.js";
import { open as openCheckpoint } from "../../../static/verify/checkpoint.js";
import { proveConsistency, readRoot, verifyConsistency } from "../../../static/verify/merkle.js";
import { Reader } from "../../../static/verify/tiles.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, equal, fromUtf8, utf8 } from "../core/bytes.ts";
import type { LogState } from "./state.ts";

const SECONDS = 20;
const WIDTH = 256; // leaves in a bundle

export interface Head {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

export interface Opened {
  readonly head: Head;
  readonly reader: any;
  readonly bundle: Bundle;
  readonly note: string;
}

// The leaves of a bundle, as far as the tree goes. Nothing yet says that they are the log's: `Frontier` does, over all of them.
export type Bundle = (number: number) => Promise<Uint8Array[]>;

// A file of the log: its bytes, or null where there is none. Sent as anybody sends it, without cookies.
async function read(address: string, cache: RequestCache): Promise<Uint8Array | null> {
  let answer;
  try {
    answer = await fetch(address, { cache, credentials: "omit", redirect: "error", signal: AbortSignal.timeout(SECONDS * 1000) });
    if (answer.ok) {
      return new Uint8Array(await answer.arrayBuffer());
    }
  } catch {
    throw new Unable("unreachable");
  }
  if (answer.status === 404) {
    return null;
  }
  throw new Unable("unreachable");
}

// Opens the log at its newest head, which holds all that the wallet saw before.
export async function openLog(origin: string, log: LogState): Promise<Opened> {
  const note = await read(`${log.address}checkpoint`, "no-cache");
  if (!note) {
    throw log.note ? new Broken("missing") : new Unable("no_checkpoint");
  }
  const said = await openCheckpoint(note, origin, log.vkey);
  const head: Head = { origin, size: Number(said.size), root: said.root };
  const { reader, bundle } = await openTree(head, log.address);
  if (log.note) {
    const before = await openCheckpoint(utf8(log.note), origin, log.vkey);
    await checkGrown({ size: Number(before.size), root: before.root }, { head, reader });
  }
  return { head, reader, bundle, note: fromUtf8(note) };
}

async function openTree({ size, root }: Head, address: string): Promise<{ reader: any; bundle: Bundle }> {
  // What this browser kept from another history would not fit this one: so once more, from the log itself.
  for (const cache of ["default", "reload"] as const) {
    const open = () => new Reader((name: string) => read(address + name, cache), BigInt(size));
    const reader = open();
    if (equal(await readRoot(BigInt(size), reader.readNode), root)) {
      // A reader keeps what it has read, and a log's bundles are more than a phone holds: so each has a reader of its own.
      return { reader, bundle: (number) => open().bundle(BigInt(number * WIDTH)) };
    }
  }
  throw new Broken("tiles");
}

// Says whether an earlier tree is the beginning of this one; throws where it is not.
export async function checkGrown(before: { size: number; root: Uint8Array }, { head, reader }: Pick<Opened, "head" | "reader">): Promise<void> {
  const [first, second] = [BigInt(before.size), BigInt(head.size)];
  if (first > second) {
    throw new Broken("shrunk");
  }
  try {
    await verifyConsistency(first, second, await proveConsistency(first, second, reader.readNode), before.root, head.root);
  } catch (error) {
    throw error instanceof Broken && error.code === "proof" ? new Broken("forked") : error;
  }
}

// The tree over whole bundles, of which only the roots of its perfect subtrees are kept (RFC 9162 section 2.1.2), greatest first. With it a
// scan that goes on where the last one ended still computes the root over every leaf: none was changed, and none left out.
export class Frontier {
  readonly #roots: Uint8Array[];
  #count: number;

  constructor(roots: readonly Uint8Array[], count: number) {
    [this.#roots, this.#count] = [[...roots], count];
  }

  get roots(): readonly Uint8Array[] {
    return this.#roots;
  }

  // Takes the next whole bundle.
  add(leaves: readonly Uint8Array[]): void {
    let node = subtree(leaves);
    for (let count = this.#count++; count % 2; count = (count - 1) / 2) {
      node = nodeHash(this.#roots.pop()!, node);
    }
    this.#roots.push(node);
  }

  // The root with these leaves behind.
  root(leaves: readonly Uint8Array[]): Uint8Array {
    const nodes = leaves.length ? [...this.#roots, subtree(leaves)] : this.#roots;
    return nodes.length ? nodes.reduceRight((right, left) => nodeHash(left, right)) : sha256(new Uint8Array());
  }
}

const [LEAF, NODE] = [Uint8Array.of(0), Uint8Array.of(1)];
const leafHash = (leaf: Uint8Array): Uint8Array => sha256(concat(LEAF, leaf));
const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(concat(NODE, left, right));

function subtree(leaves: readonly Uint8Array[]): Uint8Array {
  let row = leaves.map(leafHash);
  while (row.length > 1) {
    const above: Uint8Array[] = [];
    for (let at = 0; at < row.length; at += 2) {
      above.push(at + 1 < row.length ? nodeHash(row[at]!, row[at + 1]!) : row[at]!);
    }
    row = above;
  }
  return row[0]!;
}

export { Broken, Unable, WIDTH };
