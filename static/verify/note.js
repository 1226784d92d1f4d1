// Signed notes, C2SP signed-note, under Ed25519 keys: as strict as the service's own `ledger/note.py`.
import { equal, fromBase64, fromHex, sha256, text, toHex, utf8 } from "./bytes.js";
import { Broken } from "./broken.js";

const MAX_BYTES = 1_000_000;
const MAX_SIGNATURES = 100;
const ED25519 = 1;
const DASH = "\u2014 ";
const PRIME = 2n ** 255n - 19n;
// y of the points of order 1, 2, 4 and 8: under such a key one signature can fit every text.
const LOW_ORDER = new Set([
  0n,
  1n,
  PRIME - 1n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
]);

const isName = (name) => name !== "" && !/[\s\u0000-\u001f\u0085+]/u.test(name) && name.isWellFormed();

// Returns {name, id, key} of a verifier key, `<name>+<id>+<base64>`.
export async function readVkey(vkey) {
  const [, name, id, encoded] = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/su.exec(vkey) ?? [];
  const typed = encoded === undefined ? null : fromBase64(encoded);
  if (!typed || !isName(name) || typed[0] !== ED25519 || typed.length !== 33) {
    throw new Broken("key");
  }
  const digest = await sha256(utf8(name), utf8("\n"), typed);
  const y = BigInt(`0x${toHex(typed.slice(1).reverse())}`) & (2n ** 255n - 1n);
  if (toHex(digest.slice(0, 4)) !== id || y >= PRIME || LOW_ORDER.has(y)) {
    throw new Broken("key");
  }
  return { name, id, key: typed.slice(1) };
}

export async function verifyEd25519(key, message, signature) {
  if (signature.length !== 64) {
    return false;
  }
  const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

// Returns {text, signed}: the text, and which of the keys signed it. One false signature of a known key, or none that is
// true, and nothing of the note is taken.
export async function open(bytes, keys) {
  const whole = bytes.length > MAX_BYTES ? null : text(bytes);
  const cut = whole?.lastIndexOf("\n\n") ?? -1;
  if (cut < 0 || /[\u0000-\u0009\u000b-\u001f]/u.test(whole) || !whole.endsWith("\n")) {
    throw new Broken("note");
  }
  const said = whole.slice(0, cut + 1);
  const lines = whole.slice(cut + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) {
    throw new Broken("note");
  }
  const signatures = lines.map(readLine);
  const signed = new Set();
  for (const { name, id, signature } of signatures) {
    const known = keys.find((key) => key.name === name && equal(fromHex(key.id), id));
    if (known && !(await verifyEd25519(known.key, utf8(said), signature))) {
      throw new Broken("signature");
    }
    signed.add(known);
  }
  signed.delete(undefined);
  if (!signed.size) {
    throw new Broken("signature");
  }
  return { text: said, signed: [...signed] };
}

function readLine(line) {
  const space = line.indexOf(" ", DASH.length);
  const name = line.slice(DASH.length, space);
  const blob = fromBase64(line.slice(space + 1));
  if (!line.startsWith(DASH) || space < 0 || !isName(name) || !blob || blob.length <= 4) {
    throw new Broken("note");
  }
  return { name, id: blob.slice(0, 4), signature: blob.slice(4) };
}
