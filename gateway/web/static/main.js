// What the page does better with JavaScript: drop, paste, previews, progress. The server renders the results either way.
"use strict";

document.documentElement.classList.add("js");

const form = document.getElementById("upload");
const input = document.getElementById("images");
const dropzone = form.querySelector(".dropzone");
const previews = document.getElementById("previews");
const clear = document.getElementById("clear");
const submit = document.getElementById("submit");
const progress = document.getElementById("progress");
const progressText = document.getElementById("progress-text");
const bar = document.getElementById("bar");
const results = document.getElementById("results");
const announcement = document.getElementById("announcement");

let chosen = [];
// After an answer, newly chosen pictures begin a new selection instead of joining the old one.
let answered = false;

function keepInInput() {
  const transfer = new DataTransfer();
  chosen.forEach((file) => transfer.items.add(file));
  input.files = transfer.files;
}

function preview(file, index) {
  const item = document.createElement("li");
  item.className = "preview";
  const box = document.createElement("span");
  box.className = "preview-box";
  const picture = document.createElement("img");
  picture.alt = "";
  picture.src = URL.createObjectURL(file);
  picture.onload = () => URL.revokeObjectURL(picture.src);
  // TIFF, for instance: the browser cannot show it, the server can read it.
  picture.onerror = () => { box.textContent = (file.name.split(".").pop() || "file").slice(0, 5).toUpperCase(); };
  box.append(picture);
  const name = document.createElement("span");
  name.className = "preview-name";
  name.textContent = name.title = file.name;
  const remove = document.createElement("button");
  remove.type = "button";
  remove.className = "remove";
  remove.textContent = "×";
  remove.setAttribute("aria-label", `Remove ${file.name}`);
  remove.onclick = () => { choose(chosen.filter((_, other) => other !== index)); input.focus(); };
  item.append(box, name, remove);
  return item;
}

function choose(files) {
  chosen = files;
  answered = false;
  keepInInput();
  previews.replaceChildren(...chosen.map(preview));
  form.classList.toggle("chosen", chosen.length > 0);
  previews.hidden = clear.hidden = chosen.length === 0;
  submit.disabled = chosen.length === 0;
  submit.textContent = chosen.length > 1 ? `Classify ${chosen.length} pictures` : "Classify";
  announcement.textContent = chosen.length ? `${chosen.length} chosen` : "";
}

function add(files) {
  if (files.length) choose([...(answered ? [] : chosen), ...files]);
}

function notice(strong, text) {
  const box = document.createElement("div");
  box.className = "notice";
  box.setAttribute("role", "alert");
  const head = document.createElement("strong");
  head.textContent = strong;
  box.append(head, ` ${text}`);
  results.replaceChildren(box);
}

function busy(is) {
  form.setAttribute("aria-busy", String(is));
  submit.disabled = is || chosen.length === 0;
  progress.hidden = !is;
}

function onUploaded(event) {
  const percent = event.lengthComputable ? Math.round((100 * event.loaded) / event.total) : 0;
  if (percent < 100) {
    bar.value = percent;
    progressText.textContent = `Uploading, ${percent}%`;
  } else {
    bar.removeAttribute("value");
    progressText.textContent = "Classifying";
  }
}

function onAnswer(request) {
  busy(false);
  if (!request.getResponseHeader("X-Request-Id")) {
    notice("That did not work.", `Something between you and Vitrine answered with status ${request.status}.`);
    return;
  }
  // The answer is newer than what the page said when it was loaded.
  document.getElementById("trouble")?.remove();
  results.innerHTML = request.responseText;
  answered = request.status < 400 || request.status === 422;
  const title = document.getElementById("results-title");
  if (!title) return;
  announcement.textContent = `Results: ${title.textContent}`;
  title.focus({ preventScroll: true });
  results.scrollIntoView({ behavior: "smooth", block: "start" });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("X-Requested-With", "fetch");
  request.setRequestHeader("Accept", "text/html");
  request.upload.onprogress = onUploaded;
  request.onload = () => onAnswer(request);
  request.onerror = () => { busy(false); notice("Vitrine cannot be reached.", "Your pictures are still here: please try again in a moment."); };
  bar.value = 0;
  progressText.textContent = "Uploading";
  busy(true);
  request.send(new FormData(form));
});

form.addEventListener("reset", () => { results.replaceChildren(); setTimeout(() => choose([])); });
input.addEventListener("change", () => add([...input.files]));
document.addEventListener("paste", (event) => add([...event.clipboardData.files]));

let depth = 0;
document.addEventListener("dragenter", () => { depth += 1; dropzone.classList.add("over"); });
document.addEventListener("dragleave", () => { depth -= 1; if (depth <= 0) dropzone.classList.remove("over"); });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  depth = 0;
  dropzone.classList.remove("over");
  add([...event.dataTransfer.files]);
});

// A browser that restores the form after "back" has files of which the script knows nothing yet.
choose([...input.files]);
