// A wallet at work: what the person can do with it. Secrets stay in here; what it returns is for showing, or for sending.
import { equal, fromHex, toHex, utf8 } from "../core/bytes.ts";
import * as active from "../core/active.ts";
import { type Context, readContext, readEnrolment } from "../core/context.ts";
import * as enrol from "../core/enrol.ts";
import { type Keys, commit, dayTag, publicKey, subjectSalt } from "../core/keys.ts";
import * as own from "../core/own.ts";
import * as receipt from "../core/receipt.ts";
import { type Compared, type Counted, compare } from "./count.ts";
import { Trouble } from "./errors.ts";
import * as hpke from "./hpke.ts";
import { type Opened, checkGrown, openLog } from "./log.ts";
import { type Progress, scan } from "./scan.ts";
import { type Challenge, type Given, type Service, type Standing, wellKnown } from "./service.ts";
import { type Mine, type Receipt, type State, type Told as ByService, allKeys, boxOf, keysFor, keysOf, logOf } from "./state.ts";

export const MOST_ENTRIES = 500;
const DAY = 86_400_000;
const KEYS_BYTES = 64;

type Said = Readonly<Record<string, unknown>>;

interface Asked {
  readonly context: string;
  readonly ref: string;
  readonly day: string;
}

interface Grant {
  readonly grant: string;
  readonly app: string;
  readonly app_name: string;
  readonly operations: readonly string[];
  readonly purpose: string;
}

// Learns of the logs, and of what stands in them. A log's key is trusted when it is first seen.
export function learn(state: State, { logs }: Given): void {
  for (const { origin, address, vkey, issuer, account, claimed_ref, claimed_at, held, public_key } of logs) {
    const known = Object.hasOwn(state.logs, origin) ? state.logs[origin]! : null;
    if (known && known.vkey !== vkey) {
      continue; // `standing` says so, and under the key that is known its checkpoints do not hold
    }
    const log = known ?? (state.logs[origin] = {
      address, vkey, issuer, account: null, claimedRef: null, claimedAt: null, note: null, scanned: 0, frontier: [], earlier: [], entries: [],
      receipts: [], openings: {}, told: null, saved: false,
    });
    if (account && held === "wallet" && public_key === toHex(publicKey(keysOf(state, origin).s))) {
      log.account = account;
      log.claimedRef = claimed_ref ?? log.claimedRef;
      log.claimedAt = claimed_at ?? log.claimedAt;
    }
  }
}

// How the person stands in a log, seen from this wallet.
export type Stands = "unknown" | "custodial" | "mine" | "elsewhere" | "changed";

export function standing(state: State, { origin, vkey, account, held, public_key }: Standing): Stands {
  if (logOf(state, origin).vkey !== vkey) {
    return "changed";
  }
  if (!account) {
    return "unknown";
  }
  if (held === "custodial") {
    return "custodial";
  }
  return public_key === toHex(publicKey(keysOf(state, origin).s)) ? "mine" : "elsewhere";
}

// Takes over: entries are marked with this wallet's key from here on. From the service, which hands over what it held; or, to `replace` it, from
// another wallet, of which nobody but its words has anything.
export async function claim(state: State, service: Service, origin: string, replace: boolean): Promise<void> {
  const asked = await service.post<Asked>("challenges", { origin, for: replace ? "replace" : "claim" });
  const keys = keysOf(state, origin);
  const shown = showKey(keys, asked, origin, dayTag(keys, asked.day));
  const box = toHex(hpke.publicKey(boxOf(state, origin)));
  const made = await service.post<{ ref: string; claimed_at: string | null; handed: string | null; handed_public_key: string | null }>(
    "claims", { origin, ...shown, k_u: toHex(keys.ku), box },
  );
  const log = logOf(state, origin);
  log.claimedRef = made.ref;
  log.claimedAt = made.claimed_at;
  await takeHanded(state, origin, made.ref, made.handed, made.handed_public_key);
}

// Opens what the service handed over, and keeps it. It changes nothing where the wallet has it.
export async function takeHanded(
  state: State, origin: string, ref: string | null | undefined, handed: string | null | undefined, handedKey: string | null | undefined,
): Promise<void> {
  if (!handed || !ref) {
    return;
  }
  const plain = await hpke.open(fromHex(handed), boxOf(state, origin), utf8(`consonant/1|claim|${origin}|${ref}`));
  if (plain.length !== KEYS_BYTES) {
    throw new Trouble("not_for_me");
  }
  const [s, ku] = [plain.subarray(0, 32), plain.subarray(32)];
  if (toHex(publicKey(s)) !== handedKey) {
    throw new Trouble("not_for_me");
  }
  const log = logOf(state, origin);
  if (!log.earlier.some((each) => each.s === toHex(s))) {
    log.earlier.push({ s: toHex(s), ku: toHex(ku) });
    [log.scanned, log.frontier, log.saved] = [0, [], false]; // what was looked at is looked at once more, with this key
  }
}

// Looks for one's own entries, and remembers the head under which they were found.
export async function look(state: State, origin: string, progress?: Progress): Promise<Opened> {
  const log = logOf(state, origin);
  const opened = await openLog(origin, log);
  const found = await scan(state, log, opened, progress);
  log.entries = [...log.entries.filter(({ index }) => index < found.from), ...found.entries];
  log.scanned = found.scanned;
  log.frontier = [...found.frontier];
  log.note = opened.note;
  return opened;
}

// Takes a receipt of an entry that stands in the log, as the wallet has seen.
export async function takeReceipt(state: State, service: Service, origin: string, ref: string): Promise<void> {
  const log = logOf(state, origin);
  const entry = log.entries.find((each) => each.ref === ref);
  if (!entry) {
    throw new Trouble("not_found");
  }
  const keys = keysFor(state, origin, entry.whose);
  const asked = await service.post<Asked>("challenges", { for: "receipt", ref });
  if (asked.ref !== ref) {
    throw new Trouble("other_answer");
  }
  const tag = dayTag(keys, entry.at.slice(0, 10));
  const shown = showKey(keys, asked, origin, tag);
  const made = await service.post<{ attributes: Record<string, string>; receipt: string; app_name?: string | null }>(
    "receipts", { ref, ...shown, tag: toHex(tag), salt: toHex(subjectSalt(keys.ku, ref)) },
  );
  const { attributes } = made;
  const holds = receipt.check({ pk: fromHex(log.issuer), receipt: fromHex(made.receipt), s: keys.s, attributes });
  if (!holds || attributes["kind"] !== entry.kind || attributes["day"] !== entry.at.slice(0, 10)) {
    throw new Trouble("bad_receipt");
  }
  const kept: Receipt = { ref, issuer: log.issuer, attributes, receipt: made.receipt, whose: entry.whose, app_name: made.app_name ?? null };
  log.receipts = [...log.receipts.filter((each) => each.ref !== ref), kept];
}

// Sees that the key by which receipts are checked is the one that everybody gets: one for each person would tell their receipts apart.
export async function checkIssuer(state: State, origin: string): Promise<void> {
  const { logs } = await wellKnown<{ logs: { origin: string; issuer: string }[] }>("consonant-proofs.json");
  if (logs.find((each) => each.origin === origin)?.issuer !== logOf(state, origin).issuer) {
    throw new Trouble("other_issuer");
  }
}

interface Record1 {
  readonly ref: string;
  readonly kind: string;
  readonly at: string;
  readonly index: number;
  readonly payload: string;
  readonly salt: string;
}

export interface Checked extends ByService {
  readonly size: number; // of the log
  readonly paper: Counted;
}

// Holds what the service tells of the person against what was found: all that it can still open, always the whole, and its signed count.
// What fits is kept, so that it can be read when the service has long destroyed it.
export async function check(state: State, service: Service, origin: string): Promise<Checked> {
  const { head } = await look(state, origin);
  const log = logOf(state, origin);
  const where = `?origin=${encodeURIComponent(origin)}`;
  const { openings } = await service.get<{ openings: Record1[] }>(`openings${where}`);
  const paper = await service.get<Counted>(`count${where}`);
  const compared = await compareCount(state, origin, paper, head.size);
  const found = new Map(log.entries.map((each) => [each.ref, each]));
  const told = openings.filter(({ index }) => index < head.size);
  const strange = told.filter(({ ref }) => !found.has(ref));
  const before = log.earlier.length ? [] : strange.filter(({ at }) => new Date(at) < new Date(compared.since));
  const wrong = told.filter((each) => found.has(each.ref) && !fits(each, found.get(each.ref)!));
  const bad = new Set(wrong);
  for (const each of told) {
    if (found.has(each.ref) && !bad.has(each)) {
      log.openings[each.ref] = { payload: each.payload, salt: each.salt };
    }
  }
  log.told = {
    counted: compared.counted,
    found: compared.found,
    openings: told.length,
    unmarked: strange.filter((each) => !before.includes(each)).map(({ ref }) => ref),
    earlier: before.length,
    wrong: wrong.map(({ ref }) => ref),
  };
  return { ...log.told, size: head.size, paper };
}

function fits({ kind, index, payload, salt }: Record1, mine: Mine): boolean {
  try {
    return kind === mine.kind && index === mine.index && equal(commit("payload", fromHex(salt), utf8(payload)), fromHex(mine.payload));
  } catch {
    return false;
  }
}

async function compareCount(state: State, origin: string, counted: Counted, scanned: number): Promise<Compared> {
  const { logs } = await wellKnown<{ logs: { origin: string; certificates_vkey: string | null }[] }>("consonant.json");
  const vkey = logs.find((each) => each.origin === origin)?.certificates_vkey ?? "";
  const key = toHex(publicKey(keysOf(state, origin).s));
  return compare({ counted, vkey, origin, key, entries: logOf(state, origin).entries, scanned });
}

export interface Choice {
  readonly refs: readonly string[]; // of own: which entries; of receipt: the one
  readonly disclosed: readonly string[]; // of receipt: what is shown
  readonly claimToo: boolean; // of own: say with it that a wallet's key made them
}

// Answers a challenge: the document that proves it. For `active` it asks the service for a credential first; all else needs no service.
export async function prove(state: State, service: Service, challenge: Challenge, choice: Choice): Promise<Said> {
  const context = readContext(challenge.context);
  if (context.origin !== challenge.log || context.verifier !== challenge.verifier) {
    throw new Trouble("other_answer"); // the person would be shown somebody else than the proof is for
  }
  if (context.expires <= new Date()) {
    throw new Trouble("expired");
  }
  if (challenge.issuer !== logOf(state, context.origin).issuer) {
    throw new Trouble("other_issuer");
  }
  const document = { v: 1, statement: context.statement, context: challenge.context };
  if (context.statement === own.STATEMENT) {
    return { ...document, ...proveOwn(state, context, choice) };
  }
  if (context.statement === receipt.STATEMENT) {
    return { ...document, ...proveReceipt(state, context, challenge, choice) };
  }
  if (context.statement === active.STATEMENT) {
    return { ...document, ...(await proveActive(state, service, context, challenge)) };
  }
  throw new Trouble("unknown_statement");
}

// Sees that the head which a verifier named is one of this log's, no other history shown to them alone. It needs the log.
export async function checkHead(state: State, { origin, size, root }: Context): Promise<void> {
  const opened = await openLog(origin, logOf(state, origin));
  await checkGrown({ size, root }, opened);
}

function proveOwn(state: State, context: Context, { refs, claimToo }: Choice): Said {
  const log = logOf(state, context.origin);
  const known = log.entries.filter(({ index }) => index < context.size);
  const chosen = refs.map((ref) => known.find((each) => each.ref === ref) ?? fail("not_covered"));
  const whose = chosen[0]?.whose ?? null;
  if (!chosen.length || chosen.length > MOST_ENTRIES) {
    throw new Trouble("choose_entries");
  }
  if (chosen.some((each) => each.whose !== whose)) {
    throw new Trouble("two_keys"); // one secret makes one proof
  }
  const claimed = claimToo && whose === null ? known.find((each) => each.ref === log.claimedRef) : undefined;
  const entries = [...new Set(claimed ? [...chosen, claimed] : chosen)].sort((one, other) => one.index - other.index);
  const keys = keysFor(state, context.origin, whose);
  const tagOf = perDay(keys);
  const proof = own.prove({ s: keys.s, tags: entries.map(tagOf), context });
  return {
    entries: entries.map((each) => ({
      index: each.index, ref: each.ref, tag: toHex(tagOf(each)), salt: toHex(subjectSalt(keys.ku, each.ref)),
    })),
    proof: toHex(proof),
  };
}

function proveReceipt(state: State, context: Context, { wants }: Challenge, { refs, disclosed }: Choice): Said {
  const held = logOf(state, context.origin).receipts.find(({ ref }) => ref === refs[0]) ?? fail("choose_receipt");
  const shown = receipt.SCHEMA.filter((name) => disclosed.includes(name) || wants.attributes.includes(name));
  const keys = keysFor(state, context.origin, held.whose);
  const proof = receipt.prove({
    pk: fromHex(held.issuer), receipt: fromHex(held.receipt), s: keys.s, attributes: held.attributes, disclosed: shown, context,
  });
  return { disclosed: Object.fromEntries(shown.map((name) => [name, held.attributes[name]!])), proof: toHex(proof) };
}

async function proveActive(state: State, service: Service, context: Context, { wants, epoch }: Challenge): Promise<Said> {
  const { origin } = context;
  if (!wants.app || !wants.operation || Math.abs(epoch - Math.floor(Date.now() / DAY)) > 1) {
    throw new Trouble("other_day"); // one epoch for ever would make the person known again
  }
  await checkIssuer(state, origin);
  const { grants } = await service.get<{ grants: Grant[] }>(`grants?origin=${encodeURIComponent(origin)}`);
  const { operation } = wants;
  const grant = grants.find((each) => each.app === wants.app && each.operations.includes(operation)) ?? fail("no_grant");
  const keys = keysOf(state, origin);
  const asked = await service.post<Asked>("challenges", { origin, for: "active" });
  const shows = showKey(keys, asked, origin, dayTag(keys, asked.day));
  const made = await service.post<{ attributes: Record<string, string>; credential: string }>(
    "credentials", { origin, grant: grant.grant, operation, ...shows },
  );
  const { attributes } = made;
  if (attributes["app"] !== wants.app || attributes["operation"] !== operation) {
    throw new Trouble("other_answer");
  }
  const held = { pk: fromHex(logOf(state, origin).issuer), issued: fromHex(made.credential), s: keys.s, attributes };
  const shown = active.prove({ ...held, epoch, context });
  return {
    disclosed: Object.fromEntries(active.ALWAYS.map((name) => [name, attributes[name]!])),
    epoch,
    pseudonym: toHex(shown.pseudonym),
    proof: toHex(shown.proof),
  };
}

// Answers the log's question for a key.
function showKey(keys: Keys, { context, ref }: Asked, origin: string, tag: Uint8Array): Said {
  const asked = readEnrolment(context);
  if (asked.origin !== origin || asked.ref !== ref) {
    throw new Trouble("other_answer");
  }
  const made = enrol.prove({ s: keys.s, tag, context: asked });
  return { context, public_key: toHex(made.publicKey), key_commitment: toHex(made.keyCommitment), proof: toHex(made.proof) };
}

function perDay(keys: Keys): (entry: Mine) => Uint8Array {
  const made = new Map<string, Uint8Array>();
  return ({ at }) => {
    const day = at.slice(0, 10);
    const tag = made.get(day) ?? dayTag(keys, day);
    made.set(day, tag);
    return tag;
  };
}

function fail(code: string): never {
  throw new Trouble(code);
}

// What may be shown of a wallet: everything but its secrets.
export const told = (state: State) =>
  Object.entries(state.logs).map(([origin, log]) => ({
    origin,
    entries: log.entries,
    receipts: log.receipts.map(({ ref, attributes, whose, app_name }) => ({ ref, attributes, whose, app_name })),
    openings: log.openings,
    told: log.told,
    claimedRef: log.claimedRef,
    claimedAt: log.claimedAt,
    earlier: log.earlier.length,
    saved: log.saved,
    looked: log.note !== null,
    keys: allKeys(state, origin).length,
  }));

export type Told = ReturnType<typeof told>[number];
