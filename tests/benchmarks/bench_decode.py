"""What decoding costs, kind by kind, beside Pillow alone on the same bytes; and whether threads decode side by side.

    python -m tests.benchmarks.bench_decode [photo ...]

Times are of CPU, the median of many rounds. `Pillow` opens and decodes the whole picture and makes an array of it;
`resize` does the least that could give the same size: for a JPEG `draft`, then one resize.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.card import ImageSpec, SubjectSpec
from contract.images import decode, decode_if_quick

SECONDS = 1.0
DIGITS = ImageSpec(8, 8, 1)
CLOTHING = ImageSpec(28, 28, 1)
CLOTHING_SUBJECT = ImageSpec(28, 28, 1, subject=SubjectSpec("dark", 0.08))
PHOTO = ImageSpec(224, 224)
CROP = ImageSpec(224, 224, 3, "crop")
LARGE = (4000, 3000)
WANTED = 4.0


def main() -> None:
    """Prints a table, and whether a 12-megapixel JPEG is at least four times cheaper than decoded whole."""
    photos = [(Path(name).name, Path(name).read_bytes()) for name in sys.argv[1:]]
    print(f"{'':38}{'ours us':>10}{'Pillow us':>11}{'resize us':>11}{'x Pillow':>10}{'2 threads':>11}{'4 threads':>11}")
    for name, data, spec in [*cases(), *((name, data, PHOTO) for name, data in photos)]:
        ours, whole, least = (cpu_us(call) for call in calls(data, spec))
        threads = "".join(f"{speed_up(data, spec, count):>10.2f}x" for count in (2, 4))
        print(f"{name:38}{ours:>10.0f}{whole:>11.0f}{least:>11.0f}{whole / ours:>9.2f}x{threads}", flush=True)
    data = encoded(noisy(*LARGE), "JPEG", quality=88)
    ratio = cpu_us(lambda: whole_then_resized(data)) / cpu_us(lambda: decode(data, PHOTO))
    print(f"12-megapixel JPEG to 224 x 224: {ratio:.2f} x cheaper than decoded whole (wanted: {WANTED})")
    data = encoded(noisy(28, 28).convert("L"), "PNG")
    print(f"28 x 28 PNG in an event loop: {cpu_us(lambda: decode_if_quick(data, CLOTHING)):.1f} us")


def cases() -> Iterator[tuple[str, bytes, ImageSpec]]:
    """Name, bytes and spec of each kind."""
    small, photo, large = noisy(28, 28), noisy(640, 480), noisy(*LARGE)
    yield "8x8 grey PNG", encoded(noisy(8, 8).convert("L"), "PNG"), DIGITS
    yield "28x28 grey PNG", encoded(small.convert("L"), "PNG"), CLOTHING
    yield "28x28 grey PNG, subject", encoded(small.convert("L"), "PNG"), CLOTHING_SUBJECT
    yield "32x32 JPEG", encoded(noisy(32, 32), "JPEG"), ImageSpec(32, 32)
    yield "640x480 JPEG, stretch 224", encoded(photo, "JPEG"), PHOTO
    yield "640x480 JPEG, crop 224", encoded(photo, "JPEG"), CROP
    yield "640x480 JPEG, subject 28", encoded(photo, "JPEG"), CLOTHING_SUBJECT
    yield "640x480 PNG, stretch 224", encoded(photo, "PNG"), PHOTO
    yield "640x480 WebP, stretch 224", encoded(photo, "WEBP"), PHOTO
    turned = Image.Exif()
    turned[0x0112] = 6
    jpeg = encoded(large, "JPEG", quality=88)
    yield "12 MP JPEG, stretch 224", jpeg, PHOTO
    yield "12 MP JPEG turned by EXIF, crop 224", encoded(large, "JPEG", quality=88, exif=turned), CROP
    yield "12 MP JPEG, 28", jpeg, CLOTHING
    yield "12 MP JPEG, subject 28", jpeg, CLOTHING_SUBJECT
    yield "12 MP PNG, stretch 224", encoded(large, "PNG", compress_level=1), PHOTO
    yield "12 MP WebP, stretch 224", encoded(large, "WEBP", method=0), PHOTO


def noisy(width: int, height: int) -> Image.Image:
    """Soft colours with the noise of a camera: its JPEGs take as many bytes as a photo's."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (max(2, height // 24), max(2, width // 24), 3), np.uint8)
    soft = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    return Image.fromarray(np.clip(soft + random.integers(-6, 7, soft.shape), 0, 255).astype(np.uint8))


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a file of the given format."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def calls(data: bytes, spec: ImageSpec) -> tuple[Callable[[], object], ...]:
    """Ours, Pillow's whole decoding, and the least that gives an array of the size."""

    def whole() -> NDArray[np.uint8]:
        return np.asarray(Image.open(io.BytesIO(data)))

    def least() -> NDArray[np.uint8]:
        picture = Image.open(io.BytesIO(data))
        picture.draft("L" if spec.channels == 1 else "RGB", (2 * spec.width, 2 * spec.height))
        return np.asarray(picture.resize((spec.width, spec.height), Image.Resampling.BILINEAR, reducing_gap=3.0))

    return lambda: decode(data, spec), whole, least


def whole_then_resized(data: bytes) -> NDArray[np.uint8]:
    """A photo as a user's own code would decode it."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((224, 224), Image.Resampling.BILINEAR))


def cpu_us(call: Callable[[], object]) -> float:
    """Median CPU time of a call in microseconds."""
    call()
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times) < 3:
        started = time.thread_time()
        call()
        times.append(time.thread_time() - started)
    return 1e6 * statistics.median(times)


def speed_up(data: bytes, spec: ImageSpec, threads: int) -> float:
    """Pictures a second of so many threads, over those of one."""

    def rate(count: int) -> float:
        def decode_until(end: float) -> int:
            done = 0
            while time.perf_counter() < end:
                decode(data, spec)
                done += 1
            return done

        started = time.perf_counter()
        with ThreadPoolExecutor(count) as pool:
            done = sum(pool.map(decode_until, [started + SECONDS] * count))
        return done / (time.perf_counter() - started)

    return rate(threads) / rate(1)


if __name__ == "__main__":
    main()
