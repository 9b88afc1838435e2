// How pictures come in: chosen, dropped anywhere on the page, pasted.

export function takeIn(input, dropzone, add) {
  input.addEventListener("change", () => {
    add([...input.files]);
    // The same file may be chosen again after it was removed.
    input.value = "";
  });
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) add(files);
  });
  takeDrops(dropzone, add);
}

function takeDrops(dropzone, add) {
  const hasFiles = (event) => event.dataTransfer.types.includes("Files");
  let depth = 0;
  const over = (change) => {
    depth = Math.max(0, depth + change);
    dropzone.classList.toggle("over", depth > 0);
  };
  document.addEventListener("dragenter", (event) => { if (hasFiles(event)) over(1); });
  document.addEventListener("dragleave", (event) => { if (hasFiles(event)) over(-1); });
  document.addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    over(-depth);
    add([...event.dataTransfer.files]);
  });
}
