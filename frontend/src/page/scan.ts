// Reads a QR code: with the camera, or from a picture that is chosen, dropped or pasted. The picture never leaves the page.
import { decodeQR } from "qr/decode.js";
import { inside, part } from "./dom.ts";

const EVERY = 200; // milliseconds between two looks
const [OF_FRAME, OF_PICTURE] = [50, 1_000]; // so many milliseconds it may go on trying
const WIDEST = 1_600; // pixels of a picture that is looked at

interface Detector {
  detect(image: CanvasImageSource): Promise<readonly { readonly rawValue: string }[]>;
}

type DetectorMaker = { new (words: { formats: string[] }): Detector; getSupportedFormats(): Promise<string[]> };

// The browser's own reader, where it has one that knows QR codes.
async function detector(): Promise<Detector | null> {
  const maker = (globalThis as { BarcodeDetector?: DetectorMaker }).BarcodeDetector;
  try {
    return maker && (await maker.getSupportedFormats()).includes("qr_code") ? new maker({ formats: ["qr_code"] }) : null;
  } catch {
    return null;
  }
}

// What the code in a picture says, or null.
async function decode(
  image: CanvasImageSource, [width, height]: readonly [number, number], own: Detector | null, timeLimit: number,
): Promise<string | null> {
  const found = await own?.detect(image).catch(() => []);
  if (found?.[0]) {
    return found[0].rawValue;
  }
  for (const shrunk of [1, 0.5]) {
    const scale = shrunk * Math.min(1, WIDEST / Math.max(width, height));
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
    const context = canvas.getContext("2d", { willReadFrequently: true })!;
    context.fillStyle = "#fff"; // a drawing may be transparent
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    try {
      return decodeQR(context.getImageData(0, 0, canvas.width, canvas.height), { timeLimit });
    } catch {
      // none that it can read at this size
    }
  }
  return null;
}

// Offers it in the part `scan` of the page, and calls with each text that was read.
export function offerScan(read: (text: string) => void): void {
  const root = part("scan");
  const [video, view, start, stop] = [part<HTMLVideoElement>("scan-video"), part("scan-view"), part("scan-start"), part("scan-stop")];
  const file = part<HTMLInputElement>("scan-file");
  let stream: MediaStream | null = null;

  const tell = (word: string) => {
    part("scan-said").textContent = word && (inside(part<HTMLTemplateElement>("scan-words").content, `[data-word="${word}"]`).textContent ?? "").trim();
  };
  const end = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = video.srcObject = null;
    view.hidden = true;
    start.hidden = !navigator.mediaDevices;
  };
  const done = (text: string) => {
    end();
    tell("read");
    read(text);
  };

  async function look(): Promise<void> {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 1280 } } });
    } catch {
      tell("no_camera");
      return;
    }
    const mine = stream;
    const own = await detector();
    [view.hidden, start.hidden] = [false, true];
    tell("looking");
    video.srcObject = stream;
    await video.play();
    stop.focus();
    while (stream === mine) {
      const found = video.videoWidth ? await decode(video, [video.videoWidth, video.videoHeight], own, OF_FRAME) : null;
      if (found !== null && stream === mine) {
        done(found);
        return;
      }
      await new Promise((next) => setTimeout(next, EVERY));
    }
  }

  async function readPicture(picture: Blob | undefined): Promise<void> {
    if (!picture) {
      return;
    }
    tell("looking");
    try {
      const image = await createImageBitmap(picture);
      const found = await decode(image, [image.width, image.height], await detector(), OF_PICTURE);
      if (found !== null) {
        done(found);
        return;
      }
    } catch {
      // it is no picture
    }
    tell("no_code");
  }

  const isPicture = (each: File) => each.type.startsWith("image/");
  start.addEventListener("click", () => void look());
  stop.addEventListener("click", () => {
    end();
    tell("");
    start.focus();
  });
  file.addEventListener("change", () => {
    void readPicture(file.files?.[0]).then(() => {
      file.value = "";
    });
  });
  document.addEventListener("paste", (event) => {
    const picture = [...(event.clipboardData?.files ?? [])].find(isPicture);
    if (picture && root.checkVisibility()) {
      event.preventDefault();
      void readPicture(picture);
    }
  });
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => {
    const picture = [...(event.dataTransfer?.files ?? [])].find(isPicture);
    if (picture) {
      event.preventDefault();
      event.stopPropagation();
      void readPicture(picture);
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      end();
    }
  });
  start.hidden = !navigator.mediaDevices;
  root.hidden = false;
}
