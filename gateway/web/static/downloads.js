// The results as files, and as a command for a terminal.

// Spreadsheets run a cell that begins so as a formula, and some split cells at more than commas.
const FORMULA = /(^|[;\t\r\n])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r])/g;
const FIXED = ["filename", "model", "version", "label", "probability", "known", "error", "message"];

export function toJson(told) {
  const results = told.map(({ prediction, model, version, label }) => (
    { ...prediction, ...(model ? { model: { name: model, version, label } } : {}) }
  ));
  return `${JSON.stringify({ predictions: results }, null, 1)}\n`;
}

// One row for each picture; a column for each class and category that any of them has.
export function toCsv(told) {
  const columns = new Set(FIXED);
  const rows = told.map(row);
  for (const cells of rows) for (const name of cells.keys()) columns.add(name);
  const names = [...columns];
  const lines = [names.map(cell), ...rows.map((cells) => names.map((name) => cell(cells.get(name) ?? "")))];
  return lines.map((line) => `${line.join(",")}\r\n`).join("");
}

export function save(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}

export function curlCommand(address, fields, names) {
  const options = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
  const forms = [...options, ...names.map((name) => `images=@${forCurl(name)}`)].map((form) => `-F ${forShell(form)}`);
  return ["curl", ...forms, forShell(address)].join(" ");
}

function row({ prediction, model = "", version = "" }) {
  const { filename, label, probability, known, error, probabilities = {}, categories = {} } = prediction;
  return new Map([
    ["filename", filename], ["model", model], ["version", version], ["label", label], ["probability", probability],
    ["known", known], ["error", error?.code], ["message", error?.message],
    ...Object.entries(probabilities).map(([name, value]) => [`probability:${name}`, value]),
    ...Object.entries(categories).map(([name, value]) => [`category:${name}`, value]),
  ]);
}

function cell(value) {
  const text = typeof value === "string" ? value.replace(FORMULA, "$1'") : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// curl takes ; and , for its own unless the name is in quotes.
function forCurl(name) {
  return /[;,"\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
}

function forShell(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\"'\"'")}'`;
}
