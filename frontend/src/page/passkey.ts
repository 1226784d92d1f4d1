// A passkey that unlocks the wallet on this device: WebAuthn's PRF extension gives a secret that never leaves the authenticator without the
// person's touch. The passkey is no login: the service never hears of it.
import { fromHex, toHex } from "../core/bytes.ts";

const SALT_BYTES = 32;

const random = (length: number): Uint8Array<ArrayBuffer> => crypto.getRandomValues(new Uint8Array(length));

interface Evaluated {
  readonly prf?: { readonly enabled?: boolean; readonly results?: { readonly first?: BufferSource } };
}

// Says whether this browser can have one. Whether the authenticator gives a secret only shows when it is asked.
export const possible = (): boolean => isSecureContext && "PublicKeyCredential" in globalThis && !/^[\d.]+$|^\[/.test(location.hostname);

// Makes one, and asks it once. Null where it gives no secret, or the person would not.
export async function create(name: string): Promise<{ id: string; salt: string; secret: string } | null> {
  const salt = random(SALT_BYTES);
  try {
    const made = (await navigator.credentials.create({
      publicKey: {
        challenge: random(32),
        rp: { name: "Consonant" },
        user: { id: random(16), name, displayName: name },
        pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -257 }],
        authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
        extensions: { prf: { eval: { first: salt } } } as AuthenticationExtensionsClientInputs,
      },
    })) as PublicKeyCredential | null;
    if (!made || !(made.getClientExtensionResults() as Evaluated).prf?.enabled) {
      return null;
    }
    const id = toHex(new Uint8Array(made.rawId));
    const secret = read(made) ?? (await ask([{ id, salt: toHex(salt) }]))?.secret;
    return secret ? { id, salt: toHex(salt), secret } : null;
  } catch {
    return null;
  }
}

// Asks one of these passkeys for its secret.
export async function ask(known: readonly { readonly id: string; readonly salt: string }[]): Promise<{ id: string; secret: string } | null> {
  try {
    const evalByCredential = Object.fromEntries(known.map(({ id, salt }) => [base64url(fromHex(id)), { first: Uint8Array.from(fromHex(salt)) }]));
    const found = (await navigator.credentials.get({
      publicKey: {
        challenge: random(32),
        allowCredentials: known.map(({ id }) => ({ type: "public-key", id: Uint8Array.from(fromHex(id)) })),
        userVerification: "required",
        extensions: { prf: { evalByCredential } } as AuthenticationExtensionsClientInputs,
      },
    })) as PublicKeyCredential | null;
    const secret = found && read(found);
    return found && secret ? { id: toHex(new Uint8Array(found.rawId)), secret } : null;
  } catch {
    return null;
  }
}

function read(found: PublicKeyCredential): string | null {
  const first = (found.getClientExtensionResults() as Evaluated).prf?.results?.first;
  return first ? toHex(new Uint8Array(first instanceof ArrayBuffer ? first : first.buffer)) : null;
}

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
