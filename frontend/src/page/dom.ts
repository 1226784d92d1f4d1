// What the wallet's pages share: their parts, their words in the page's language, and the worker.
import type { Answer, Call, Calls, View } from "../protocol.ts";

type Progress = (done: number, all: number) => void;

export const WAITING = "consonant-question"; // where a question waits in this tab for its answer
export const language = document.documentElement.lang;

// The part of the page with this id.
export function part<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) {
    throw new Error(id);
  }
  return found as T;
}

// A new copy of a template's element.
export const copy = (id: string): HTMLElement => part<HTMLTemplateElement>(id).content.firstElementChild!.cloneNode(true) as HTMLElement;

export const inside = <T extends HTMLElement = HTMLElement>(parent: ParentNode, selector: string): T => parent.querySelector<T>(selector)!;

// A sentence of the page, with values in its braces; the fallback is for names that the page has no words for.
export function say(word: string, values: Readonly<Record<string, string>> = {}, fallback = "unexpected"): string {
  const all = part<HTMLTemplateElement>("wallet-words").content;
  const found = all.querySelector(`[data-word="${CSS.escape(word)}"]`) ?? all.querySelector(`[data-word="${fallback}"]`);
  return Object.entries(values).reduce((said, [name, value]) => said.replaceAll(`{${name}}`, value), found?.textContent?.trim() ?? word);
}

export const hasWord = (word: string): boolean =>
  part<HTMLTemplateElement>("wallet-words").content.querySelector(`[data-word="${CSS.escape(word)}"]`) !== null;

export const number = (value: number): string => new Intl.NumberFormat(language).format(value);

export const day = (at: string): string => new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(at));

// An entry's kind in plain words, as far as the page has them.
export const kindOf = (kind: string): string => (hasWord(`kind.${kind}`) ? say(`kind.${kind}`) : kind);

// Shows one step of the page, and moves the focus to it where it follows another.
export function show(step: string): void {
  const before = document.querySelector<HTMLElement>("[data-step]:not([hidden])");
  for (const each of document.querySelectorAll<HTMLElement>("[data-step]")) {
    each.hidden = each.dataset["step"] !== step;
  }
  const shown = document.querySelector<HTMLElement>(`[data-step="${step}"]`);
  if (before && before.dataset["step"] !== step) {
    shown?.querySelector<HTMLElement>("h2")?.focus();
  }
}

// Says something for everybody, also for who listens.
export function tell(text: string, { error = false } = {}): void {
  const place = part("wallet-said");
  place.hidden = !text;
  place.textContent = text;
  place.classList.toggle("error", error);
}

// Offers a text as a file.
export function download(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export class Failed extends Error {
  readonly code: string;
  readonly sentence: string | undefined;

  constructor({ code, sentence }: { readonly code: string; readonly sentence?: string }) {
    super(code);
    this.code = code;
    this.sentence = sentence;
  }
}

// The worker, which alone holds the secrets.
export class Client {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { done: (value: never) => void; failed: (error: Error) => void; progress: Progress | undefined }>();
  readonly #changed: (view: View) => void;
  #last = 0;

  // `changed` hears of a wallet that another page has changed.
  constructor(address: string, changed: (view: View) => void) {
    this.#changed = changed;
    this.#worker = new Worker(address, { type: "module" });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => this.#hear(data));
    this.#worker.addEventListener("error", () => {
      this.#waiting.forEach(({ failed }) => failed(new Failed({ code: "unexpected" })));
      this.#waiting.clear();
    });
  }

  ask<C extends Call>(call: C, words: Calls[C][0], progress?: Progress): Promise<Calls[C][1]> {
    return new Promise((done, failed) => {
      const id = ++this.#last;
      this.#waiting.set(id, { done, failed, progress });
      this.#worker.postMessage({ id, call, words });
    });
  }

  #hear(answer: Answer): void {
    if ("view" in answer) {
      this.#changed(answer.view);
      return;
    }
    if ("waits" in answer) {
      tell(say("other_page"));
      return;
    }
    const waiting = this.#waiting.get(answer.id);
    if (!waiting) {
      return;
    }
    if ("progress" in answer) {
      waiting.progress?.(...answer.progress);
      return;
    }
    this.#waiting.delete(answer.id);
    if ("failed" in answer) {
      waiting.failed(new Failed(answer.failed));
    } else {
      waiting.done(answer.done as never);
    }
  }
}

// Does something that takes a while: what was pressed rests meanwhile, the bar moves, and what goes wrong is said.
export async function busy(act: (progress: Progress) => Promise<void>, waiting = "working"): Promise<void> {
  const root = part("wallet");
  const bar = part<HTMLProgressElement>("wallet-progress");
  const pressed = document.activeElement as HTMLElement | null;
  root.setAttribute("aria-busy", "true");
  root.querySelectorAll("button").forEach((button) => button.toggleAttribute("disabled", true));
  tell(say(waiting));
  part("wallet-again").hidden = true;
  bar.hidden = false;
  bar.removeAttribute("value");
  try {
    await act((done, all) => {
      bar.max = all;
      bar.value = done;
    });
    if ([say(waiting), say("other_page")].includes(part("wallet-said").textContent ?? "")) {
      tell("");
    }
  } catch (error) {
    const { code, sentence } = error instanceof Failed ? error : { code: "unexpected", sentence: undefined };
    tell(sentence ?? say(code), { error: true });
    part("wallet-again").hidden = code !== "identity";
  } finally {
    bar.hidden = true;
    root.removeAttribute("aria-busy");
    root.querySelectorAll("button").forEach((button) => button.toggleAttribute("disabled", false));
    if (document.activeElement === document.body) {
      pressed?.focus();
    }
  }
}

// Calls when a form is sent, with what is in it.
export function onSubmit(id: string, act: (said: FormData, form: HTMLFormElement) => void): void {
  const form = part<HTMLFormElement>(id);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(new FormData(form), form);
  });
}

export const onClick = (id: string, act: () => void): void => part(id).addEventListener("click", act);

export const text = (said: FormData, name: string): string => String(said.get(name) ?? "");
