// Keeps the page as things are: fetches what changes every few seconds, and changes only that, so that what is open
// stays open, and what is read stays where it is.

const EVERY_MS = 3000;
const place = document.getElementById("operations");
const live = document.getElementById("live");
const dot = document.getElementById("live-dot");
const pause = document.getElementById("pause");
let timer;
let paused = false;

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && (one.id ?? "") === (other.id ?? "");
}

function morphAttributes(now, next) {
  for (const { name } of [...now.attributes]) {
    // What a reader opened is his.
    if (name !== "open" && !next.hasAttribute(name)) now.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  }
}

function morphChildren(now, next) {
  const named = new Map([...now.children].filter((child) => child.id).map((child) => [child.id, child]));
  let current = now.firstChild;
  for (const wanted of [...next.childNodes]) {
    const kept = (wanted.id && named.get(wanted.id)) || current;
    if (!kept || !alike(kept, wanted)) {
      now.insertBefore(wanted, current);
      continue;
    }
    if (kept === current) current = current.nextSibling;
    else now.insertBefore(kept, current);
    morph(kept, wanted);
  }
  while (current) {
    const gone = current;
    current = current.nextSibling;
    gone.remove();
  }
}

function morph(now, next) {
  if (now.nodeType !== Node.ELEMENT_NODE) {
    if (now.nodeValue !== next.nodeValue) now.nodeValue = next.nodeValue;
    return;
  }
  if (next.hasAttribute("data-unchanged")) return;
  morphAttributes(now, next);
  morphChildren(now, next);
}

function address() {
  const url = new URL(location.href);
  for (const { dataset } of place.querySelectorAll("[data-mark]")) url.searchParams.append("seen", dataset.mark);
  return url;
}

function say(text, well) {
  if (live.textContent !== text) live.textContent = text;
  dot.classList.toggle("lost", !well);
}

async function refresh() {
  clearTimeout(timer);
  try {
    const headers = { "X-Requested-With": "fetch" };
    const response = await fetch(address(), { headers, cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const next = document.createElement("div");
    next.innerHTML = await response.text();
    if (paused || document.hidden) return;
    morphChildren(place, next);
    say("Live", true);
  } catch {
    say("The gateway does not answer; what stands here is old", false);
  }
  if (!paused && !document.hidden) timer = setTimeout(refresh, EVERY_MS);
}

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  clearTimeout(timer);
  dot.classList.toggle("still", paused);
  if (paused) say("Paused", true);
  else refresh();
});
document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (!paused && !document.hidden) refresh();
});

pause.hidden = dot.hidden = false;
document.getElementById("reload").hidden = true;
say("Live", true);
timer = setTimeout(refresh, EVERY_MS);
