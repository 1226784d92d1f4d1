// Tiles and entry bundles, C2SP tlog-tiles: a log as files that never change.
import { Broken } from "./broken.js";
import { root } from "./merkle.js";

export const WIDTH = 256n;
const HEIGHT = 8n;
const HASH = 32;

// The path of a tile under the log's own address; `level` is "entries" for a bundle, `width` how many of 256 it holds.
export function path(level, index, width = WIDTH) {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.../g);
  const last = groups.pop();
  return `tile/${level}/${groups.map((group) => `x${group}/`).join("")}${last}${width === WIDTH ? "" : `.p/${width}`}`;
}

export function decodeBundle(data) {
  const entries = [];
  for (let place = 0; place < data.length; ) {
    const end = place + 2 + (data[place] << 8) + data[place + 1];
    if (!(end <= data.length) || entries.length === Number(WIDTH)) {
      throw new Broken("bundle");
    }
    entries.push(data.subarray(place + 2, end));
    place = end;
  }
  return entries;
}

export function decodeTile(data) {
  if (data.length % HASH || data.length > HASH * Number(WIDTH)) {
    throw new Broken("tile");
  }
  return Array.from({ length: data.length / HASH }, (_, place) => data.subarray(place * HASH, (place + 1) * HASH));
}

// Reads the tree of one size. `read(path)` gives a file's bytes, or null where there is none.
export class Reader {
  constructor(read, size) {
    this.size = size;
    this.readNode = (level, index) => this.#node(level, index);
    this.#read = read;
  }

  #read;
  #files = new Map();

  // Returns the leaf of the entry.
  async leaf(index) {
    const entries = await this.#file("entries", index / WIDTH, decodeBundle);
    return entries[Number(index % WIDTH)];
  }

  // Returns the leaves of the bundle that the entry is in, as far as the tree goes.
  bundle(index) {
    return this.#file("entries", index / WIDTH, decodeBundle);
  }

  async #node(level, index) {
    const [tileLevel, height] = [level / HEIGHT, level % HEIGHT];
    const first = index << height;
    const hashes = await this.#file(tileLevel, first / WIDTH, decodeTile);
    const place = Number(first % WIDTH);
    return root(hashes.slice(place, place + Number(1n << height)));
  }

  #file(level, index, decode) {
    const name = path(level, index);
    if (!this.#files.has(name)) {
      this.#files.set(name, this.#fetch(level, index, decode));
    }
    return this.#files.get(name);
  }

  // A tile that is partial at this size may have been dropped since for the full one, so that one is tried next.
  async #fetch(level, index, decode) {
    const count = (level === "entries" ? this.size : this.size >> (HEIGHT * level)) - index * WIDTH;
    const width = count < WIDTH ? count : WIDTH;
    const data = (await this.#read(path(level, index, width))) ?? (width < WIDTH ? await this.#read(path(level, index)) : null);
    if (!data) {
      throw new Broken("missing");
    }
    const held = decode(data).slice(0, Number(width));
    if (held.length < Number(width)) {
      throw new Broken(level === "entries" ? "bundle" : "tile");
    }
    return held;
  }
}
