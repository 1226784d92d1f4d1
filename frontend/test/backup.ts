// A wallet's file, opened as the wallet's page opens it, and what it proves without any service: {file, passphrase, asked: [{challenge,
// choice}]} as JSON on standard input; the content and the documents on standard output. With `text` in place of `file` it makes the file.
import "./older.ts";
import { readFileSync } from "node:fs";
import * as safe from "../src/wallet/safe.ts";
import { Service } from "../src/wallet/service.ts";
import { read } from "../src/wallet/state.ts";
import { prove } from "../src/wallet/wallet.ts";

const { file, text, passphrase, asked } = JSON.parse(readFileSync(0, "utf8"));

async function opened(): Promise<unknown> {
  const box = safe.read(file);
  const content = await safe.content(box, await safe.openByPassphrase(box, passphrase));
  const documents = [];
  for (const { challenge, choice } of asked ?? []) {
    documents.push(await prove(read(content), new Service("", ""), challenge, choice));
  }
  return { content: JSON.parse(content), documents };
}

async function made(): Promise<unknown> {
  const { box, key } = await safe.make(text, passphrase);
  return safe.addPasskey(box, key, { id: "aa", salt: "bb".repeat(32), secret: "cc".repeat(32) });
}

process.stdout.write(JSON.stringify(await (text ? made() : opened())));
