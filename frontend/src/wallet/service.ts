// What the wallet asks of the service. The words, and what follows from them but for the marking key of a claim, never go there.
import { Trouble } from "./errors.ts";

const SECONDS = 30;
const [PAUSE, PAUSES] = [5_000, 14]; // what is asked too often is asked again, for a bit more than the minute that it takes
const NAMES: Readonly<Record<number, string>> = { 404: "unknown", 429: "too-many" };

export interface Standing {
  readonly origin: string;
  readonly address: string;
  readonly vkey: string;
  readonly issuer: string;
  readonly account?: string;
  readonly held?: "custodial" | "wallet";
  readonly public_key?: string;
  readonly claimed_at?: string | null;
  readonly claimed_ref?: string | null;
  readonly handed?: string | null;
  readonly handed_public_key?: string | null;
}

export interface Given {
  readonly account: string | null;
  readonly logs: readonly Standing[];
}

export interface Challenge {
  readonly id: string;
  readonly context: string;
  readonly log: string;
  readonly issuer: string;
  readonly epoch: number;
  readonly verifier: string;
  readonly verifier_name: string | null;
  readonly verifier_known: boolean;
  readonly wants: { readonly attributes: readonly string[]; readonly app: string | null; readonly app_name?: string | null; readonly operation: string | null };
  readonly expires_at: string;
}

export class Service {
  readonly #root: string;
  readonly #csrf: string;

  // `root`: the address of the wallet's page; `csrf`: the token that its forms carry.
  constructor(root: string, csrf: string) {
    this.#root = root;
    this.#csrf = csrf;
  }

  get<T>(path: string): Promise<T> {
    return patiently(() => ask(this.#root + path, { credentials: "same-origin" }));
  }

  post<T>(path: string, said: Readonly<Record<string, unknown>>): Promise<T> {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": this.#csrf };
    return patiently(() => ask(this.#root + path, { method: "POST", credentials: "same-origin", headers, body: JSON.stringify(said) }));
  }
}

async function patiently<T>(act: () => Promise<T>): Promise<T> {
  for (let pause = 0; ; pause++) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof Trouble && error.code === "too-many") || pause === PAUSES) {
        throw error;
      }
      await new Promise((next) => setTimeout(next, PAUSE));
    }
  }
}

// A challenge, read as anybody reads it: without saying who does.
export const readChallenge = (id: string): Promise<Challenge> => ask(`/api/v1/challenges/${encodeURIComponent(id)}`, { credentials: "omit" });

// Hands in a proof, without saying who does. Where the question is gone, an answer that was lost on its way may have been the one: so that
// verdict is asked for.
export async function handIn(id: string, document: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await ask("/api/v1/verifications", {
      method: "POST",
      credentials: "omit",
      headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() },
      body: JSON.stringify({ challenge: id, ...document }),
    });
  } catch (error) {
    if (!(error instanceof Trouble) || error.code === "unreachable") {
      throw error;
    }
    return ask<Readonly<Record<string, unknown>>>(`/api/v1/verifications/${encodeURIComponent(id)}`, { credentials: "omit" }).catch(() => {
      throw error;
    });
  }
}

export const wellKnown = <T>(name: string): Promise<T> => ask(`/.well-known/${name}`, { credentials: "omit", cache: "no-cache" });

async function ask<T>(address: string, request: RequestInit): Promise<T> {
  let answer, said;
  try {
    answer = await fetch(address, { ...request, redirect: "error", referrerPolicy: "no-referrer", signal: AbortSignal.timeout(SECONDS * 1000) });
    said = (await answer.json()) as T & { readonly problem?: string; readonly sentence?: string };
  } catch {
    throw new Trouble("unreachable");
  }
  if (!answer.ok) {
    throw new Trouble(said.problem ?? NAMES[answer.status] ?? (answer.status < 500 ? "refused" : "unreachable"), said.sentence);
  }
  return said;
}
