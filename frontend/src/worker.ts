// The wallet's worker: it alone holds the secrets, and the page that shows it never freezes.
//
// Each open page has one. What changes the wallet runs under one lock of the browser's, begins with what lies on the shelf then, and
// ends with it written: so no page loses what another has taken meanwhile.
import { fromHex, toHex } from "./core/bytes.ts";
import { readContext } from "./core/context.ts";
import { ZkpError } from "./core/errors.ts";
import { fromWords, newSeed, publicKey, strangers, toWords } from "./core/keys.ts";
import type { Answer, Asked, Call, Calls, View } from "./protocol.ts";
import { Trouble } from "./wallet/errors.ts";
import { Broken, Unable } from "./wallet/log.ts";
import * as safe from "./wallet/safe.ts";
import { type Challenge, type Given, Service, handIn, readChallenge } from "./wallet/service.ts";
import * as shelf from "./wallet/shelf.ts";
import { type LogState, type State, fresh, logOf, read } from "./wallet/state.ts";
import * as wallet from "./wallet/wallet.ts";

type Progress = (done: number, all: number) => void;

let given: Given = { account: null, logs: [] };
let service = new Service("", "");
let shelved: string | null = null; // what lay on the shelf when it was last looked at
let box: safe.Box | null = null;
let opened: { state: State; key: Uint8Array } | null = null;
let draft: Uint8Array | null = null; // a seed that waits for its passphrase
let copied: ReadonlySet<string> = new Set(); // the earlier keys that the last copy made here has, by their public keys

const handlers: { [C in Call]: (words: Calls[C][0], progress: Progress) => Promise<Calls[C][1]> } = {
  async start(words) {
    given = words.given;
    service = new Service(words.root, words.csrf);
    return view();
  },

  async create() {
    draft = newSeed();
    return { words: toWords(draft) };
  },

  async restore({ words }) {
    draft = fromWords(words);
    return { strangers: strangers(words), fits: draft !== null };
  },

  async keep({ passphrase }, progress) {
    if (!draft) {
      throw new Trouble("no_words");
    }
    checkNone();
    if ([...passphrase].length < safe.MIN_PASSPHRASE) {
      throw new Trouble("short_passphrase");
    }
    const state = fresh(toHex(draft));
    const made = await safe.make(JSON.stringify(state), passphrase, progress);
    [box, opened, draft] = [made.box, { state, key: made.key }, null];
    await meet(state);
    return kept();
  },

  async open({ passphrase }, progress) {
    return enter(await safe.openByPassphrase(there(), passphrase, progress));
  },

  async openByPasskey({ id, secret }) {
    return enter(await safe.openByPasskey(there(), id, secret));
  },

  async openBackup({ file, passphrase }, progress) {
    checkNone();
    const brought = safe.portable(safe.read(file));
    const key = await safe.openByPassphrase(brought, passphrase, progress);
    const state = read(await safe.content(brought, key));
    [box, opened] = [brought, { state, key }];
    await meet(state);
    return kept();
  },

  async addPasskey(passkey) {
    box = await safe.addPasskey(there(), mine().key, passkey);
    return kept();
  },

  async words({ passphrase }, progress) {
    await safe.openByPassphrase(there(), passphrase, progress); // who sits down at an open wallet does not get the words
    return { words: toWords(fromHex(mine().state.seed)) };
  },

  async lock() {
    opened = draft = null;
    return view();
  },

  async forget() {
    await shelf.remove();
    shelved = box = opened = draft = null;
    channel.postMessage(null);
    return view();
  },

  async claim({ origin, replace }) {
    const { state } = mine();
    try {
      await wallet.claim(state, service, origin, replace);
    } finally {
      await renew(); // where the answer was lost, the state tells
      await keep();
    }
    return view();
  },

  async look({ origin }, progress) {
    await wallet.look(mine().state, origin, progress);
    return kept();
  },

  async receipts({ origin, refs }, progress) {
    const { state } = mine();
    await wallet.look(state, origin);
    await wallet.checkIssuer(state, origin);
    for (const [at, ref] of refs.entries()) {
      progress(at, refs.length);
      await wallet.takeReceipt(state, service, origin, ref);
      await keep();
    }
    return view();
  },

  async check({ origin }) {
    const checked = await wallet.check(mine().state, service, origin);
    return { view: await kept(), checked };
  },

  async backup() {
    await keep();
    copied = new Set(Object.values(mine().state.logs).flatMap(earlierIn));
    return { file: JSON.stringify(safe.portable(there())) };
  },

  async saved() {
    await renew(); // another page may have claimed since
    const { state } = mine();
    for (const now of given.logs) {
      const log = logOf(state, now.origin);
      const earlier = earlierIn(log);
      const whole = earlier.length > 0 && earlier.every((key) => copied.has(key)); // or the copy is from before the claim
      if (!whole || wallet.standing(state, now) !== "mine") {
        continue;
      }
      if (now.handed) {
        await service.post("claims/kept", { origin: now.origin });
      }
      log.saved = true;
    }
    return kept();
  },

  async challenge({ id }) {
    return asked(await readChallenge(id));
  },

  // Who asks, only the service can say, and only of this very question.
  async readChallenge({ challenge }) {
    const said = await readChallenge(challenge.id).catch(() => null);
    const unknown = { ...challenge, verifier_known: false, verifier_name: null, wants: { ...challenge.wants, app_name: null } };
    return asked(said && said.context === challenge.context ? said : unknown);
  },

  async prove({ challenge, choice }) {
    const { state } = mine();
    let checked = true;
    try {
      await wallet.checkHead(state, readContext(challenge.context));
    } catch (error) {
      if (!(error instanceof Unable)) {
        throw error;
      }
      checked = false; // without a network it is proven all the same, and said
    }
    const begun = performance.now();
    const document = await wallet.prove(state, service, challenge, choice);
    return { document, milliseconds: performance.now() - begun, checked };
  },

  async handIn({ id, document }) {
    return handIn(id, document);
  },
};

async function enter(key: Uint8Array): Promise<View> {
  opened = { state: read(await safe.content(there(), key)), key };
  await meet(opened.state);
  return kept();
}

// Takes in what the service says of the logs, and what it still holds for this wallet.
async function meet(state: State): Promise<void> {
  wallet.learn(state, given);
  for (const log of given.logs) {
    if (wallet.standing(state, log) === "mine") {
      await wallet.takeHanded(state, log.origin, log.claimed_ref, log.handed, log.handed_public_key);
    }
  }
}

async function renew(): Promise<void> {
  try {
    given = await service.get<Given>("state");
    await meet(mine().state);
  } catch (error) {
    if (!(error instanceof Trouble)) {
      throw error;
    }
  }
}

function there(): safe.Box {
  if (!box) {
    throw new Trouble("no_wallet");
  }
  return box;
}

function checkNone(): void {
  if (box) {
    throw new Trouble("there_is_one"); // another page has made it
  }
}

function mine(): { state: State; key: Uint8Array } {
  if (!opened) {
    throw new Trouble("locked");
  }
  return opened;
}

async function keep(): Promise<void> {
  const { state, key } = mine();
  box = await safe.refill(there(), key, JSON.stringify(state));
  shelved = JSON.stringify(box);
  await shelf.save(shelved);
  channel.postMessage(null);
}

// Takes what another page has put on the shelf since. Where that is another wallet, this one is not open any more.
async function refresh(): Promise<void> {
  const found = await shelf.load();
  if (found === shelved) {
    return;
  }
  [shelved, box] = [found, found === null ? null : safe.read(found)];
  if (opened) {
    const { key } = opened;
    opened = null;
    try {
      opened = box && { state: read(await safe.content(box, key)), key };
    } catch (error) {
      if (!(error instanceof Trouble)) {
        throw error;
      }
    }
  }
}

const earlierIn = ({ earlier }: LogState): string[] => earlier.map(({ s }) => toHex(publicKey(fromHex(s))));

async function kept(): Promise<View> {
  await keep();
  return view();
}

function view(): View {
  const state = opened?.state;
  const said = new Map(given.logs.map((log) => [log.origin, log]));
  return {
    exists: box !== null,
    open: state !== undefined,
    passkeys: box?.locks.flatMap((lock) => (lock.kind === "passkey" ? [{ id: lock.id, salt: lock.salt }] : [])) ?? [],
    logs: state ? wallet.told(state).map((log) => {
      const now = said.get(log.origin);
      return { ...log, standing: now ? wallet.standing(state, now) : "unknown" };
    }) : [],
  };
}

function asked(challenge: Challenge): Asked {
  const { statement, verifier, purpose, origin, size } = readContext(challenge.context);
  return { challenge, statement, verifier, purpose, origin, size };
}

function code(error: unknown): { code: string; sentence?: string } {
  if (error instanceof Trouble) {
    return { code: error.code, ...(error.sentence && { sentence: error.sentence }) };
  }
  if (error instanceof Broken || error instanceof Unable) {
    return { code: (error as { code: string }).code };
  }
  return { code: error instanceof ZkpError ? "not_proven" : "unexpected" };
}

const LOCK = "consonant-wallet";
const FREE: ReadonlySet<Call> = new Set(["create", "restore", "lock", "challenge", "readChallenge", "handIn"]); // they leave the shelf alone
const READING: ReadonlySet<Call> = new Set(["start", "prove"]); // they need what lies there, and no lock: it is always whole
const channel = new BroadcastChannel(LOCK);
const say = (answer: Answer) => (globalThis as unknown as { postMessage(answer: Answer): void }).postMessage(answer);

// Runs it alone among all pages; calls where it has to wait for another.
async function alone<T>(act: () => Promise<T>, waits: () => void): Promise<T> {
  const run = async (lock: Lock | null): Promise<T | typeof LOCK> => (lock ? act() : LOCK);
  const done = await navigator.locks.request(LOCK, { ifAvailable: true }, run);
  if (done !== LOCK) {
    return done as T;
  }
  waits();
  return navigator.locks.request(LOCK, act);
}

// One call after the other: none finds the wallet half changed by another.
let last: Promise<unknown> = Promise.resolve();

globalThis.addEventListener("message", ({ data }: MessageEvent<{ id: number; call: Call; words: never }>) => {
  const { id, call, words } = data;
  const progress: Progress = (done, all) => say({ id, progress: [done, all] });
  const act = (): Promise<unknown> => handlers[call](words, progress);
  last = last.then(async () => {
    try {
      const current = () => refresh().then(act);
      const done = FREE.has(call) ? await act() : READING.has(call) ? await current() : await alone(current, () => say({ waits: id }));
      say({ id, done });
    } catch (error) {
      say({ id, failed: code(error) });
    }
  });
});

channel.addEventListener("message", () => {
  last = last.then(async () => {
    await refresh();
    say({ view: view() });
  }).catch(() => undefined); // the next call says what is wrong
});
