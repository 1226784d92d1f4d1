// One log, as this browser sees it: its key, its signed head, and that it still holds all it held when last seen here.
import { Broken, Unable } from "./broken.js";
import { equal, text } from "./bytes.js";
import { open as openCheckpoint } from "./checkpoint.js";
import { checkPayload, decode } from "./leaf.js";
import { recall, remember } from "./memory.js";
import { leafHash, proveConsistency, proveInclusion, readRoot, verifyConsistency, verifyInclusion } from "./merkle.js";
import { Reader } from "./tiles.js";

const SECONDS = 20;

// Fetches a file: its bytes, or null where the service says that there is none.
export async function read(address, cache = "default") {
  let answer;
  try {
    answer = await fetch(address, {
      cache,
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(SECONDS * 1000),
    });
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

// Says why this browser cannot check anything, or null where it can.
export async function why() {
  if (!globalThis.isSecureContext || !globalThis.crypto?.subtle) {
    return "insecure";
  }
  try {
    await crypto.subtle.importKey("raw", new Uint8Array(32).fill(9), { name: "Ed25519" }, false, ["verify"]);
    return null;
  } catch (error) {
    return error.name === "NotSupportedError" ? "ed25519" : null;
  }
}

// Opens the log at `address`, which ends in a slash, under the key that it is said to have.
export async function openLog(origin, vkey, address) {
  const known = recall(origin); // before anything is fetched: what is fetched later may not be older
  if (known && known.vkey !== vkey) {
    throw new Broken("key_changed", [known.vkey, vkey]);
  }
  const note = await read(`${address}checkpoint`, "no-cache");
  if (!note) {
    throw known ? new Broken("missing") : new Unable("no_checkpoint");
  }
  const head = await openCheckpoint(note, origin, vkey);
  const reader = await openTree(head, address);
  await checkHistory(known, note, head, reader, origin);
  const since = known?.since ?? new Date().toISOString();
  const kept = remember(origin, { vkey, note: text(note), since });
  return { origin, vkey, head, reader, known: Boolean(known), since, kept };
}

async function openTree({ size, root }, address) {
  // What this browser kept from another history would not fit this one: so once more, from the log itself.
  for (const cache of ["default", "reload"]) {
    const reader = new Reader((path) => read(address + path, cache), size);
    if (equal(await readRoot(size, reader.readNode), root)) {
      return reader;
    }
  }
  throw new Broken("tiles");
}

async function checkHistory(known, note, head, reader, origin) {
  if (!known) {
    return;
  }
  const evidence = [text(known.note), text(note)];
  const before = await openCheckpoint(known.note, origin, known.vkey);
  if (before.size > head.size) {
    throw new Broken("shrunk", evidence);
  }
  try {
    const proof = await proveConsistency(before.size, head.size, reader.readNode);
    await verifyConsistency(before.size, head.size, proof, before.root, head.root);
  } catch (error) {
    throw error.code === "proof" ? new Broken("forked", evidence) : error;
  }
}

// Checks one record: the log holds, at this place and under the signed root, an entry of this name, kind and time, whose
// payload is the one that the page was given. Returns its index; null while no head covers it.
export async function checkRecord({ head, reader, origin }, record) {
  const index = record.index === null ? await find(reader, record.ref) : record.index;
  if (index === null || index >= head.size) {
    return null;
  }
  const data = await reader.leaf(index);
  const proof = await proveInclusion(index, head.size, reader.readNode);
  try {
    await verifyInclusion(await leafHash(data), index, head.size, proof, head.root);
  } catch {
    throw new Broken("not_included");
  }
  const leaf = decode(data);
  if (leaf.index !== index || leaf.log !== origin || leaf.ref !== record.ref) {
    throw new Broken("elsewhere");
  }
  if (leaf.kind !== record.kind || leaf.at !== record.at) {
    throw new Broken("told_otherwise");
  }
  await checkPayload(leaf, record.salt, record.payload);
  return index;
}

// Looks among the newest entries for one that had no place yet when the page was made.
async function find(reader, ref) {
  if (!reader.size) {
    return null;
  }
  const last = reader.size - 1n;
  const start = last - (last % 256n);
  const place = (await reader.bundle(last)).findIndex((data) => text(data)?.includes(`"ref":"${ref}"`));
  return place < 0 ? null : start + BigInt(place);
}
