// Answers for the wallet's core: jobs as JSON on standard input, results in their order on standard output, bytes in lower-case hex. A job
// that throws answers {"error": name}.
import "./older.ts";
import { readFileSync } from "node:fs";
import * as active from "../src/core/active.ts";
import * as bbs from "../src/core/bbs.ts";
import * as bbsCore from "../src/core/bbsCore.ts";
import { concat, fromHex, range, toHex, utf8 } from "../src/core/bytes.ts";
import * as context from "../src/core/context.ts";
import * as credential from "../src/core/credential.ts";
import * as enrol from "../src/core/enrol.ts";
import * as group from "../src/core/group.ts";
import * as keys from "../src/core/keys.ts";
import * as own from "../src/core/own.ts";
import * as receipt from "../src/core/receipt.ts";
import * as relation from "../src/core/relation.ts";
import * as sigma from "../src/core/sigma.ts";
import * as transcript from "../src/core/transcript.ts";
import { decode as decodeLeaf } from "../../static/verify/leaf.js";
import * as hpke from "../src/wallet/hpke.ts";
import { Frontier } from "../src/wallet/log.ts";
import * as safe from "../src/wallet/safe.ts";
import { finder } from "../src/wallet/scan.ts";

type Job = Record<string, any>;

const hexes = (list: string[]): Uint8Array[] => list.map(fromHex);

// Scalars that a vector brings: as many as are asked for, in their order. Without them the prover draws its own.
function given(job: Job): { randomness?: (count: number) => bigint[] } {
  if (!job["random"]) {
    return {};
  }
  const left = hexes(job["random"]).map((each) => group.decodeScalar(each));
  return {
    randomness: (count) => {
      const drawn = left.splice(0, count);
      if (drawn.length !== count || left.length) {
        throw new Error("another number of scalars");
      }
      return drawn;
    },
  };
}

const said = (job: Job) => ({ instance: fromHex(job["instance"]), tag: fromHex(job["tag"]), flavor: job["flavor"] as sigma.Flavor });

const signed = (job: Job) => ({
  pk: fromHex(job["pk"]),
  header: fromHex(job["header"] ?? ""),
  messages: hexes(job["messages"] ?? []),
  ...(job["apiId"] && { apiId: job["apiId"] as string }),
});

function played({ sessionId, operations }: Job): Uint8Array {
  const sponge = new transcript.DuplexSponge(fromHex(sessionId));
  const made = operations.map((step: Job) => {
    if (step["type"] === "absorb") {
      sponge.absorb(fromHex(step["data"]));
      return new Uint8Array();
    }
    return sponge.squeeze(step["length"]);
  });
  return concat(...made);
}

// The draft's example protocol, sumcheck over the Mersenne prime.
const MERSENNE = 2n ** 31n - 1n;

function sumcheck({ sessionId, rounds, claimed, witness, narg }: Job): [string, string] {
  const sponge = new transcript.DuplexSponge(fromHex(sessionId));
  sponge.absorb(concat(transcript.serializeUint(BigInt(rounds), 2n ** 32n), transcript.serializeUint(BigInt(claimed), MERSENNE)));
  const draw = () => transcript.littleEndian(sponge.squeeze(4)) % MERSENNE;
  let claim = BigInt(claimed);
  let table = witness?.map(BigInt) as bigint[] | undefined;
  let rest = narg === undefined ? new Uint8Array() : fromHex(narg);
  let made = new Uint8Array();
  for (const _ of range(rounds)) {
    if (table) {
      const sum = (place: number) => table!.filter((_, at) => at % 2 === place).reduce((one, other) => one + other, 0n) % MERSENNE;
      const slope = (sum(1) - sum(0) + MERSENNE) % MERSENNE;
      rest = concat(transcript.serializeUint(sum(0), MERSENNE), transcript.serializeUint(slope, MERSENNE));
    }
    const bytes = rest.subarray(0, 8);
    const [zero, behind] = transcript.deserializeUint(rest, MERSENNE);
    const [slope, left] = transcript.deserializeUint(behind, MERSENNE);
    if ((2n * zero + slope) % MERSENNE !== claim) {
      throw new Error("the claim does not hold");
    }
    sponge.absorb(bytes);
    made = concat(made, bytes);
    const by = draw();
    claim = (zero + slope * by) % MERSENNE;
    table = table && range(table.length / 2).map((at) =>
      (table![2 * at]! + by * (table![2 * at + 1]! - table![2 * at]! + MERSENNE)) % MERSENNE);
    rest = left;
  }
  if (rest.length) {
    throw new Error("something is over");
  }
  return [toHex(made), claim.toString(16)];
}

const readContext = (job: Job) => context.readContext(job["context"]);

const calls: Record<string, (job: Job) => unknown> = {
  decodeG1: (job) => group.encodeG1(group.decodeG1(fromHex(job["data"]))),
  decodeG2: (job) => group.encodeG2(group.decodeG2(fromHex(job["data"]))),
  decodeScalar: (job) => group.encodeScalar(group.decodeScalar(fromHex(job["data"]), { zero: job["zero"] ?? true })),
  msm: (job) => group.octetsG1(group.msm(hexes(job["points"]).map(group.decodeG1), hexes(job["scalars"]).map((each) => group.decodeScalar(each)))),
  multiplyG2: (job) => group.encodeG2(group.multiplyG2(group.generatorG2(), group.decodeScalar(fromHex(job["scalar"])))),
  hashToG1: (job) => group.encodeG1(group.hashToG1(fromHex(job["message"]), fromHex(job["dst"]))),
  expandMessage: (job) => bbsCore.expandMessage(fromHex(job["message"]), fromHex(job["dst"]), job["length"]),

  play: played,
  deriveSessionId: (job) => transcript.deriveSessionId(fromHex(job["tag"])),
  decodeUint: (job) =>
    transcript.decodeUint(job["operations"] ? played(job) : fromHex(job["input"]), BigInt(job["modulus"])).toString(16),
  serializeUint: (job) => transcript.serializeUint(BigInt(job["value"]), BigInt(job["modulus"])),
  deserializeUint: (job) => {
    const [value, rest] = transcript.deserializeUint(fromHex(job["input"]), BigInt(job["modulus"]));
    return [value.toString(16), toHex(rest)];
  },
  serializeVarLen: (job) => transcript.serializeVarLen(fromHex(job["input"])),
  deserializeVarLen: (job) => transcript.deserializeVarLen(fromHex(job["input"])).map(toHex),
  sumcheck,

  parse: (job) => relation.serialize(new relation.Instance(relation.parse(fromHex(job["instance"]))) && relation.parse(fromHex(job["instance"]))),
  sigmaProve: (job) => sigma.prove({ ...said(job), witness: fromHex(job["witness"]), ...given(job) }),
  sigmaVerify: (job) => sigma.verify({ ...said(job), narg: fromHex(job["narg"]) }),

  keygen: (job) => bbs.keygen(fromHex(job["keyMaterial"]), fromHex(job["keyInfo"]), fromHex(job["keyDst"])),
  skToPk: (job) => bbs.skToPk(fromHex(job["sk"])),
  generators: (job) => bbsCore.createGenerators(job["count"], job["apiId"]).octets,
  hashToScalar: (job) => group.encodeScalar(bbsCore.hashToScalar(fromHex(job["message"]), fromHex(job["dst"]))),
  messagesToScalars: (job) => bbsCore.messagesToScalars(hexes(job["messages"]), job["apiId"]).map((each) => toHex(group.encodeScalar(each))),
  bbsSign: (job) => bbs.sign({ ...signed(job), sk: fromHex(job["sk"]) }),
  bbsVerify: (job) => bbs.verify({ ...signed(job), signature: fromHex(job["signature"]) }),
  bbsProofGen: (job) =>
    bbs.proofGen({ ...signed(job), signature: fromHex(job["signature"]), ph: fromHex(job["ph"]), disclosed: job["disclosed"], ...given(job) }),
  bbsProofVerify: (job) =>
    bbs.proofVerify({
      ...signed(job),
      proof: fromHex(job["proof"]),
      ph: fromHex(job["ph"]),
      disclosed: job["disclosed"],
      disclosedMessages: hexes(job["disclosedMessages"]),
    }),

  readContext: (job) => context.octets(readContext(job)),
  readEnrolment: (job) => context.enrolmentOctets(context.readEnrolment(job["context"])),
  ownProve: (job) => own.prove({ s: fromHex(job["s"]), tags: hexes(job["tags"]), context: readContext(job), ...given(job) }),
  ownVerify: (job) => own.verify({ tags: hexes(job["tags"]), context: readContext(job), proof: fromHex(job["proof"]) }),
  ownInstance: (job) => own.instance(hexes(job["tags"])),
  boundTag: (job) => own.boundTag(utf8(job["context"])),
  enrolProve: (job) => {
    const made = enrol.prove({ s: fromHex(job["s"]), tag: fromHex(job["tag"]), context: context.readEnrolment(job["context"]), ...given(job) });
    return [made.publicKey, made.keyCommitment, made.proof].map(toHex);
  },
  enrolVerify: (job) => {
    const enrolled = { publicKey: fromHex(job["publicKey"]), keyCommitment: fromHex(job["keyCommitment"]), proof: fromHex(job["proof"]) };
    return enrol.verify({ enrolled, tag: fromHex(job["tag"]), context: context.readEnrolment(job["context"]) });
  },
  keyCommitment: (job) => credential.keyCommitment(fromHex(job["s"])),
  receiptCheck: (job) =>
    receipt.check({ pk: fromHex(job["pk"]), receipt: fromHex(job["receipt"]), s: fromHex(job["s"]), attributes: job["attributes"] }),
  receiptProve: (job) =>
    receipt.prove({
      pk: fromHex(job["pk"]), receipt: fromHex(job["receipt"]), s: fromHex(job["s"]), attributes: job["attributes"],
      disclosed: job["disclosed"], context: readContext(job), ...given(job),
    }),
  receiptVerify: (job) =>
    receipt.verify({ pk: fromHex(job["pk"]), disclosed: job["disclosed"], context: readContext(job), proof: fromHex(job["proof"]) }),
  activeProve: (job) => {
    const made = active.prove({
      pk: fromHex(job["pk"]), issued: fromHex(job["issued"]), s: fromHex(job["s"]), attributes: job["attributes"],
      epoch: job["epoch"], context: readContext(job), showPurpose: job["showPurpose"] ?? false, ...given(job),
    });
    return [made.pseudonym, made.proof].map(toHex);
  },
  activeVerify: (job) =>
    active.verify({
      pk: fromHex(job["pk"]), disclosed: job["disclosed"], epoch: job["epoch"], context: readContext(job), now: new Date(job["now"]),
      shown: { pseudonym: fromHex(job["pseudonym"]), proof: fromHex(job["proof"]) },
    }),
  scope: (job) => active.scope(job["attributes"], job["epoch"], readContext(job)),

  derive: (job) => {
    const made = keys.derive(fromHex(job["seed"]), job["origin"]);
    return [made.s, made.ku, keys.publicKey(made.s)].map(toHex);
  },
  dayTag: (job) => keys.dayTag({ s: fromHex(job["s"]), ku: fromHex(job["ku"]) }, job["day"]),
  subjectSalt: (job) => keys.subjectSalt(fromHex(job["ku"]), job["ref"]),
  mark: (job) => keys.mark(fromHex(job["ku"]), job["ref"]),
  commit: (job) => keys.commit(job["field"], fromHex(job["salt"]), fromHex(job["value"])),
  hpkePublic: (job) => hpke.publicKey(fromHex(job["secret"])),
  hpkeOpen: (job) => hpke.open(fromHex(job["sealed"]), fromHex(job["secret"]), fromHex(job["info"])),
  lock: async (job) => {
    const { box, key } = await safe.make(job["text"], job["passphrase"]);
    return [safe.read(JSON.stringify(await safe.addPasskey(box, key, job["passkey"]))), toHex(key)];
  },
  unlock: async (job) => {
    const box = safe.read(job["box"]);
    const key = job["secret"] ? await safe.openByPasskey(box, job["id"], job["secret"]) : await safe.openByPassphrase(box, job["passphrase"]);
    return safe.content(box, key);
  },
  portable: (job) => safe.portable(safe.read(job["box"])),
  // The root over the first leaves, for each size: as if each were the head at which another scan ended.
  roots: (job) => {
    const leaves = hexes(job["leaves"]);
    let frontier = new Frontier([], 0);
    let count = 0;
    return (job["sizes"] as number[]).map((size) => {
      frontier = new Frontier(frontier.roots.map((each) => fromHex(toHex(each))), count); // as it is kept between scans
      for (; (count + 1) * 256 <= size; count++) {
        frontier.add(leaves.slice(count * 256, (count + 1) * 256));
      }
      return toHex(frontier.root(leaves.slice(count * 256, size)));
    });
  },
  find: (job) => {
    const held = job["keys"].map(([s, ku]: [string, string], at: number) => ({ whose: at ? at - 1 : null, keys: { s: fromHex(s), ku: fromHex(ku) } }));
    const find = finder(held);
    return hexes(job["leaves"]).map((leaf) => find(decodeLeaf(leaf) as never)).filter((mine) => mine !== null);
  },

  toWords: (job) => keys.toWords(fromHex(job["seed"])),
  fromWords: (job) => keys.fromWords(job["words"]),
};

async function answer(job: Job): Promise<unknown> {
  try {
    const made = await calls[job["call"]]!(job);
    return made instanceof Uint8Array ? toHex(made) : made;
  } catch (error) {
    return { error: (error as { code?: string }).code ?? (error as Error).name };
  }
}

const answers: unknown[] = [];
for (const job of JSON.parse(readFileSync(0, "utf8")) as Job[]) {
  answers.push(await answer(job));
}
console.log(JSON.stringify(answers));
