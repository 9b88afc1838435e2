// What the page does better with JavaScript: each picture is sent on its own and gets its card as soon as it has one.
// The server renders the cards either way.

import { offerCamera } from "./camera.js";
import { chosenOptions, followChoice, sampleFiles } from "./choice.js";
import { curlCommand, save, toCsv, toJson } from "./downloads.js";
import { takeIn } from "./intake.js";
import { Results } from "./results.js";
import { Tray } from "./tray.js";

const element = (id) => document.getElementById(id);
const form = element("upload");
const input = element("images");
const title = element("results-title");
const counted = (count) => `${count} picture${count === 1 ? "" : "s"}`;

document.documentElement.classList.add("js");
form.noValidate = true;

// After an answer, newly chosen pictures begin a new selection instead of joining the old one.
let answered = false;
let busy = false;

const tray = new Tray(element("previews"), trayChanged);
const results = new Results(Number(form.dataset.maxBytes), resultsChanged);

function trayChanged() {
  const count = tray.pictures.length;
  answered = false;
  form.classList.toggle("chosen", count > 0);
  element("previews").hidden = count === 0;
  element("clear").hidden = count === 0;
  element("submit").disabled = busy || count === 0;
  element("submit").textContent = count > 1 ? `Classify ${counted(count)}` : "Classify";
  say(count ? `${counted(count)} chosen` : "");
}

function add(files) {
  if (!files.length) return;
  if (answered) tray.clear();
  tray.add(files);
}

function say(text) {
  element("announcement").textContent = text;
}

function resultsChanged({ total, done, failed }) {
  element("bar").value = (100 * done) / total;
  element("progress-text").textContent = `${done} of ${counted(total)} done`;
  element("retry-all").hidden = failed < 2;
  tellWhoAnswered();
}

function tellWhoAnswered() {
  const models = new Map();
  for (const { model, version, label } of results.told) {
    const named = label ? `${version} (${label})` : String(version);
    if (model) models.set(model, (models.get(model) ?? new Set()).add(named));
  }
  // The answer is newer than what the page said when it was loaded.
  if (models.size) element("trouble")?.remove();
  const parts = [...models].map(([model, versions]) => `${model} version ${[...versions].sort().join(" and ")}`);
  element("answered").textContent = parts.length ? `answered by ${parts.join(", ")}` : "";
}

function setBusy(is) {
  busy = is;
  form.setAttribute("aria-busy", String(is));
  element("submit").disabled = is || tray.pictures.length === 0;
  element("progress").hidden = !is;
}

async function classify() {
  const pictures = tray.pictures;
  const options = { ...chosenOptions(), ...(element("explain").checked ? { explain: "true" } : {}) };
  element("notices").replaceChildren();
  element("results").hidden = false;
  title.textContent = counted(pictures.length);
  element("command").textContent = curlCommand(
    new URL("api/v1/classify", form.action).href, options, pictures.map((picture) => picture.name),
  );
  setBusy(true);
  say(`Sending ${counted(pictures.length)}`);
  element("bar").value = 0;
  element("progress-text").textContent = `0 of ${counted(pictures.length)} done`;
  const sent = results.begin(pictures, options);
  title.focus({ preventScroll: true });
  element("results").scrollIntoView({ behavior: "smooth", block: "start" });
  await sent;
  finish();
}

function finish() {
  // Cleared meanwhile.
  if (element("results").hidden) return;
  setBusy(false);
  answered = true;
  const told = results.told;
  const bad = told.filter(({ prediction }) => prediction.error).length;
  say(`Results: ${counted(told.length - bad)} classified${bad ? `, ${bad} not` : ""}`);
}

function clear() {
  results.clear();
  element("results").hidden = true;
  element("notices").replaceChildren();
  setBusy(false);
  tray.clear();
  input.focus();
}

async function trySample(button) {
  try {
    const files = await sampleFiles(button);
    tray.clear();
    tray.add(files);
    await classify();
  } catch (error) {
    say(error.message);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (busy) return;
  if (event.submitter?.name === "sample") trySample(event.submitter);
  else if (tray.pictures.length) classify();
});
element("clear").addEventListener("click", clear);
element("retry-all").addEventListener("click", async () => { title.focus(); setBusy(true); await results.retryFailed(); finish(); });
element("csv").addEventListener("click", () => save("vitrine.csv", "text/csv", toCsv(results.told)));
element("json").addEventListener("click", () => save("vitrine.json", "application/json", toJson(results.told)));
element("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(element("command").textContent);
    say("Copied");
    element("copy").textContent = "Copied";
    setTimeout(() => { element("copy").textContent = "Copy"; }, 2000);
  } catch {
    // Without HTTPS there is no clipboard; marked, the command is one key from it.
    getSelection().selectAllChildren(element("command"));
    say("Selected: copy it with your keyboard");
  }
});

takeIn(input, form.querySelector(".dropzone"), add);
followChoice();
offerCamera(add);
trayChanged();
// A browser that restores the form after "back" has files of which the script knows nothing yet.
add([...input.files]);
