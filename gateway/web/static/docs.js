// The documentation's form: without this the browser shows the bare answer, with it the answer stands below the form.

const form = document.querySelector(".try");
const key = document.getElementById("key");
const answer = document.getElementById("answer");
const status = document.getElementById("status");
const body = document.getElementById("body");

key.parentElement.hidden = false;

function readable(text, type) {
  return type.startsWith("application/json") ? JSON.stringify(JSON.parse(text), null, 2) : text;
}

async function send() {
  const begun = performance.now();
  const headers = key.value ? { "X-API-Key": key.value } : {};
  const response = await fetch(form.action, { method: "POST", body: new FormData(form), headers });
  const text = await response.text();
  const type = response.headers.get("Content-Type") ?? "";
  const parts = [`${response.status} ${response.statusText}`.trim(), type, `${Math.round(performance.now() - begun)} ms`];
  for (const name of ["X-Vitrine-Version", "Retry-After", "X-Request-Id"]) {
    if (response.headers.has(name)) parts.push(`${name}: ${response.headers.get(name)}`);
  }
  status.textContent = parts.join(" · ");
  body.textContent = readable(text, type);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  answer.hidden = false;
  status.textContent = "Sending…";
  body.textContent = "";
  try {
    await send();
  } catch (error) {
    status.textContent = `No answer: ${error.message}`;
  }
});
