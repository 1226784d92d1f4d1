// What a check can end with besides "it holds". `code` names the words that the page has for it.

// It does not hold: what was served contradicts itself, or what this browser remembers.
export class Broken extends Error {
  constructor(code, evidence = []) {
    super(code);
    this.code = code;
    this.evidence = evidence;
  }
}

// Nothing can be said: something that the check needs is not there.
export class Unable extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}
