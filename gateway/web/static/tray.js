// The pictures that are chosen and not sent yet, with their previews.

import { Picture } from "./pictures.js";

export class Tray {
  #pictures = [];
  #items = new Map();
  #list;
  #changed;

  // `changed` is called after every change.
  constructor(list, changed) {
    this.#list = list;
    this.#changed = changed;
  }

  get pictures() {
    return [...this.#pictures];
  }

  add(files) {
    const added = files.map((file) => new Picture(file));
    this.#pictures.push(...added);
    this.#list.append(...added.map((picture) => this.#item(picture)));
    this.#changed();
  }

  clear() {
    this.#pictures = [];
    this.#items.clear();
    this.#list.replaceChildren();
    this.#changed();
  }

  #item(picture) {
    const item = document.createElement("li");
    item.className = "preview";
    const box = document.createElement("span");
    box.className = "preview-box";
    const name = document.createElement("span");
    name.className = "preview-name";
    name.textContent = picture.name;
    name.title = picture.name;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "remove";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `Remove ${picture.name}`);
    remove.addEventListener("click", () => this.#remove(picture));
    item.append(box, name, remove);
    this.#items.set(picture, item);
    picture.showIn(box);
    return item;
  }

  #remove(picture) {
    const item = this.#items.get(picture);
    // The focus goes to the neighbour: who removes one with the keyboard may want to remove the next.
    const neighbour = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    this.#items.delete(picture);
    this.#pictures = this.#pictures.filter((other) => other !== picture);
    this.#changed();
    (neighbour?.querySelector(".remove") ?? document.getElementById("images")).focus();
  }
}
