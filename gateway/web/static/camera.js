// A picture from the camera: by the phone's own app, or from a dialog where there is a camera beside the screen.

export async function offerCamera(add) {
  const button = document.getElementById("camera-open");
  const file = document.getElementById("camera-file");
  file.addEventListener("change", () => { add([...file.files]); file.value = ""; });
  if (matchMedia("(pointer: coarse)").matches) {
    button.hidden = false;
    button.addEventListener("click", () => file.click());
  } else if (await hasCamera()) {
    button.hidden = false;
    new Camera(button, add);
  }
}

// Browsers hide the camera from pages that do not come over HTTPS or from this very machine.
async function hasCamera() {
  if (!navigator.mediaDevices?.getUserMedia) return false;
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  return devices.some((device) => device.kind === "videoinput");
}

class Camera {
  #dialog = document.getElementById("camera");
  #view = document.getElementById("camera-view");
  #trouble = document.getElementById("camera-trouble");
  #take = document.getElementById("camera-take");
  #taken = 0;
  #add;

  constructor(button, add) {
    this.#add = add;
    button.addEventListener("click", () => this.#open());
    this.#take.addEventListener("click", () => this.#shoot());
    document.getElementById("camera-close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#stop());
  }

  async #open() {
    this.#trouble.textContent = "";
    this.#take.disabled = true;
    this.#dialog.showModal();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } } });
      this.#view.srcObject = stream;
      // Closed while the browser asked for permission.
      if (!this.#dialog.open) { this.#stop(); return; }
      await this.#view.play();
      this.#take.disabled = false;
      this.#take.focus();
    } catch (error) {
      this.#trouble.textContent = error.name === "NotAllowedError"
        ? "The browser was not allowed to use the camera." : "The camera cannot be used.";
    }
  }

  #shoot() {
    const canvas = document.createElement("canvas");
    canvas.width = this.#view.videoWidth;
    canvas.height = this.#view.videoHeight;
    canvas.getContext("2d").drawImage(this.#view, 0, 0);
    canvas.toBlob((blob) => {
      this.#taken += 1;
      this.#add([new File([blob], `camera-${this.#taken}.jpg`, { type: "image/jpeg" })]);
      this.#dialog.close();
    }, "image/jpeg", 0.92);
  }

  #stop() {
    for (const track of this.#view.srcObject?.getTracks() ?? []) track.stop();
    this.#view.srcObject = null;
  }
}
