// Finds one's own entries in the public log, with nothing but the keys: by their marks, over whole bundles.
import { decode } from "../../../static/verify/leaf.js";
import { equal, fromHex, range, toHex } from "../core/bytes.ts";
import { type Keys, commit, dayTag, marker, subjectSalt } from "../core/keys.ts";
import { Broken, Frontier, type Opened, WIDTH } from "./log.ts";
import { type LogState, type Mine, type State, allKeys } from "./state.ts";

const AT_ONCE = 8; // bundles that are on their way together: a far server answers late, not slowly

export type Progress = (done: number, all: number) => void;

export interface Leaf {
  readonly at: string;
  readonly kind: string;
  readonly ref: string;
  readonly mark: string;
  readonly subject: string;
  readonly payload: string;
  readonly index: bigint;
  readonly log: string;
}

// Whose entry a leaf is, if it is one's own. `keys`: of whom. A mark alone proves nothing: the subject commitment must open with the tag of
// the day, or the entry is somebody's trick, and is not taken.
export function finder(keys: readonly { readonly whose: number | null; readonly keys: Keys }[]): (leaf: Leaf) => Mine | null {
  const held = keys.map((each) => ({ ...each, mark: marker(each.keys.ku) }));
  const tags = new Map<string, Uint8Array>();
  const tagOf = ({ whose, keys: { s, ku } }: (typeof held)[number], day: string): Uint8Array => {
    const name = `${whose}|${day}`;
    const made = tags.get(name) ?? dayTag({ s, ku }, day);
    tags.set(name, made);
    return made;
  };
  return (leaf) => {
    for (const each of held) {
      if (toHex(each.mark(leaf.ref)) === leaf.mark) {
        const salt = subjectSalt(each.keys.ku, leaf.ref);
        const made = commit("subject", salt, tagOf(each, leaf.at.slice(0, 10)));
        if (equal(made, fromHex(leaf.subject))) {
          return { index: Number(leaf.index), ref: leaf.ref, kind: leaf.kind, at: leaf.at, whose: each.whose, payload: leaf.payload };
        }
      }
    }
    return null;
  };
}

// What a scan found: the entries from `from` on, and what to keep so that the next one goes on from there.
export interface Found {
  readonly from: number;
  readonly entries: readonly Mine[];
  readonly scanned: number;
  readonly frontier: readonly string[];
}

// Looks at every entry that was not looked at yet. Throws where the leaves are not those of the signed root.
export async function scan(state: State, log: LogState, opened: Opened, progress: Progress = () => undefined): Promise<Found> {
  const { head } = opened;
  const find = finder(allKeys(state, head.origin));
  const frontier = new Frontier(log.frontier.map(fromHex), log.scanned / WIDTH);
  const entries: Mine[] = [];
  let last: Uint8Array[] = [];
  const whole = head.size - (head.size % WIDTH);
  const take = (first: number, leaves: Uint8Array[]) => {
    leaves.forEach((data, at) => {
      const leaf = decode(data) as Leaf;
      if (Number(leaf.index) !== first + at || leaf.log !== head.origin) {
        throw new Broken("elsewhere");
      }
      const mine = find(leaf);
      if (mine) {
        entries.push(mine);
      }
    });
    if (first < whole) {
      frontier.add(leaves);
    } else {
      last = leaves;
    }
    progress(Math.min(first + WIDTH, head.size), head.size);
  };
  const bundles = Math.ceil(head.size / WIDTH);
  for (let number = log.scanned / WIDTH; number < bundles; number += AT_ONCE) {
    const numbers = range(Math.min(AT_ONCE, bundles - number)).map((at) => number + at);
    const read = await Promise.all(numbers.map(opened.bundle));
    read.forEach((leaves, at) => take(numbers[at]! * WIDTH, leaves));
  }
  if (!equal(frontier.root(last), head.root)) {
    throw new Broken("bundle");
  }
  return { from: log.scanned, entries, scanned: whole, frontier: frontier.roots.map(toHex) };
}
