"""docker/nginx.conf, run by a real nginx with a certificate of its own before a real gateway."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from PIL import Image

from gateway.settings.settings import Settings
from tests.conftest import pick_port, skip_unless_ci
from tests.deployment.files import NGINX, services
from tests.gateway.conftest import Gateway, png, running, two_versions
from tests.gateway.fake_serving import FakeServing
from tests.processes import answers, wait_until

CONFIG = NGINX.read_text(encoding="utf-8")
# From which addresses of this machine a client may come; the proxy itself is another.
CLIENT, PROXY = "127.0.0.7", "127.0.0.1"


@dataclass(frozen=True)
class Site:
    """nginx, the gateway and the model server behind it."""

    gateway: Gateway
    serving: FakeServing
    port: int
    plain_port: int
    certificate: Path
    folder: Path

    @property
    def url(self) -> str:
        """Of the site."""
        return f"https://localhost:{self.port}"

    def get(self, path: str) -> requests.Response:
        """A GET over TLS, the certificate checked."""
        return requests.get(self.url + path, verify=str(self.certificate), timeout=10)

    def post(self, *pictures: bytes, query: str = "", stream: bool = False) -> requests.Response:
        """Classifies pictures over TLS."""
        files = [("images", (f"{place}.png", data)) for place, data in enumerate(pictures)]
        url = f"{self.url}/api/v1/classify{query}"
        return requests.post(url, files=files, verify=str(self.certificate), stream=stream, timeout=30)

    def connect(self) -> closing[http.client.HTTPSConnection]:
        """A connection from another address of this machine."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        return closing(
            http.client.HTTPSConnection("localhost", self.port, context=context, source_address=(CLIENT, 0), timeout=30)
        )


def certificate(folder: Path) -> Path:
    """A certificate for localhost that signs itself, where the configuration looks for it."""
    folder.mkdir()
    chain = folder / "fullchain.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    names = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    paths = ["-keyout", str(folder / "privkey.pem"), "-out", str(chain)]
    subprocess.run([*command, *names, *paths], check=True, capture_output=True)
    return chain


def configured(folder: Path, gateway: str, ports: tuple[int, int], version: tuple[int, ...]) -> str:
    """Our configuration with the addresses and folders of this machine."""
    text = CONFIG
    for old, new in {
        " /tmp/": f" {folder}/",
        "server gateway:8080;": f"server {gateway};",
        "listen 8080 default_server;": f"listen 127.0.0.1:{ports[0]} default_server;",
        "listen 8443 ssl default_server;": f"listen 127.0.0.1:{ports[1]} ssl default_server;",
        "/etc/vitrine/tls": f"{folder}/tls",
    }.items():
        assert old in text
        text = text.replace(old, new)
    if version < (1, 25, 1):  # Debian 12's has no directive for it yet.
        text = text.replace("ssl default_server;\n    http2 on;", "ssl http2 default_server;")
    return text


@pytest.fixture(scope="module")
def nginx() -> str:
    """The program; skips on a machine without it, fails in CI."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        skip_unless_ci("needs nginx: apt install nginx-light")
    return found


@contextmanager
def started(nginx: str, folder: Path, gateway: str, ports: tuple[int, int]) -> Iterator[None]:
    """Runs nginx until the end of the block, from the moment that it answers."""
    told = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    version = tuple(int(number) for number in re.findall(r"\d+", told.partition("/")[2])[:3])
    config, log = folder / "nginx.conf", folder / "nginx.log"
    config.write_text(configured(folder, gateway, ports, version))
    command = [nginx, "-e", "stderr", "-p", str(folder), "-c", str(config)]
    # As root, its workers would be somebody who may not enter the test's folder.
    command += ["-g", "user root;"] if os.geteuid() == 0 else []
    with log.open("wb") as file, subprocess.Popen(command, stderr=file) as process:
        try:
            health = f"http://localhost:{ports[0]}/nginx-health"
            wait_until(lambda: process.poll() is not None or answers(health), what="nginx")
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.send_signal(signal.Signals[services()["nginx"]["stop_signal"]])
            process.wait(20)
    assert process.returncode == 0, log.read_text()


@pytest.fixture(scope="module")
def site(nginx: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The whole site, ready."""
    folder = tmp_path_factory.mktemp("nginx")
    chain = certificate(folder / "tls")
    ports = pick_port(), pick_port()
    with FakeServing(**two_versions()) as serving:
        environ = {"VITRINE_SERVING": serving.address, "VITRINE_TRUSTED_PROXIES": PROXY, "VITRINE_MAX_BATCH": "1"}
        with (
            running(environ, pick_port(), folder / "gateway.log") as gateway,
            started(nginx, folder, gateway.url.removeprefix("http://"), ports),
        ):
            wait_until(lambda: gateway.answers("/readyz"), what="a model")
            yield Site(gateway, serving, ports[1], ports[0], chain, folder)


def test_plain_http_becomes_tls_and_a_post_stays_a_post(site: Site) -> None:
    answer = requests.post(f"http://localhost:{site.plain_port}/api/v1/classify?a=b", allow_redirects=False, timeout=10)
    assert answer.status_code == 308
    assert answer.headers["Location"] == "https://localhost/api/v1/classify?a=b"


def test_challenges_of_acme_are_answered_and_nothing_else_of_the_folder(site: Site) -> None:
    challenges = site.folder / "tls" / "acme" / ".well-known" / "acme-challenge"
    challenges.mkdir(parents=True)
    (challenges / "token").write_text("the answer")
    plain = f"http://localhost:{site.plain_port}"
    assert requests.get(f"{plain}/.well-known/acme-challenge/token", timeout=10).text == "the answer"
    with requests.Session() as session:
        request = requests.Request("GET", plain).prepare()
        for path in ("/.well-known/acme-challenge/../../../privkey.pem", "/.well-known/acme-challenge/%2e%2e/%2e%2e/"):
            request.url = plain + path
            assert session.send(request, allow_redirects=False, timeout=10).status_code in {308, 400, 403, 404}


def test_pictures_are_classified_over_tls(site: Site) -> None:
    answer = site.post(png(0), png(255))
    assert [one["label"] for one in answer.json()["predictions"]] == ["0", "9"]
    assert answer.headers["Strict-Transport-Security"]
    assert answer.headers["X-Vitrine-Version"] == "2"
    assert re.fullmatch("nginx", answer.headers["Server"]), "without a version"


def test_the_page_comes_whole_and_knows_that_it_is_seen_over_tls(site: Site) -> None:
    page = site.get("/")
    assert page.ok
    assert "http://" not in "".join(re.findall(r'(?:action|href|src)="(http[^"]*)"', page.text))


@pytest.mark.parametrize("path", ["/metrics", "/operations", "/operations/", "/api/v1/operations"])
def test_strangers_do_not_see_what_is_the_operators(site: Site, path: str) -> None:
    assert site.get(path).status_code == 404
    assert "vitrine_" not in site.get(path).text


def test_who_a_client_is_nginx_says_and_not_the_client(site: Site) -> None:
    claims = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Prefix": "/evil", "X-Request-Id": "who-am-i"}
    with site.connect() as connection:
        connection.request("GET", "/api/v1/models", headers=claims)
        assert connection.getresponse().read()

    def lines() -> list[dict[str, object]]:
        return [json.loads(line) for line in site.gateway.log.read_text().splitlines() if '"who-am-i"' in line]

    wait_until(lambda: bool(lines()), what="the line of the request in the gateway's log")
    assert lines()[0]["client"] == CLIENT


def test_twenty_megabytes_pass(site: Site) -> None:
    file = io.BytesIO()
    Image.new("RGB", (2600, 2600), "white").save(file, "BMP")
    assert 20_000_000 < len(file.getvalue()) < 20 << 20
    answer = site.post(file.getvalue())
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0]["label"] == "9"


def test_too_large_a_request_is_refused_by_the_gateway_with_a_reason(site: Site) -> None:
    most = Settings.from_env(services()["gateway"]["environment"]).max_body_bytes
    with site.connect() as connection:
        connection.putrequest("POST", "/api/v1/classify")
        connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        connection.putheader("Content-Length", str(most + 1))
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 413
        assert json.loads(answer.read())["error"]["code"] == "too_large"


def test_lines_come_as_soon_as_they_are_known(site: Site) -> None:
    digits = site.serving.models["digits"]
    site.serving.requests.clear()
    digits.latency_s = 0.05
    try:
        with site.post(*[png(0)] * 40, query="?format=ndjson", stream=True) as answer:
            lines = answer.iter_lines(chunk_size=1)
            seen = [json.loads(next(lines)), json.loads(next(lines))]
            asked = len(site.serving.requests)
            seen += [json.loads(line) for line in lines]
    finally:
        digits.latency_s = 0.0
    assert len(seen) == 42
    assert asked < 40, "the first lines came while pictures still waited"


def test_a_gateway_that_is_away_gives_an_answer_that_programs_understand(nginx: str, tmp_path: Path) -> None:
    chain = certificate(tmp_path / "tls")
    ports = pick_port(), pick_port()
    with started(nginx, tmp_path, f"127.0.0.1:{pick_port()}", ports):
        answer = requests.get(f"https://localhost:{ports[1]}/api/v1/models", verify=str(chain), timeout=10)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["error"]["code"] == "gateway_unavailable"
    assert answer.json()["request_id"]


def test_old_protocols_are_refused(site: Site) -> None:
    context = ssl.create_default_context(cafile=str(site.certificate))
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("localhost", site.port), timeout=10) as bare,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(bare, server_hostname="localhost")


def test_limits_and_waits_agree_with_the_gateways() -> None:
    settings = Settings.from_env(services()["gateway"]["environment"])
    size = re.search(r"client_max_body_size (\d+)m;", CONFIG)
    assert size
    assert settings.max_body_bytes < int(size[1]) << 20 < settings.max_body_bytes + (2 << 20)
    wait = re.search(r"proxy_read_timeout (\d+)s;", CONFIG)
    assert wait
    assert int(wait[1]) > settings.timeout_s * 2
    port = re.search(r"server gateway:(\d+);", CONFIG)
    assert port
    assert int(port[1]) == settings.port
    published = {int(one.split(":")[-1]) for one in services()["nginx"]["ports"]}
    assert published == {int(port) for port in re.findall(r"listen (\d+)", CONFIG)}
