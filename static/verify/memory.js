// What this browser remembers of each log: its key, from the first time on, and the last head that it has checked.
//
// It is the log's, not the person's: nothing here says who looked, or at which entries.
import { utf8 } from "./bytes.js";

const place = (origin) => `consonant.log.${origin}`;

// Returns {vkey, note, since}, or null where nothing is remembered.
export function recall(origin) {
  try {
    const { vkey, note, since } = JSON.parse(localStorage.getItem(place(origin)));
    return typeof vkey === "string" && typeof note === "string" ? { vkey, note: utf8(note), since } : null;
  } catch {
    return null;
  }
}

// Says whether it could be kept.
export function remember(origin, { vkey, note, since }) {
  try {
    localStorage.setItem(place(origin), JSON.stringify({ vkey, note, since }));
    return true;
  } catch {
    return false; // storage is forbidden or full: the check holds, but the next one has nothing to compare with
  }
}

export function forget(origin) {
  localStorage.removeItem(place(origin));
}
