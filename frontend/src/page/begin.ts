// How both pages begin: the worker, what the service gave, and the lock of a wallet that is on this device.
import type { View } from "../protocol.ts";
import type { Given } from "../wallet/service.ts";
import { Client, busy, onClick, onSubmit, part, show, tell, say, text } from "./dom.ts";
import * as passkey from "./passkey.ts";

const root = part("wallet");
let heard: (view: View) => void = () => undefined;
export const client = new Client(root.dataset["worker"]!, (view) => heard(view));

// Says whether this is the page that the browser kept: the service was not there, and the page knows nothing of it.
export const isKept = root.dataset["kept"] !== undefined;

// Starts, and calls with every new view of the wallet from then on; `changed` with what another page has made of it.
export async function begin(seen: (view: View) => void, changed: (view: View) => void): Promise<void> {
  part("wallet-noscript").hidden = true;
  if (!isSecureContext || !globalThis.indexedDB || !navigator.locks) {
    tell(say("insecure"), { error: true });
    return;
  }
  part("wallet-kept").hidden = !isKept;
  heard = changed;
  keepPages();
  const given = JSON.parse(part("wallet-given").textContent!) as Given;
  await busy(async () => {
    const view = await client.ask("start", { given, root: root.dataset["root"]!, csrf: root.dataset["csrf"]! });
    await navigator.storage?.persist?.().catch(() => false);
    seen(view);
  });
  onSubmit("unlock", (said, form) => {
    void busy(async (progress) => {
      const view = await client.ask("open", { passphrase: text(said, "passphrase") }, progress);
      form.reset();
      seen(view);
    }, "unlocking");
  });
  onClick("unlock-passkey", () => {
    void busy(async () => {
      const found = await passkey.ask(passkeys);
      if (!found) {
        tell(say("no_passkey"), { error: true });
        return;
      }
      seen(await client.ask("openByPasskey", found));
    });
  });
}

// Lets the browser keep the wallet's pages, so that they open without a network, too.
function keepPages(): void {
  const { offline, root: scope } = root.dataset;
  void navigator.serviceWorker?.register(offline!, { scope: scope! }).catch(() => undefined); // then they need the network
}

let passkeys: View["passkeys"] = [];

// Shows the lock.
export function showLock(view: View): void {
  passkeys = view.passkeys;
  part("unlock-passkey").hidden = !passkeys.length || !passkey.possible();
  show("locked");
}
