// Answers for @digitalbazaar/bbs-signatures: jobs as JSON on standard input, results in their order on standard output, bytes in hex.
import * as peer from '@digitalbazaar/bbs-signatures';
import {readFileSync} from 'node:fs';

const ciphersuite = 'BLS12-381-SHA-256';
const bytes = said => Uint8Array.from(Buffer.from(said, 'hex'));
const hex = made => Buffer.from(made).toString('hex');

const read = {
  secretKey: bytes, publicKey: bytes, signature: bytes, proof: bytes, header: bytes, presentationHeader: bytes,
  messages: list => list.map(bytes), disclosedMessages: list => list.map(bytes), disclosedMessageIndexes: list => list,
};

const results = [];
for(const {call, ...words} of JSON.parse(readFileSync(0, 'utf8'))) {
  const args = Object.fromEntries(Object.entries(words).map(([name, value]) => [name, read[name](value)]));
  try {
    const made = await peer[call]({...args, ciphersuite});
    results.push(typeof made === 'boolean' ? made : hex(made));
  } catch {
    results.push(false);
  }
}
console.log(JSON.stringify(results));
