// The marks of "My records": this browser checks each line against the public log, and says what it found.
//
// The words are the page's own, in its language. Without this script a line says what the service says, and nothing more.
import { Broken, Unable } from "./broken.js";
import { text } from "./bytes.js";
import { checkRecord, openLog, read, why } from "./log.js";
import { forget } from "./memory.js";

const WAITS = [1, 2, 4, 8]; // seconds until what waits to be sealed is looked for again
const language = document.documentElement.lang;
const words = document.getElementById("check-words").content;
const summary = document.getElementById("check-said");
const lines = [...document.querySelectorAll(".check[data-ref]")];
const logs = new Map([...document.querySelectorAll("[data-origin]")].map((card) => [card.dataset.origin, card]));
const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

function say(word, values = {}) {
  const sentence = words.querySelector(`[data-word="${word}"]`).textContent.trim();
  return Object.entries(values).reduce((said, [name, value]) => said.replace(`{${name}}`, value), sentence);
}

const count = (number) => new Intl.NumberFormat(language).format(number);
const moment = (at) => new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" }).format(at);

function mark(line, state, said) {
  line.dataset.state = state;
  line.querySelector("summary > span").textContent = said;
}

function markFor(line, error) {
  if (error instanceof Broken) {
    mark(line, "failed", say("failed", { why: say(error.code) }));
  } else {
    mark(line, "unable", say("unable", { why: say(error instanceof Unable ? error.code : "unexpected") }));
  }
}

function record({ dataset }) {
  const { ref, kind, at, salt, payload, index } = dataset;
  return { ref, kind, at, salt, payload, index: index ? BigInt(index) : null };
}

async function checkLog(origin, vkey, mine) {
  const card = logs.get(origin);
  try {
    if (!vkey) {
      throw new Unable("no_key");
    }
    const log = await openLog(origin, vkey, card.dataset.address);
    tellLog(card, log);
    await Promise.all(mine.map((line) => checkLine(line, log)));
  } catch (error) {
    mine.forEach((line) => markFor(line, error));
    tellTrouble(card, error);
  }
}

async function checkLine(line, log) {
  try {
    const index = await checkRecord(log, record(line));
    if (index === null) {
      mark(line, "waiting", say("waiting"));
    } else {
      mark(line, "verified", say("verified", { index: count(index) }));
      line.querySelector("[data-place]").textContent = say("place", { index: count(index), size: count(log.head.size), log: log.origin });
    }
  } catch (error) {
    markFor(line, error);
  }
}

function tellLog(card, log) {
  const key = log.vkey.split("+")[1];
  card.querySelector("[data-said]").textContent = [
    say("head", { size: count(log.head.size), at: moment(new Date()), key }),
    log.kept ? say(log.known ? "known" : "first", { since: moment(new Date(log.since)) }) : say("no_memory"),
  ].join(" ");
  card.querySelector("[data-forget]").hidden = !log.kept;
}

function tellTrouble(card, error) {
  const why = say(error.code ?? "unexpected");
  card.querySelector("[data-said]").textContent = say(error instanceof Broken ? "failed" : "unable", { why });
  const pages = error.evidence ?? [];
  card.querySelector("[data-evidence]").hidden = !pages.length;
  card.querySelector("[data-forget]").hidden = !pages.length;
  card.querySelectorAll("[data-evidence] pre").forEach((place, number) => {
    place.textContent = pages[number] ?? "";
  });
}

function tellAll() {
  const of = (state) => lines.filter((line) => line.dataset.state === state);
  const [failed, unable, verified, waiting] = ["failed", "unable", "verified", "waiting"].map((state) => of(state).length);
  summary.classList.toggle("error", failed > 0);
  summary.textContent = [
    failed ? say("all_failed", { n: count(failed), all: count(lines.length) }) : "",
    verified ? say("all_verified", { n: count(verified), all: count(lines.length) }) : "",
    waiting ? say("all_waiting", { n: count(waiting) }) : "",
    unable ? say("all_unable", { n: count(unable) }) : "",
  ].filter(Boolean).join(" ");
}

async function checkAll(due) {
  const keys = await readKeys();
  const mine = (origin) => due.filter((line) => line.dataset.log === origin);
  const origins = [...logs.keys()].filter((origin) => mine(origin).length);
  await Promise.all(origins.map((origin) => checkLog(origin, keys.get(origin), mine(origin))));
  tellAll();
}

async function readKeys() {
  const data = await read(summary.dataset.keys, "no-cache");
  return new Map(JSON.parse(text(data) ?? "").logs.map(({ origin, vkey }) => [origin, vkey]));
}

async function run() {
  const reason = await why();
  if (reason) {
    lines.forEach((line) => markFor(line, new Unable(reason)));
    summary.textContent = say("cannot", { why: say(reason) });
    return;
  }
  lines.forEach((line) => mark(line, "checking", say("checking")));
  summary.textContent = say("all_checking");
  try {
    await checkAll(lines);
    for (const seconds of WAITS) {
      const due = lines.filter((line) => line.dataset.state === "waiting");
      if (!due.length) {
        break;
      }
      await pause(seconds);
      await checkAll(due);
    }
  } catch (error) {
    const due = lines.filter((line) => ["checking", "waiting"].includes(line.dataset.state));
    due.forEach((line) => markFor(line, error));
    tellAll();
  }
}

for (const [origin, card] of logs) {
  card.querySelector("[data-forget]").addEventListener("click", () => {
    forget(origin);
    location.reload();
  });
}
if (lines.length) {
  run();
}
