// What can go wrong in a wallet. `code` names the words that the page has for it.
export class Trouble extends Error {
  readonly code: string;
  readonly sentence: string | undefined; // what the service said, in the person's language

  constructor(code: string, sentence?: string) {
    super(code);
    this.code = code;
    this.sentence = sentence;
  }
}
