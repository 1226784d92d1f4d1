// `bench.ts` for node.
import "./older.ts";

export * from "./bench.ts";
