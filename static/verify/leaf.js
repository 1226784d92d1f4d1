// The leaf of version 1: one entry as canonical JSON, which has one spelling only (docs/ledger.md).
import { Broken } from "./broken.js";
import { concat, fromHex, text, utf8 } from "./bytes.js";

const MAX_BYTES = 65_535;
const PART = "[A-Za-z0-9_\\-][A-Za-z0-9._:\\-]*";
const HEX = (digits) => `[0-9a-f]{${digits}}`;
const TEMPLATE = new RegExp(
  `^\\{"actor":"(?<actor>${HEX(64)})"` +
    `,"at":"(?<at>[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z)"` +
    `,"index":(?<index>0|[1-9][0-9]{0,15})` +
    `,"kind":"(?<kind>[a-z_]+(?:\\.[a-z_]+)+)"` +
    `,"log":"(?<log>${PART}(?:/${PART})*)"` +
    `,"mark":"(?<mark>${HEX(32)})"` +
    `,"payload":"(?<payload>${HEX(64)})"` +
    `,"prev":"(?<prev>${HEX(64)})"` +
    `,"ref":"(?<ref>${HEX(8)}-${HEX(4)}-4${HEX(3)}-[89ab]${HEX(3)}-${HEX(12)})"` +
    `,"subject":"(?<subject>${HEX(64)})"` +
    `,"v":1\\}$`,
);

// Returns the fields of a leaf, as texts, but for `index`.
export function decode(data) {
  const found = data.length > MAX_BYTES ? null : TEMPLATE.exec(text(data) ?? "");
  if (!found) {
    throw new Broken("leaf");
  }
  const fields = { ...found.groups, index: BigInt(found.groups.index) };
  const first = /^0*$/.test(fields.prev);
  if (!isTime(fields.at) || fields.index > Number.MAX_SAFE_INTEGER || (fields.index === 0n) !== first) {
    throw new Broken("leaf");
  }
  return fields;
}

function isTime(at) {
  const time = new Date(at);
  return !Number.isNaN(time.valueOf()) && time.toISOString() === at && !at.startsWith("0000");
}

// Returns the commitment to a field's value: HMAC-SHA256 under its 32-byte salt.
export async function commit(field, salt, value) {
  const key = await crypto.subtle.importKey("raw", salt, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, concat(utf8(`consonant/1|${field}|`), utf8(value))));
}

// Refuses a salt and a payload that are not what the leaf commits to.
export async function checkPayload(fields, salt, payload) {
  const bytes = fromHex(salt);
  if (bytes?.length !== 32 || !payload.isWellFormed()) {
    throw new Broken("payload");
  }
  const expected = fromHex(fields.payload);
  const made = await commit("payload", bytes, payload);
  if (!made.every((byte, place) => byte === expected[place])) {
    throw new Broken("payload");
  }
}
