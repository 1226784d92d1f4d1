// What node 18 lacks and every browser of today has.
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto as unknown as Crypto;
String.prototype.isWellFormed ??= function isWellFormed(this: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(this);
};
