// "Why?" on a card: the picture as the model saw it, with what counted most laid over it.

import { send } from "./sending.js";

export class Why {
  #pictures;
  #explained = new WeakMap();
  #plain = new WeakMap();

  // `pictures` has the picture of each card.
  constructor(pictures) {
    this.#pictures = pictures;
  }

  async toggle(card, options) {
    const button = card.querySelector(".why");
    if (button.getAttribute("aria-busy") === "true") return;
    if (button.getAttribute("aria-pressed") === "true") {
      this.#show(card, this.#plain.get(card) ?? await this.#own(card), false);
      return;
    }
    button.setAttribute("aria-busy", "true");
    try {
      if (!this.#explained.has(card)) await this.#ask(card, options);
      this.#show(card, this.#explained.get(card), true);
    } catch (error) {
      document.getElementById("announcement").textContent = error.message;
      button.title = error.message;
      button.classList.add("failed");
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  async #ask(card, options) {
    // The very version that answered, whatever serves by now.
    const { model, version } = card.dataset;
    const answer = await send(this.#pictures.get(card), { model, version, explain: "true" }, { ...options, onProgress() {} });
    this.#plain.set(card, card.querySelector(".picture"));
    this.#explained.set(card, answer.querySelector(".picture"));
  }

  #show(card, box, pressed) {
    if (pressed === false) this.#explained.set(card, card.querySelector(".picture"));
    card.querySelector(".picture").replaceWith(box);
    card.querySelector(".why").setAttribute("aria-pressed", String(pressed));
  }

  // A card that came explained has no plain picture yet.
  async #own(card) {
    const box = document.createElement("div");
    box.className = "picture";
    const picture = this.#pictures.get(card);
    await picture.showIn(box, picture.name);
    return box;
  }
}
