// One picture's way to the server and its card's way back.

// Thrown where there is no card: `message` is for people, `again` says whether trying again makes sense.
export class Failed extends Error {
  constructor(message, again, retryAfterS = 0) {
    super(message);
    this.again = again;
    this.retryAfterS = retryAfterS;
  }
}

const BUSY = 429;
const MOST_TRIES = 4;
const LONGEST_WAIT_S = 10;

// Sends one picture and gives its card, an element. A busy server is asked again after the time that it names.
export async function send(picture, fields, { maxBytes, onProgress, signal }) {
  if (picture.file.size > maxBytes) {
    const sizes = [maxBytes, picture.file.size].map((size) => size.toLocaleString("en"));
    throw new Failed(`Expected at most ${sizes[0]} bytes. Received: ${sizes[1]}`, false);
  }
  for (let tries = 1; ; tries += 1) {
    try {
      return await post(picture, fields, onProgress, signal);
    } catch (error) {
      if (!error.retryAfterS || tries === MOST_TRIES) throw error;
      await pause(Math.min(error.retryAfterS, LONGEST_WAIT_S) * tries, signal);
    }
  }
}

function post(picture, fields, onProgress, signal) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append("images", picture.file, picture.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", document.getElementById("upload").action);
    request.setRequestHeader("X-Requested-With", "fetch");
    request.setRequestHeader("Accept", "text/html");
    request.upload.onprogress = (event) => onProgress(event.lengthComputable ? event.loaded / event.total : 0);
    request.onload = () => {
      const answer = read(request);
      if (answer instanceof Failed) reject(answer); else resolve(answer);
    };
    request.onerror = () => reject(new Failed("Vitrine cannot be reached. Please try again in a moment.", true));
    request.onabort = () => reject(new Failed("Stopped", true));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    if (signal.aborted) request.abort(); else request.send(body);
  });
}

function read(request) {
  if (!request.getResponseHeader("X-Request-Id")) {
    return new Failed(`Something between you and Vitrine answered with status ${request.status}.`, true);
  }
  const page = new DOMParser().parseFromString(request.responseText, "text/html");
  const card = page.querySelector(".card");
  if (card) return document.adoptNode(card);
  const message = page.querySelector(".reason")?.textContent ?? `Vitrine answered with status ${request.status}.`;
  const after = request.status === BUSY ? Number(request.getResponseHeader("Retry-After")) || 1 : 0;
  return new Failed(message, request.status === BUSY || request.status >= 500, after);
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => { clearTimeout(timer); reject(new Failed("Stopped", true)); }, { once: true });
  });
}
