// The Verify page reads a code: what it says becomes the text that is handed in.
import { part } from "./page/dom.ts";
import { offerScan } from "./page/scan.ts";

offerScan((text) => {
  const field = part<HTMLTextAreaElement>("text");
  field.value = text;
  field.form!.requestSubmit();
});
