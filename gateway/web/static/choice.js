// Which version is to answer, and what the page says of it.

const select = document.getElementById("servable");

// The chosen version as the API's options: model, and version or label.
export function chosenOptions() {
  return Object.fromEntries(new URLSearchParams(select ? select.value : location.search));
}

export function followChoice() {
  select?.addEventListener("change", async () => {
    const address = `?${select.value}`;
    history.replaceState(null, "", address);
    const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
    // Chosen again meanwhile, or not to be had: then the page goes on as it is.
    if (!answer?.ok || address !== `?${select.value}`) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["about", "samples"]) document.getElementById(id).replaceWith(page.getElementById(id));
  });
}

// The files of the sample that a button stands for, or of all of them.
export async function sampleFiles(button) {
  const buttons = button.dataset.address ? [button] : [...document.querySelectorAll("#samples [data-address]")];
  return Promise.all(buttons.map(async ({ dataset }) => {
    const answer = await fetch(dataset.address);
    if (!answer.ok) throw new Error(`The sample cannot be loaded: status ${answer.status}`);
    return new File([await answer.blob()], dataset.name, { type: "image/png" });
  }));
}
