// Checkpoints, C2SP tlog-checkpoint: the text of a note that states a log's size and root.
import { Broken } from "./broken.js";
import { equal, fromBase64 } from "./bytes.js";
import { EMPTY_ROOT, MAX_SIZE } from "./merkle.js";
import { open as openNote, readVkey } from "./note.js";

export function parse(text) {
  const [origin, size, encoded, ...rest] = text.split("\n");
  const root = encoded?.length === 44 ? fromBase64(encoded) : null;
  const fits =
    origin && root?.length === 32 && /^(?:0|[1-9][0-9]{0,18})$/.test(size) && rest.pop() === "" && !rest.includes("") &&
    BigInt(size) <= MAX_SIZE && (size !== "0" || equal(root, EMPTY_ROOT));
  if (!fits) {
    throw new Broken("checkpoint");
  }
  return { origin, size: BigInt(size), root, extensions: rest };
}

// Returns the checkpoint of a signed note, once the key that bears the log's name has signed it.
export async function open(bytes, origin, vkey) {
  const key = await readVkey(vkey);
  if (key.name !== origin) {
    throw new Broken("key");
  }
  const checkpoint = parse((await openNote(bytes, [key])).text);
  if (checkpoint.origin !== origin) {
    throw new Broken("checkpoint");
  }
  return checkpoint;
}
