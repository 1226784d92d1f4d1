// How long others take, in node or in a browser: milliseconds of each round, by name. Each does once more first what is not counted.
import * as bbs from "@digitalbazaar/bbs-signatures";
import * as snarkjs from "snarkjs";

const SUITE = "BLS12-381-SHA-256";
const bytes = (digits) => Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

// Groth16 over the circuit of `setup.mjs`, whose files lie beside this one and are read before.
export async function groth16(rounds, depth) {
  const [wasm, zkey] = [{ type: "mem", data: await read("made.wasm") }, { type: "mem", data: await read("made.zkey") }];
  const { key } = JSON.parse(new TextDecoder().decode(await read("made.json")));
  const numbers = Array.from({ length: depth }, (_, at) => at);
  const said = { secret: 1234567890n, scope: 7n, siblings: numbers.map((at) => BigInt(at + 1)), sides: numbers.map((at) => at % 2) };
  let made;
  const times = {
    prove: await timed(rounds, async () => (made = await snarkjs.groth16.fullProve(said, wasm, zkey))),
    verify: await timed(rounds, () => snarkjs.groth16.verify(key, made.publicSignals, made.proof)),
  };
  return { times, key, made };
}

// BBS over as many messages as a receipt has attributes, of which as many are shown.
export async function signatures(rounds, secret, messages, shown) {
  const secretKey = bytes(secret);
  const publicKey = await bbs.secretKeyToPublicKey({ secretKey, ciphersuite: SUITE });
  const all = messages.map((text) => new TextEncoder().encode(text));
  const header = new Uint8Array(32);
  const signed = { publicKey, header, messages: all, ciphersuite: SUITE };
  const asked = { publicKey, header, presentationHeader: new Uint8Array(32).fill(7), disclosedMessageIndexes: shown, ciphersuite: SUITE };
  let [signature, proof] = [];
  return {
    times: {
      sign: await timed(rounds, async () => (signature = await bbs.sign({ secretKey, ...signed }))),
      check: await timed(rounds, () => bbs.verifySignature({ ...signed, signature })),
      prove: await timed(rounds, async () => (proof = await bbs.deriveProof({ ...asked, messages: all, signature }))),
      verify: await timed(rounds, () => bbs.verifyProof({ ...asked, proof, disclosedMessages: shown.map((at) => all[at]) })),
    },
  };
}

async function timed(rounds, act) {
  const taken = [];
  for (let round = 0; round <= rounds; round += 1) {
    const begun = performance.now();
    if ((await act()) === false) {
      throw new Error("it does not hold");
    }
    taken.push(performance.now() - begun);
  }
  return taken.slice(1);
}

async function read(name) {
  const address = new URL(name, import.meta.url);
  if (address.protocol === "file:") {
    return new Uint8Array(await (await import("node:fs/promises")).readFile(address));
  }
  return new Uint8Array(await (await fetch(address)).arrayBuffer());
}
