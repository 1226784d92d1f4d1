// The service worker of the wallet's pages: they open, and prove, without a network.
//
// It keeps what `KEPT` names (portal/views/offline.py), all of one version: two pages that are about nobody, and the files that they need.
// What the network gives is always preferred; what is kept answers where the network or the service does not. Nothing else is touched.
interface Kept {
  readonly version: string;
  readonly pages: Readonly<Record<string, string>>; // of which page, the one that is kept
  readonly files: readonly string[];
}

interface Lasting extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface Fetched extends Lasting {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}

const worker = globalThis as unknown as {
  readonly KEPT: Kept;
  readonly location: Location;
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(name: "install" | "activate", act: (event: Lasting) => void): void;
  addEventListener(name: "fetch", act: (event: Fetched) => void): void;
};

const PREFIX = "consonant-wallet-";
const SECONDS = 5;
const { version, pages, files } = worker.KEPT;
const NAME = PREFIX + version;

// All of it or nothing: where one file is missing, the version before stays.
async function install(): Promise<void> {
  const cache = await caches.open(NAME);
  await cache.addAll([...Object.values(pages), ...files].map((name) => new Request(name, { cache: "no-cache", credentials: "omit", redirect: "error" })));
  await worker.skipWaiting();
}

async function activate(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== NAME).map((name) => caches.delete(name)));
  await worker.clients.claim();
}

async function answer(request: Request, name: string): Promise<Response> {
  const fetched = fetch(request).catch(() => null);
  const late = new Promise<null>((done) => setTimeout(() => done(null), SECONDS * 1000));
  const given = await Promise.race([fetched, late]);
  if (given && given.status < 500) {
    return given;
  }
  const kept = await (await caches.open(NAME)).match(name);
  return kept ?? given ?? (await fetched) ?? Response.error();
}

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(activate()));
worker.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== worker.location.origin) {
    return;
  }
  const name = mode === "navigate" ? pages[pathname] : files.includes(pathname) ? pathname : undefined;
  if (name !== undefined) {
    event.respondWith(answer(event.request, name));
  }
});

export {};
