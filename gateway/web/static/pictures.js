// A chosen picture: its file, and a small copy of it to show.

import { limiter } from "./limiter.js";

const THUMBNAIL_PX = 320;
// Below this a picture is shown pixel by pixel: smoothed, eight pixels of a digit are a blur.
const TINY_PX = 64;
// A small file costs less as it is than made smaller.
const SMALL_BYTES = 100_000;
// A decoded photo takes 50 MB: a hundred of them at once would be the end of many a phone.
const decoding = limiter(2);

export class Picture {
  #thumbnail = null;

  constructor(file) {
    this.file = file;
    this.name = file.name;
  }

  // The address of a small copy; null where the browser cannot read the picture, for instance a TIFF.
  thumbnail() {
    this.#thumbnail ??= decoding(() => shrunk(this.file)).catch(() => null);
    return this.#thumbnail;
  }

  // Shows it in a box, now or when its copy is ready. Tells whether the browser could.
  async showIn(box, alt = "") {
    const address = await this.thumbnail();
    const image = new Image();
    image.alt = alt;
    image.src = address ?? "";
    const shown = address !== null && await image.decode().then(() => true, () => false);
    if (shown) {
      box.classList.toggle("tiny", Math.max(image.naturalWidth, image.naturalHeight) < TINY_PX);
      box.replaceChildren(image);
    } else {
      box.textContent = (this.name.split(".").pop() || "file").slice(0, 5).toUpperCase();
    }
    return shown;
  }
}

async function shrunk(file) {
  if (file.size < SMALL_BYTES) return URL.createObjectURL(file);
  const bitmap = await createImageBitmap(file, { resizeWidth: THUMBNAIL_PX, resizeQuality: "medium" });
  const canvas = document.createElement("canvas");
  const scale = Math.min(1, THUMBNAIL_PX / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.85); });
  return URL.createObjectURL(blob);
}
