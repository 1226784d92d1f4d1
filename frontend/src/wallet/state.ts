// What a wallet keeps: the seed, and of each log what it was handed, has found and was given. It is written as JSON and always encrypted.
import { fromHex } from "../core/bytes.ts";
import { type Keys, SEED_BYTES, derive, stretch } from "../core/keys.ts";
import { Trouble } from "./errors.ts";

export const VERSION = 1;

// An entry of one's own. `whose`: null for the wallet's own key, or the number of the earlier key that the operator once held.
export interface Mine {
  readonly index: number;
  readonly ref: string;
  readonly kind: string;
  readonly at: string;
  readonly whose: number | null;
  readonly payload: string; // what the leaf commits to
}

// What an entry says, as far as the service could still open it when it was asked; it was held against the leaf.
export interface Opening {
  readonly payload: string;
  readonly salt: string;
}

// What the service told of the person, held against what was found.
export interface Told {
  readonly counted: number | null; // entries that it has signed to have made under the wallet's key; null where it gave no paper
  readonly found: number; // of these, so many bear the mark
  readonly openings: number; // entries that it can still open
  readonly unmarked: readonly string[]; // of these, which the log does not have with a mark of this wallet
  readonly earlier: number; // of these, from before the claim, whose key this wallet may lack
  readonly wrong: readonly string[]; // which say something else than the log holds
}

export interface Earlier {
  readonly s: string;
  readonly ku: string;
}

export interface Receipt {
  readonly ref: string;
  readonly issuer: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly receipt: string;
  readonly app_name?: string | null; // as the service said it then
  readonly whose: number | null;
}

export interface LogState {
  readonly address: string;
  readonly vkey: string; // trusted when first seen, and from then on
  readonly issuer: string;
  account: string | null;
  claimedRef: string | null;
  claimedAt: string | null;
  note: string | null; // the last checkpoint that was checked
  scanned: number; // so many entries, in whole bundles, were looked at with all the keys there are
  frontier: string[]; // the tree over them (`log.ts`)
  earlier: Earlier[];
  entries: Mine[];
  receipts: Receipt[];
  openings: Record<string, Opening>; // by ref
  told: Told | null;
  saved: boolean; // a backup has the earlier keys
}

export interface State {
  readonly v: typeof VERSION;
  readonly seed: string;
  readonly logs: Record<string, LogState>;
}

export const fresh = (seed: string): State => ({ v: VERSION, seed, logs: {} });

export const keysOf = (state: State, origin: string): Keys => derive(fromHex(state.seed), origin);

export const boxOf = (state: State, origin: string): Uint8Array => stretch(fromHex(state.seed), `consonant/1|box|${origin}`, 32);

// The keys under which an entry was marked.
export function keysFor(state: State, origin: string, whose: number | null): Keys {
  if (whose === null) {
    return keysOf(state, origin);
  }
  const found = logOf(state, origin).earlier[whose];
  if (!found) {
    throw new Trouble("unknown_key");
  }
  return { s: fromHex(found.s), ku: fromHex(found.ku) };
}

// All keys under which entries may be marked, newest first.
export const allKeys = (state: State, origin: string): { readonly whose: number | null; readonly keys: Keys }[] => [
  { whose: null, keys: keysOf(state, origin) },
  ...logOf(state, origin).earlier.map((_, whose) => ({ whose, keys: keysFor(state, origin, whose) })),
];

export function logOf(state: State, origin: string): LogState {
  const found = Object.hasOwn(state.logs, origin) ? state.logs[origin] : undefined;
  if (!found) {
    throw new Trouble("unknown_log");
  }
  return found;
}

export function read(text: string): State {
  const said = JSON.parse(text) as State;
  if (said.v !== VERSION || typeof said.seed !== "string" || fromHex(said.seed).length !== SEED_BYTES || typeof said.logs !== "object") {
    throw new Trouble("not_a_wallet");
  }
  for (const log of Object.values(said.logs)) {
    log.openings ??= {}; // the program's file has none
    log.told ??= null;
    if (log.entries.some(({ payload }) => payload === undefined)) {
      [log.scanned, log.frontier] = [0, []]; // so that the next look finds it
    }
  }
  return said;
}
