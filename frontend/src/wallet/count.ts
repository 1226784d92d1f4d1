// The signed count: "this key has n entries since then, below this size". Fewer marks than that are evidence against who signed it.
import { open as openNote, readVkey } from "../../../static/verify/note.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8 } from "../core/bytes.ts";
import { canonical } from "../core/context.ts";
import { Trouble } from "./errors.ts";
import type { Mine } from "./state.ts";

const TYPE = "consonant/subject-count/v1";

export interface Counted {
  readonly body: Readonly<Record<string, string | number>>;
  readonly note: string;
}

// What came of it. Where more were counted than found, the paper that says so is the evidence.
export interface Compared {
  readonly counted: number;
  readonly found: number;
  readonly since: string;
}

// Compares a count with the entries that were found with the wallet's own key.
export async function compare(
  { counted, vkey, origin, key, entries, scanned }: {
    readonly counted: Counted;
    readonly vkey: string;
    readonly origin: string;
    readonly key: string;
    readonly entries: readonly Mine[];
    readonly scanned: number;
  },
): Promise<Compared> {
  const { body, note } = counted;
  const text = `${TYPE}\n${key}\n${btoa(String.fromCharCode(...sha256(canonical(body))))}\n`;
  let opened;
  try {
    opened = await openNote(utf8(note), [await readVkey(vkey)]);
  } catch {
    throw new Trouble("count_unsigned");
  }
  const { count, size, since, log, type } = body;
  const fits =
    opened.text === text && type === TYPE && log === origin && body["key"] === key &&
    typeof count === "number" && typeof size === "number" && typeof since === "string" && size <= scanned;
  if (!fits) {
    throw new Trouble("count_other");
  }
  const found = entries.filter(({ whose, at, index }) => whose === null && at >= since.replace("Z", ".000Z") && index < size).length;
  return { counted: count, found, since };
}
