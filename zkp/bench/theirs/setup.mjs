// Builds the circuit and its keys, offline: `node setup.mjs DEPTH`. Its powers of tau, and the contributions to them, are those of one
// machine alone: whoever has them can prove what is not so. They are for measuring only.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import * as snarkjs from "snarkjs";

const [depth] = process.argv.slice(2);
const chance = () => randomBytes(32).toString("hex");

writeFileSync("made.circom", `${readFileSync("member.circom", "utf8")}\ncomponent main {public [scope]} = Member(${depth});\n`);
const include = "node_modules/circomlib/circuits";
execFileSync(process.execPath, ["node_modules/circom2/cli.js", "made.circom", "--r1cs", "--wasm", "--O2", "-l", include, "-o", "."]);
writeFileSync("made.wasm", readFileSync("made_js/made.wasm"));

const curve = await snarkjs.curves.getCurveFromName("bn128");
const { nConstraints, nPubInputs, nOutputs } = await snarkjs.r1cs.info("made.r1cs");
const power = Math.ceil(Math.log2(nConstraints + nPubInputs + nOutputs + 1));
await snarkjs.powersOfTau.newAccumulator(curve, power, "new.ptau");
await snarkjs.powersOfTau.contribute("new.ptau", "given.ptau", "bench", chance());
await snarkjs.powersOfTau.preparePhase2("given.ptau", "made.ptau");
await snarkjs.zKey.newZKey("made.r1cs", "made.ptau", "new.zkey");
await snarkjs.zKey.contribute("new.zkey", "made.zkey", "bench", chance());
writeFileSync("made.json", JSON.stringify({ key: await snarkjs.zKey.exportVerificationKey("made.zkey") }));
process.stdout.write(String(nConstraints));
process.exit(0); // snarkjs's workers would keep it
