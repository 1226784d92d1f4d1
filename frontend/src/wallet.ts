// The page of the wallet: create, restore, take over, look for one's entries, take receipts, keep a copy.
import { begin, client, isKept, showLock } from "./page/begin.ts";
import {
  WAITING, busy, copy, day, download, inside, kindOf, number, onClick, onSubmit, part, say, show, tell, text,
} from "./page/dom.ts";
import * as passkey from "./page/passkey.ts";
import type { View } from "./protocol.ts";

type Log = View["logs"][number];

const ASKED = 3; // so many of the 24 words are asked for, to see that they were written down
const SHOWN = 200; // so many entries of a log are listed
let words: string[] = [];
let places: number[] = [];
const opened = new Set<string>(); // the logs whose list of entries is open

function seen(view: View): void {
  if (view.open) {
    showOpen(view);
  } else if (view.exists) {
    showLock(view);
  } else {
    show("begin");
  }
}

// Create

onClick("create", () => {
  void busy(async () => {
    words = (await client.ask("create", {})).words.split(" ");
    part("words-list").replaceChildren(...words.map((word) => {
      const item = document.createElement("li");
      item.textContent = word;
      item.translate = false;
      return item;
    }));
    show("words");
  });
});

onClick("written", () => {
  const left = words.map((_, at) => at);
  places = Array.from({ length: ASKED }, () => left.splice(crypto.getRandomValues(new Uint32Array(1))[0]! % left.length, 1)[0]!);
  places.sort((one, other) => one - other);
  part("words-list").replaceChildren();
  places.forEach((place, at) => {
    const field = part<HTMLInputElement>(`word-${at + 1}`);
    field.value = "";
    inside(document, `label[for="word-${at + 1}"]`).textContent = say("word_no", { n: number(place + 1) });
  });
  show("check");
});

onSubmit("check-words-form", (said, form) => {
  const right = places.every((place, at) => text(said, `word-${at + 1}`).trim().toLowerCase() === words[place]);
  if (!right) {
    tell(say("other_words"), { error: true });
    return;
  }
  words = [];
  form.reset();
  tell("");
  show("passphrase");
});

for (const id of ["again-create", "back-restore", "back-backup", "back-passphrase"]) {
  onClick(id, () => {
    words = [];
    part("words-list").replaceChildren();
    tell("");
    show("begin");
  });
}

onSubmit("passphrase-form", (said, form) => {
  const passphrase = text(said, "passphrase");
  if (passphrase !== text(said, "again")) {
    tell(say("not_the_same"), { error: true });
    return;
  }
  void busy(async (progress) => {
    const view = await client.ask("keep", { passphrase }, progress);
    form.reset();
    seen(view);
  }, "locking");
});

// Restore

onClick("restore", () => show("restore"));
onClick("bring", () => show("backup"));

onSubmit("restore-form", (said, form) => {
  void busy(async () => {
    const { strangers, fits } = await client.ask("restore", { words: text(said, "words") });
    if (!fits) {
      const shown = strangers.slice(0, 5).join(", ");
      tell(strangers.length ? say("strange_words", { words: shown }) : say("wrong_words"), { error: true });
      return;
    }
    form.reset();
    show("passphrase");
  });
});

onSubmit("backup-form", (said, form) => {
  void busy(async (progress) => {
    const file = said.get("file");
    const view = await client.ask(
      "openBackup", { file: file instanceof File ? await file.text() : "", passphrase: text(said, "passphrase") }, progress,
    );
    form.reset();
    seen(view);
  }, "unlocking");
});

// An open wallet

function showOpen(view: View): void {
  part("logs").replaceChildren(...view.logs.map(card));
  part("no-logs").hidden = view.logs.length > 0;
  part("add-passkey").hidden = !passkey.possible() || view.passkeys.length > 0;
  part("passkey-there").hidden = !view.passkeys.length;
  part("backup-due").hidden = !view.logs.some((log) => log.earlier > 0 && !log.saved);
  part("question-waits").hidden = !sessionStorage.getItem(WAITING);
  show("open");
}

function card(log: Log): HTMLElement {
  const made = copy("log-card");
  made.dataset["log"] = log.origin;
  inside(made, "h3").textContent = log.origin;
  inside(made, "[data-standing]").textContent = say(isKept ? "standing.kept" : `standing.${log.standing}`);
  const found = inside(made, "[data-found]");
  found.textContent = log.looked ? say("found", { n: number(log.entries.length), receipts: number(log.receipts.length) }) : say("not_looked");
  const results = inside(made, "[data-results]");
  results.replaceChildren(...resultsOf(log).map((said) => {
    const line = document.createElement("li");
    line.textContent = said;
    return line;
  }));
  results.hidden = !results.childElementCount;
  const act = (name: string, hidden: boolean, run: () => void) => {
    const button = inside<HTMLButtonElement>(made, `[data-act="${name}"]`);
    button.hidden = hidden;
    button.addEventListener("click", run);
  };
  const { origin } = log;
  act("claim", log.standing !== "custodial", () => {
    part("backup-kept").hidden = true; // a copy from before lacks what comes now
    void busy(async () => {
      seen(await client.ask("claim", { origin, replace: false }));
      tell(say("claimed"));
    }, "claiming");
  });
  const instead = inside<HTMLFormElement>(made, "[data-replace]");
  instead.hidden = log.standing !== "elsewhere";
  instead.addEventListener("submit", (event) => {
    event.preventDefault();
    part("backup-kept").hidden = true;
    void busy(async () => {
      seen(await client.ask("claim", { origin, replace: true }));
      tell(say("replaced"));
    }, "claiming");
  });
  act("look", false, () => {
    void busy(async (progress) => {
      const begun = performance.now();
      const after = await client.ask("look", { origin }, progress);
      part("wallet").dataset["looked"] = String(Math.round(performance.now() - begun));
      seen(after);
      const now = after.logs.find((each) => each.origin === origin)!;
      tell(say("looked", { n: number(now.entries.length) }));
      if (now.standing === "mine") {
        tell(say("counting"));
        const { view, checked } = await client.ask("check", { origin });
        seen(view);
        const missing = checked.counted !== null && checked.found < checked.counted;
        const odd = missing || checked.unmarked.length > 0 || checked.wrong.length > 0;
        tell(say(odd ? "looked_odd" : "looked_whole", { n: number(now.entries.length) }), { error: odd });
        if (missing) {
          download("consonant-count.json", JSON.stringify(checked.paper));
        }
      }
    }, "looking");
  });
  const without = log.entries.filter(({ ref }) => !log.receipts.some((each) => each.ref === ref));
  act("receipts", !without.length || log.standing === "unknown", () => takeReceipts(origin, without.map(({ ref }) => ref)));
  const entries = inside<HTMLDetailsElement>(made, "details[data-entries]");
  entries.open = opened.has(origin);
  entries.addEventListener("toggle", () => (entries.open ? opened.add(origin) : opened.delete(origin)));
  entries.hidden = !log.entries.length;
  const list = inside(made, "ol");
  list.replaceChildren(...log.entries.slice(-SHOWN).reverse().map((entry) => {
    const line = copy("entry-line");
    inside(line, "h4").textContent = kindOf(entry.kind);
    inside(line, "[data-day]").textContent = day(entry.at);
    inside(line, "[data-index]").textContent = say("entry_no", { n: number(entry.index) });
    inside(line, "[data-whose]").textContent = say(entry.whose === null ? "key_mine" : "key_earlier");
    const opening = log.openings[entry.ref];
    inside(line, "details").hidden = !opening;
    inside(line, "pre").textContent = opening ? pretty(opening.payload) : "";
    const held = log.receipts.some(({ ref }) => ref === entry.ref);
    inside(line, "[data-receipt]").textContent = held ? say("receipt_held") : "";
    const button = inside<HTMLButtonElement>(line, "button");
    button.hidden = held || log.standing === "unknown";
    button.addEventListener("click", () => takeReceipts(origin, [entry.ref]));
    return line;
  }));
  return made;
}

// What was found and what is missing, a sentence each.
function resultsOf({ told, entries }: Log): string[] {
  if (!told) {
    return [];
  }
  const { counted, found, openings, unmarked, earlier, wrong } = told;
  const sealed = entries.length - (openings - unmarked.length - earlier);
  return [
    counted === null ? "" : say(!counted ? "count_none" : found < counted ? "count_missing" : "count_holds", { counted: number(counted), found: number(found), n: number(Math.max(0, counted - found)) }),
    unmarked.length ? say("unmarked", { n: number(unmarked.length) }) : "",
    wrong.length ? say("told_wrong", { n: number(wrong.length) }) : "",
    earlier ? say("told_earlier", { n: number(earlier) }) : "",
    sealed > 0 ? say("told_sealed", { n: number(sealed) }) : "",
  ].filter(Boolean);
}

function pretty(payload: string): string {
  try {
    return JSON.stringify(JSON.parse(payload), null, 1);
  } catch {
    return payload;
  }
}

function takeReceipts(origin: string, refs: readonly string[]): void {
  void busy(async (progress) => {
    seen(await client.ask("receipts", { origin, refs }, progress));
    tell(say("receipts_taken", { n: number(refs.length) }));
  }, "taking");
}

onClick("save-backup", () => {
  void busy(async () => {
    const { file } = await client.ask("backup", {});
    download("consonant-wallet.json", file);
    part("backup-kept").hidden = false;
    part("backup-kept").focus();
  });
});

onClick("backup-kept", () => {
  void busy(async () => {
    seen(await client.ask("saved", {}));
    part("backup-kept").hidden = true;
    tell(part("backup-due").hidden ? say("backup_saved") : "");
  });
});

onSubmit("show-words", (said, form) => {
  void busy(async (progress) => {
    const shown = await client.ask("words", { passphrase: text(said, "passphrase") }, progress);
    form.reset();
    part("words-again").textContent = shown.words;
    part("words-again").hidden = false;
  }, "unlocking");
});

onClick("add-passkey", () => {
  void busy(async () => {
    const made = await passkey.create(say("passkey_name"));
    if (!made) {
      tell(say("no_passkey"), { error: true });
      return;
    }
    seen(await client.ask("addPasskey", made));
    tell(say("passkey_added"));
  });
});

onClick("lock", () => {
  part("words-again").textContent = "";
  part("words-again").hidden = true;
  void busy(async () => seen(await client.ask("lock", {})));
});

for (const id of ["forget-locked", "forget-open"]) {
  onSubmit(id, (_, form) => {
    void busy(async () => {
      const view = await client.ask("forget", {});
      form.reset();
      seen(view);
    });
  });
}

// Another page has changed the wallet: what is shown here follows, but for a person who is writing words down.
void begin(seen, (view) => {
  const step = document.querySelector<HTMLElement>("[data-step]:not([hidden])")?.dataset["step"];
  if (step === "open" || step === "locked" || view.exists) {
    seen(view);
  }
});
