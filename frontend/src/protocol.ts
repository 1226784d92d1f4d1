// What a page and the worker say to each other. A page asks {id, call, words}; the worker answers with progress, and at the end with what is
// done or failed. Secrets stay in the worker, but for the words that a person is shown to write down.
import type { Challenge, Given, Standing } from "./wallet/service.ts";
import type { Checked, Choice, Stands, Told } from "./wallet/wallet.ts";

type Said = Readonly<Record<string, unknown>>;

// What a page may know of the wallet.
export interface View {
  readonly exists: boolean; // on this device
  readonly open: boolean;
  readonly passkeys: readonly { readonly id: string; readonly salt: string }[];
  readonly logs: readonly (Told & { readonly standing: Stands })[];
}

export interface Passkey {
  readonly id: string;
  readonly salt: string;
  readonly secret: string;
}

export interface Asked {
  readonly challenge: Challenge;
  readonly statement: string;
  readonly verifier: string;
  readonly purpose: string;
  readonly origin: string;
  readonly size: number;
}

// The calls: what goes in, what comes out.
export interface Calls {
  start: [words: { given: Given; root: string; csrf: string }, done: View];
  create: [words: Record<string, never>, done: { words: string }];
  restore: [words: { words: string }, done: { strangers: readonly string[]; fits: boolean }];
  keep: [words: { passphrase: string }, done: View];
  open: [words: { passphrase: string }, done: View];
  openByPasskey: [words: { id: string; secret: string }, done: View];
  openBackup: [words: { file: string; passphrase: string }, done: View];
  addPasskey: [words: Passkey, done: View];
  words: [words: { passphrase: string }, done: { words: string }];
  lock: [words: Record<string, never>, done: View];
  forget: [words: Record<string, never>, done: View];
  claim: [words: { origin: string; replace: boolean }, done: View];
  look: [words: { origin: string }, done: View];
  receipts: [words: { origin: string; refs: readonly string[] }, done: View];
  check: [words: { origin: string }, done: { view: View; checked: Checked }];
  backup: [words: Record<string, never>, done: { file: string }];
  saved: [words: Record<string, never>, done: View];
  challenge: [words: { id: string }, done: Asked];
  readChallenge: [words: { challenge: Challenge }, done: Asked];
  prove: [words: { challenge: Challenge; choice: Choice }, done: { document: Said; milliseconds: number; checked: boolean }];
  handIn: [words: { id: string; document: Said }, done: Said];
}

export type Call = keyof Calls;

// What the worker says: that a call waits for another page to finish; how far it is; how it ended; and, unasked, that another page has
// changed the wallet.
export type Answer =
  | { readonly waits: number }
  | { readonly id: number; readonly progress: readonly [done: number, all: number] }
  | { readonly id: number; readonly done: unknown }
  | { readonly id: number; readonly failed: { readonly code: string; readonly sentence?: string } }
  | { readonly view: View };

export type { Standing };
