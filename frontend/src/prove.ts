// The page that answers a verifier: who asks, what they would learn, and the proof, made here.
import encodeQR from "qr";
import { begin, client, showLock } from "./page/begin.ts";
import { Failed, WAITING, busy, copy, day, download, hasWord, inside, kindOf, number, onClick, onSubmit, part, say, show, tell } from "./page/dom.ts";
import { offerScan } from "./page/scan.ts";
import type { Asked, View } from "./protocol.ts";
import type { Challenge } from "./wallet/service.ts";

const MOST_SHOWN = 500;
const MOST_IN_CODE = 2_300; // bytes that a QR code of medium correction holds
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
let asked: Asked | null = null;
let view: View | null = null;
let made: Readonly<Record<string, unknown>> | null = null;

// The question of an address: behind `#`, which no server sees, or behind `?`, as in an older link.
function questionIn({ hash, search }: { readonly hash: string; readonly search: string }): string | null {
  const said = new URLSearchParams(hash.slice(1)).get("challenge") ?? new URLSearchParams(search).get("challenge");
  return said !== null && ID.test(said) ? said : null;
}

const log = () => view?.logs.find(({ origin }) => origin === asked?.origin);

function seen(now: View): void {
  view = now;
  if (!asked) {
    show("nothing");
  } else if (now.open) {
    showQuestion(asked);
  } else if (now.exists) {
    showLock(now);
  } else {
    show("none");
  }
}

function showQuestion({ challenge, statement, verifier, purpose, size }: Asked): void {
  const { verifier_known, verifier_name, wants, expires_at } = challenge;
  part("asks-who").textContent = verifier_known ? say("verifier_known", { name: verifier_name ?? verifier }) : say("verifier_unknown", { name: verifier });
  part("asks-who").classList.toggle("error", !verifier_known);
  part("asks-why").textContent = purpose;
  part("asks-what").textContent = say(`asks.${statement}`, { app: wants.app_name ?? wants.app ?? "", operation: say(`operation.${wants.operation}`, {}, "something") });
  part("asks-until").textContent = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" }).format(new Date(expires_at));
  part("learns").replaceChildren(...["learns", "learns_not"].map((name) => {
    const line = document.createElement("li");
    line.textContent = say(`${name}.${statement}`);
    return line;
  }));
  part("choose-own").hidden = statement !== "own";
  part("choose-receipt").hidden = statement !== "receipt";
  if (statement === "own") {
    listEntries(size);
  } else if (statement === "receipt") {
    listReceipts(wants.attributes);
  }
  show("ask");
}

function choice(type: "checkbox" | "radio", value: string, said: string): HTMLElement {
  const line = copy("choice-line");
  const field = inside<HTMLInputElement>(line, "input");
  field.type = type;
  field.name = type === "radio" ? "receipt" : "entry";
  field.value = value;
  field.id = `choice-${value}`;
  const label = inside<HTMLLabelElement>(line, "label");
  label.htmlFor = field.id;
  label.textContent = said;
  return line;
}

function listEntries(size: number): void {
  const entries = (log()?.entries ?? []).filter(({ index }) => index < size).slice(-MOST_SHOWN).reverse();
  part("own-list").replaceChildren(...entries.map(({ ref, kind, at, index, whose }) =>
    choice("checkbox", ref, say(whose === null ? "entry_line" : "entry_line_earlier", { kind: kindOf(kind), day: day(at), n: number(index) }))));
  part("claim-too-line").hidden = !entries.some(({ ref }) => ref === log()?.claimedRef);
  part("own-none").hidden = entries.length > 0;
  part("own-look").hidden = entries.length > 0;
}

function listReceipts(wanted: readonly string[]): void {
  const receipts = [...(log()?.receipts ?? [])].reverse();
  part("receipt-list").replaceChildren(...receipts.map(({ ref, attributes }) =>
    choice("radio", ref, say("receipt_line", { kind: kindOf(attributes["kind"] ?? ""), day: day(attributes["day"] ?? "") }))));
  part("receipt-none").hidden = receipts.length > 0;
  for (const field of part("attributes").querySelectorAll<HTMLInputElement>("input")) {
    field.checked = wanted.includes(field.value);
    field.disabled = field.checked;
  }
}

// Says beside each detail what of the chosen receipt it would show.
part("receipt-list").addEventListener("change", () => {
  const chosen = part("receipt-list").querySelector<HTMLInputElement>("input:checked")?.value;
  const held = log()?.receipts.find(({ ref }) => ref === chosen);
  for (const field of part("attributes").querySelectorAll<HTMLInputElement>("input")) {
    const value = held?.attributes[field.value] ?? "";
    inside(field.parentElement!, "[data-value]").textContent = value && (field.value === "app" ? held?.app_name ?? "" : valueOf(field.value, value));
  }
});

function valueOf(name: string, value: string): string {
  switch (name) {
    case "kind": return kindOf(value);
    case "day": return day(value);
    case "operation": return say(`operation.${value}`, {}, "something");
    case "within_ttl": return say(value, {}, "no");
    default: return hasWord(`${name}.${value}`) ? say(`${name}.${value}`) : value;
  }
}

onClick("own-look", () => {
  void busy(async (progress) => seen(await client.ask("look", { origin: asked!.origin }, progress)), "looking");
});

onSubmit("ask-form", (said) => {
  const { challenge, statement } = asked!;
  const refs = (statement === "own" ? said.getAll("entry") : said.getAll("receipt")).map(String);
  const disclosed = [...part("attributes").querySelectorAll<HTMLInputElement>("input:checked")].map(({ value }) => value);
  void busy(async () => {
    const choice = { refs, disclosed, claimToo: said.get("claim-too") !== null };
    const done = await client.ask("prove", { challenge, choice });
    made = done.document;
    part("unchecked").hidden = done.checked;
    drawCode(JSON.stringify(made));
    part("took").textContent = say("took", { ms: number(Math.round(done.milliseconds)) });
    part("took").dataset["milliseconds"] = String(done.milliseconds);
    part("made-text").textContent = JSON.stringify(made, null, 1);
    part("verdict").hidden = true;
    part("hand-in").hidden = false;
    show("made");
  }, "proving");
});

// The proof as a code, as far as one holds it, for somebody beside who scans it with the Verify page.
function drawCode(text: string): void {
  const fits = new TextEncoder().encode(text).length <= MOST_IN_CODE;
  part("proof-code").hidden = !fits;
  if (!fits) {
    return;
  }
  const rows = encodeQR(text, "raw", { ecc: "low", border: 4 });
  const canvas = part<HTMLCanvasElement>("proof-qr");
  [canvas.width, canvas.height] = [rows.length * 4, rows.length * 4];
  const context = canvas.getContext("2d")!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "#000";
  rows.forEach((row, y) => row.forEach((dark, x) => dark && context.fillRect(4 * x, 4 * y, 4, 4)));
}

onClick("hand-in", () => {
  void busy(async () => {
    const said = await client.ask("handIn", { id: asked!.challenge.id, document: made! });
    const holds = said["verdict"] === "holds";
    const place = part("verdict");
    place.hidden = false;
    place.dataset["verdict"] = String(said["verdict"]);
    place.classList.toggle("holds", holds);
    place.classList.toggle("broken", !holds);
    inside(place, "h3").textContent = holds ? say("handed_in") : say("handed_in_refused", { why: say(`refused.${String(said["reason"])}`, {}, "refused") });
    part("hand-in").hidden = true;
    sessionStorage.removeItem(WAITING);
  });
});

onClick("save-proof", () => download("consonant-proof.json", JSON.stringify(made, null, 1)));

// What was pasted, opened as a file or scanned: the link of a question, or the question itself.
function take(text: string): void {
  void busy(async () => {
    const said = text.trim();
    if (said.startsWith("{")) {
      let challenge;
      try {
        challenge = JSON.parse(said) as Challenge;
      } catch {
        tell(say("no_challenge"), { error: true });
        return;
      }
      asked = await client.ask("readChallenge", { challenge });
    } else {
      const link = URL.canParse(said) ? new URL(said) : null;
      const found = link && questionIn(link);
      if (!link || !found) {
        tell(say("no_challenge"), { error: true });
        return;
      }
      if (link.origin !== location.origin) {
        tell(say("other_service", { name: link.host }), { error: true });
        return;
      }
      await fetchQuestion(found);
    }
    seen(view!);
  });
}

async function fetchQuestion(found: string): Promise<void> {
  sessionStorage.setItem(WAITING, found); // until it is answered, also while a wallet is made first
  try {
    asked = await client.ask("challenge", { id: found });
  } catch (error) {
    if (!(error instanceof Failed && error.code === "unreachable")) {
      sessionStorage.removeItem(WAITING);
    }
    throw error;
  }
}

onSubmit("paste-form", (said) => take(String(said.get("challenge"))));
part<HTMLInputElement>("question-file").addEventListener("change", ({ target }) => {
  const field = target as HTMLInputElement;
  void field.files?.[0]?.text().then((text) => {
    field.value = "";
    take(text);
  });
});
globalThis.addEventListener("hashchange", () => location.reload());

let begun = false;
void begin(
  (now) => {
    seen(now);
    const found = begun ? null : questionIn(location) ?? sessionStorage.getItem(WAITING);
    begun = true;
    if (found) {
      void busy(async () => {
        await fetchQuestion(found);
        seen(view!);
      });
    }
  },
  (now) => {
    const other = !now.open || !view?.open;
    view = now;
    if (other) {
      seen(now); // what is chosen here stays otherwise
    }
  },
);
offerScan(take);
