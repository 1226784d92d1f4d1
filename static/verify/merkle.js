// The Merkle tree of RFC 6962 section 2.1 and RFC 9162 section 2.1. Sizes and indexes are BigInt: a Number's bits end at 32.
//
// A node is [level, index]: the perfect subtree over the leaves from index << level on. What a proof needs is read as nodes,
// so that it can be made from a log's tiles by whoever wants to be shown.
import { Broken } from "./broken.js";
import { equal, fromHex, sha256 } from "./bytes.js";

export const MAX_SIZE = 2n ** 63n - 1n;
export const EMPTY_ROOT = fromHex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

const [LEAF, NODE] = [Uint8Array.of(0), Uint8Array.of(1)];

export const leafHash = (data) => sha256(LEAF, data);
export const nodeHash = (left, right) => sha256(NODE, left, right);

// Returns the root over these leaf hashes, row by row: a last one without a sibling moves up as it is.
export async function root(hashes) {
  let row = hashes;
  while (row.length > 1) {
    const above = [];
    for (let place = 0; place < row.length; place += 2) {
      above.push(place + 1 < row.length ? nodeHash(row[place], row[place + 1]) : row[place]);
    }
    row = await Promise.all(above);
  }
  return row[0] ?? EMPTY_ROOT;
}

// Returns the root of the tree of this size. `readNode(level, index)` gives the hash of a node.
export const readRoot = async (size, readNode) => (size ? readSpan(0n, size, readNode) : EMPTY_ROOT);

export async function proveInclusion(index, size, readNode) {
  const spans = [];
  let [low, high] = [0n, size];
  while (high - low > 1n) {
    const middle = low + split(high - low);
    spans.push(index < middle ? [middle, high] : [low, middle]);
    [low, high] = index < middle ? [low, middle] : [middle, high];
  }
  return Promise.all(spans.reverse().map((span) => readSpan(...span, readNode)));
}

export async function proveConsistency(first, second, readNode) {
  if (first === 0n || first === second) {
    return [];
  }
  const spans = [];
  let [low, high] = [0n, second];
  while (high !== first) {
    const middle = low + split(high - low);
    spans.push(first <= middle ? [middle, high] : [low, middle]);
    [low, high] = first <= middle ? [low, middle] : [middle, high];
  }
  if (low) {
    spans.push([low, high]); // whoever checks knows this subtree only where it is the whole first tree
  }
  return Promise.all(spans.reverse().map((span) => readSpan(...span, readNode)));
}

// RFC 9162 section 2.1.3.2.
export async function verifyInclusion(leaf, index, size, proof, root) {
  check(index >= 0n && index < size && size <= MAX_SIZE && isHashes(leaf, root, ...proof));
  let [node, last, result] = [index, size - 1n, leaf];
  for (const sibling of proof) {
    check(last !== 0n);
    if (node & 1n || node === last) {
      result = await nodeHash(sibling, result);
      [node, last] = climb(node, last);
    } else {
      result = await nodeHash(result, sibling);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  check(last === 0n && equal(result, root));
}

// RFC 9162 section 2.1.4.2; the empty tree is the beginning of every tree.
export async function verifyConsistency(first, second, proof, firstRoot, secondRoot) {
  check(first >= 0n && first <= second && second <= MAX_SIZE && isHashes(firstRoot, secondRoot, ...proof));
  check((first || equal(firstRoot, EMPTY_ROOT)) && (second || equal(secondRoot, EMPTY_ROOT)));
  if (first === 0n || first === second) {
    check(!proof.length && (first !== second || equal(firstRoot, secondRoot)));
    return;
  }
  const hashes = first & (first - 1n) ? proof : [firstRoot, ...proof];
  check(hashes.length);
  let [node, last] = [first - 1n, second - 1n];
  while (node & 1n) {
    [node, last] = [node >> 1n, last >> 1n];
  }
  let [before, after] = [hashes[0], hashes[0]];
  for (const sibling of hashes.slice(1)) {
    check(last !== 0n);
    if (node & 1n || node === last) {
      before = await nodeHash(sibling, before);
      after = await nodeHash(sibling, after);
      [node, last] = climb(node, last);
    } else {
      after = await nodeHash(after, sibling);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  check(last === 0n && equal(before, firstRoot) && equal(after, secondRoot));
}

function climb(node, last) {
  while (node && !(node & 1n)) {
    [node, last] = [node >> 1n, last >> 1n];
  }
  return [node, last];
}

// Returns the hash of the leaves [low, high), a span that begins a subtree.
async function readSpan(low, high, readNode) {
  const nodes = [];
  while (low < high) {
    const level = bits(high - low) - 1n;
    nodes.push(readNode(level, low >> level));
    low += 1n << level;
  }
  const hashes = await Promise.all(nodes);
  let result = hashes.pop();
  while (hashes.length) {
    result = await nodeHash(hashes.pop(), result);
  }
  return result;
}

const bits = (number) => BigInt(number.toString(2).length);
const split = (count) => 1n << (bits(count - 1n) - 1n); // the largest power of two below it
const isHashes = (...hashes) => hashes.every((hash) => hash.length === 32);

function check(holds) {
  if (!holds) {
    throw new Broken("proof");
  }
}
