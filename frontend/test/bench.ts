// How long the wallet's work takes, in node or in a browser: milliseconds of each round, by name.
import * as active from "../src/core/active.ts";
import * as bbsCore from "../src/core/bbsCore.ts";
import { concat, range, toHex, utf8 } from "../src/core/bytes.ts";
import type { Context, Enrolment } from "../src/core/context.ts";
import * as credential from "../src/core/credential.ts";
import * as enrol from "../src/core/enrol.ts";
import { decodeG1, encodeG1, encodeScalar, msm } from "../src/core/group.ts";
import * as keys from "../src/core/keys.ts";
import * as own from "../src/core/own.ts";
import * as receipt from "../src/core/receipt.ts";
import { fresh, logOf } from "../src/wallet/state.ts";
import { learn, look } from "../src/wallet/wallet.ts";

const ORIGIN = "bench.example/log";
const NOW = new Date("2026-03-01T12:00:30Z");

const person = keys.derive(new Uint8Array(32).fill(5), ORIGIN);
const sk = bbsCore.keygen(new Uint8Array(32).fill(9), new Uint8Array(), utf8("bench"));
const pk = bbsCore.skToPk(sk);

// What the service does, to have something to prove.
function issue(header: Uint8Array, messages: readonly Uint8Array[]): Uint8Array {
  const generators = bbsCore.createGenerators(messages.length + 2, credential.API_ID);
  const domain = bbsCore.calculateDomain(pk, generators, header, credential.API_ID);
  const known = bbsCore.messagePoint(generators, domain, [0n, ...bbsCore.messagesToScalars(messages, credential.API_ID)]);
  const b = msm([known, decodeG1(credential.keyCommitment(person.s))], [1n, 1n]);
  const hashed = concat(encodeScalar(sk), encodeG1(b), encodeScalar(domain));
  return bbsCore.signPoint(sk, bbsCore.hashToScalar(hashed, utf8(`${credential.API_ID}H2S_`)), b);
}

const context = (statement: string): Context => ({
  origin: ORIGIN, verifier: "https://verifier.example", nonce: new Uint8Array(32).fill(7), size: 10_000, root: new Uint8Array(32).fill(1),
  statement, purpose: "to see how long it takes", expires: new Date("2026-03-01T12:10:00Z"),
});

// The acts: each is done `rounds` times, after one that is not counted. `count`: of how many entries the larger proof is.
export function bench(rounds: number, count: number): Record<string, number[]> {
  const days = range(count).map((at) => new Date(Date.UTC(2026, 0, 1 + at)).toISOString().slice(0, 10));
  const tags = days.map((day) => keys.dayTag(person, day));
  const attributes = Object.fromEntries(receipt.SCHEMA.map((name) => [name, `some ${name}`]));
  const grant = { app: "an app", operation: "synthesize", purpose: "audiobook", valid_until: "2026-03-01T12:05:00Z" };
  const held = issue(receipt.HEADER, credential.allMessages(receipt.SCHEMA, attributes));
  const issued = issue(active.HEADER, credential.allMessages(active.SCHEMA, grant));
  const asked: Enrolment = { origin: ORIGIN, nonce: new Uint8Array(32), account: "an account", ref: "a ref", expires: context("own").expires };
  const [one, many] = [{ tags: tags.slice(0, 1), context: context("own") }, { tags, context: context("own") }];
  const shown = { kind: attributes["kind"]!, day: attributes["day"]! };
  const { purpose: _, ...always } = grant;

  const acts: Record<string, () => unknown> = {
    "own.1.prove": () => (made.own = own.prove({ s: person.s, ...one })),
    "own.1.verify": () => own.verify({ ...one, proof: made.own! }),
    [`own.${count}.prove`]: () => (made.many = own.prove({ s: person.s, ...many })),
    [`own.${count}.verify`]: () => own.verify({ ...many, proof: made.many! }),
    "enrol.prove": () => (made.enrolled = enrol.prove({ s: person.s, tag: tags[0]!, context: asked })),
    "enrol.verify": () => enrol.verify({ enrolled: made.enrolled!, tag: tags[0]!, context: asked }),
    tag: () => keys.dayTag(person, days[0]!),
    "receipt.check": () => receipt.check({ pk, receipt: held, s: person.s, attributes }),
    "receipt.prove": () =>
      (made.receipt = receipt.prove({ pk, receipt: held, s: person.s, attributes, disclosed: Object.keys(shown), context: context("receipt") })),
    "receipt.verify": () => receipt.verify({ pk, disclosed: shown, context: context("receipt"), proof: made.receipt! }),
    "active.check": () => active.check({ pk, issued, s: person.s, attributes: grant }),
    "active.prove": () => (made.shown = active.prove({ pk, issued, s: person.s, attributes: grant, epoch: 1, context: context("active") })),
    "active.verify": () => active.verify({ pk, disclosed: always, epoch: 1, shown: made.shown!, context: context("active"), now: NOW }),
  };
  const made: { own?: Uint8Array; many?: Uint8Array; enrolled?: enrol.Enrolled; receipt?: Uint8Array; shown?: active.Shown } = {};
  const taken: Record<string, number[]> = {};
  for (const [name, act] of Object.entries(acts)) {
    taken[name] = times(name.startsWith(`own.${count}.`) ? Math.ceil(rounds / 5) : rounds, act);
  }
  return taken;
}

// What a wallet does that has only its seed: the log's head, every bundle, the marks and commitments of every entry, the root over all of
// them. `log`: where the log lies, and under which key. The first round is counted: a person looks once.
export async function scan(rounds: number, seed: string, log: { origin: string; address: string; vkey: string }, mine: number): Promise<number[]> {
  const taken: number[] = [];
  for (const _ of range(rounds)) {
    const state = fresh(seed);
    learn(state, { account: null, logs: [{ ...log, issuer: toHex(pk) }] });
    const begun = performance.now();
    await look(state, log.origin);
    taken.push(performance.now() - begun);
    const found = logOf(state, log.origin).entries.length;
    if (found !== mine) {
      throw new Error(`found ${found} of ${mine}`);
    }
  }
  return taken;
}

function times(rounds: number, act: () => unknown): number[] {
  const check = (said: unknown) => {
    if (said === false) {
      throw new Error("it does not hold");
    }
  };
  check(act());
  return range(rounds).map(() => {
    const begun = performance.now();
    check(act());
    return performance.now() - begun;
  });
}
