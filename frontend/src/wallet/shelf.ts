// Where this browser keeps the encrypted wallet: one text in IndexedDB.
const [NAME, STORE, KEY] = ["consonant-wallet", "boxes", "mine"];

export const load = async (): Promise<string | null> => ((await act("readonly", (store) => store.get(KEY))) as string | undefined) ?? null;
export const save = async (text: string): Promise<void> => void (await act("readwrite", (store) => store.put(text, KEY)));
export const remove = async (): Promise<void> => void (await act("readwrite", (store) => store.delete(KEY)));

async function act(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest): Promise<unknown> {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await answered<IDBDatabase>(opening);
  try {
    const transaction = database.transaction(STORE, mode, { durability: "strict" });
    const request = ask(transaction.objectStore(STORE));
    await new Promise<void>((done, failed) => {
      transaction.oncomplete = () => done();
      transaction.onabort = transaction.onerror = () => failed(transaction.error ?? new Error("storage"));
    });
    return request.result;
  } finally {
    database.close();
  }
}

const answered = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error ?? new Error("storage"));
  });
