// The cards: one for each picture that was sent, in its order, from the first moment on.

import { limiter } from "./limiter.js";
import { Failed, send } from "./sending.js";
import { Why } from "./why.js";

// A browser opens six connections to a server; some stay free for the rest of the page.
const AT_ONCE = 4;

export class Results {
  #list = document.getElementById("cards");
  #waiting = document.getElementById("waiting-card");
  #pictures = new WeakMap();
  #told = new Map();
  #why = new Why(this.#pictures);
  #fields = {};
  #abort = new AbortController();
  #changed;
  #maxBytes;

  // `changed` is called with {done, total, failed} after every change.
  constructor(maxBytes, changed) {
    this.#maxBytes = maxBytes;
    this.#changed = changed;
    this.#list.addEventListener("click", (event) => {
      const card = event.target.closest(".card");
      if (event.target.closest(".retry")) this.#deliver(card, limiter(1));
      if (event.target.closest(".why")) this.#why.toggle(card, { maxBytes: this.#maxBytes, signal: this.#abort.signal });
    });
  }

  // What became of each picture, in order: the API's own words, and who answered.
  get told() {
    return [...this.#list.children].map((card) => this.#told.get(card)).filter(Boolean);
  }

  clear() {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#told.clear();
    this.#list.replaceChildren();
  }

  // Sends pictures, a few at a time. Ends when each has its card or its reason.
  async begin(pictures, fields) {
    this.clear();
    this.#fields = fields;
    const cards = pictures.map((picture) => this.#place(picture));
    this.#list.replaceChildren(...cards);
    const queue = limiter(AT_ONCE);
    await Promise.all(cards.map((card) => this.#deliver(card, queue)));
  }

  async retryFailed() {
    const queue = limiter(AT_ONCE);
    await Promise.all([...this.#list.querySelectorAll(".failed")].map((card) => this.#deliver(card, queue)));
  }

  #place(picture) {
    const card = this.#waiting.content.firstElementChild.cloneNode(true);
    card.querySelector(".filename").textContent = picture.name;
    card.querySelector(".filename").title = picture.name;
    picture.showIn(card.querySelector(".picture"));
    this.#pictures.set(card, picture);
    return card;
  }

  async #deliver(card, queue) {
    const { signal } = this.#abort;
    this.#show(card, "Waiting", { waiting: true });
    try {
      const answered = await queue(() => this.#send(card, signal));
      this.#replace(card, answered);
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      if (signal.aborted) return;
      const told = { filename: this.#pictures.get(card).name, error: { code: "not_sent", message: error.message } };
      this.#told.set(card, { prediction: told });
      this.#show(card, "Not classified", { reason: error.message, again: error.again });
    }
    this.#report();
  }

  async #send(card, signal) {
    const picture = this.#pictures.get(card);
    const own = await picture.thumbnail() !== null;
    this.#show(card, "Uploading", { waiting: true });
    const bar = card.querySelector("progress");
    const onProgress = (share) => {
      if (share < 1) bar.value = 100 * share; else { bar.removeAttribute("value"); card.querySelector(".status").textContent = "Classifying"; }
    };
    const fields = { ...this.#fields, ...(own ? { pictures: "own" } : {}) };
    return send(picture, fields, { maxBytes: this.#maxBytes, onProgress, signal });
  }

  #show(card, status, { reason = "", again = false, waiting = false }) {
    card.classList.toggle("failed", !waiting);
    card.setAttribute("aria-busy", String(waiting));
    card.querySelector(".status").textContent = status;
    card.querySelector("progress").hidden = !waiting;
    card.querySelector(".reason").textContent = reason;
    const retry = card.querySelector(".retry");
    // A button that goes away takes the focus with it.
    if (waiting && retry === document.activeElement) card.querySelector(".status").focus();
    retry.hidden = !again;
    retry.setAttribute("aria-label", `Try ${this.#pictures.get(card).name} again`);
  }

  #replace(card, answered) {
    const picture = this.#pictures.get(card);
    this.#pictures.set(answered, picture);
    const { model, version, label, result } = answered.dataset;
    this.#told.delete(card);
    this.#told.set(answered, { model, version: Number(version), label: label || null, prediction: JSON.parse(result) });
    // A thousand classes in an attribute of each card would only slow the page down.
    delete answered.dataset.result;
    const own = answered.querySelector(".picture.own");
    if (own) own.replaceWith(card.querySelector(".picture"));
    const image = answered.querySelector(".picture img");
    if (image) image.alt = picture.name;
    const focused = card.contains(document.activeElement);
    card.replaceWith(answered);
    if (focused) answered.querySelector("h3").focus();
  }

  #report() {
    const total = this.#list.children.length;
    const failed = this.#list.querySelectorAll(".failed").length;
    this.#changed({ total, failed, done: total - this.#list.querySelectorAll("[aria-busy=true]").length });
  }
}
