"""What is wrong with a sweep on Ray is one line, at once, and needs no Ray to be said."""

import pathlib
import socket
import time
from collections.abc import Iterator
from concurrent import futures

import pytest

from command_runner import Result, run
from experiments.launch import ray_cluster

_SWEEP = ["--members=B1R1F2,B1R1F3", "--epochs=1", "--train_limit=64", "--batch_size=16"]


def _sweep(tmp_path: pathlib.Path, *flags: str, **variables: str) -> Result:
    return run("experiments.sweep", *_SWEEP, f"--log_dir={tmp_path / 'runs'}", *flags, **variables)


def _check(result: Result, exit_status: int, fragments: list[str]) -> None:
    assert result.output == ""
    assert result.errors.startswith("error: ")
    assert result.errors.count("\n") == 1
    assert "--debug" not in result.errors  # which is for errors that nobody foresaw
    for fragment in fragments:
        assert fragment in result.errors
    assert result.exit_status == exit_status


@pytest.mark.parametrize(
    ("flags", "fragments"),
    [
        (["--executor=slurm"], ["slurm", "local", "ray"]),
        (["--address=10.0.0.1:6379"], ["--address=10.0.0.1:6379 belongs to --executor=ray"]),
        (["--gpus=1"], ["--gpus=1.0 belongs to --executor=ray"]),
        (["--checkpoint_dir=/shared"], ["--checkpoint_dir=/shared belongs to --executor=ray"]),
        (["--nosend_package"], ["--send_package=False belongs to --executor=ray"]),
        (["--executor=ray", "--address=ray://10.0.0.1:10001"], ["ray://10.0.0.1:10001", "HOST:PORT"]),
        (["--executor=ray", "--address=10.0.0.1"], ["--address=10.0.0.1", "local", "HOST:PORT"]),
        (["--executor=ray", "--address=:6379"], ["--address=:6379", "HOST:PORT"]),
        (["--executor=ray", "--address=head:0"], ["--address=head:0", "HOST:PORT"]),
        (["--executor=ray", "--address=head:65536"], ["--address=head:65536", "HOST:PORT"]),
        (["--executor=ray", "--gpus=1.5"], ["--gpus=1.5", "whole numbers", "0.5"]),
        (["--executor=ray", "--gpus=-1"], ["--gpus=-1", "whole numbers"]),
        (["--executor=ray", "--gpus=nan"], ["--gpus=nan", "whole numbers"]),
        (["--executor=ray", "--data_dir=data"], ["--data_dir=data", "an absolute path"]),
        (["--executor=ray", "--checkpoint_dir=runs"], ["--checkpoint_dir=runs", "an absolute path"]),
        (["--executor=ray", "--checkpoint_dir=/tmp/one", "--log_dir=/tmp/two/../one/"], ["the same as --log_dir"]),
    ],
)
def test_what_is_not_allowed_is_exit_status_2_and_makes_nothing(
    flags: list[str], fragments: list[str], tmp_path: pathlib.Path
) -> None:
    result = _sweep(tmp_path, *flags)
    _check(result, 2, fragments)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("flags", "fragments"),
    [
        (["--executor=ray"], ["--system=nodes", "received --system=ensemble"]),
        (["--system=nodes", "--executor=device"], ["device", "local", "ray"]),
        (["--system=nodes", "--gpus=1"], ["--gpus=1.0 belongs to --executor=ray"]),
        (["--system=nodes", "--executor=ray", "--gpus=1.5"], ["--gpus=1.5", "whole numbers", "0.5"]),
        (["--system=nodes", "--executor=ray", "--address=head:0"], ["--address=head:0", "HOST:PORT"]),
        (["--system=nodes", "--executor=ray", "--backend=jax"], ["--backend=jax"]),
        (["--system=nodes", "--free_running"], ["--free_running", "--executor=ray"]),
        (["--system=nodes", "--free_running", "--content=none", "--executor=ray"], ["--free_running", "no effect"]),
    ],
)
def test_a_run_that_cannot_be_spread_is_refused(flags: list[str], fragments: list[str], tmp_path: pathlib.Path) -> None:
    result = run("experiments.train", f"--log_dir={tmp_path / 'runs'}", *flags, preloaded="little")
    _check(result, 2, fragments)
    assert not (tmp_path / "runs").exists()


def test_a_sweep_refuses_nodes_that_run_free(tmp_path: pathlib.Path) -> None:
    flags = ["--grid=lacaille-2.1-five", "--free_running", "--executor=ray"]
    _check(run("experiments.sweep", f"--log_dir={tmp_path}", *flags, preloaded="little"), 2, ["--free_running"])


@pytest.mark.parametrize("address", ["local", "10.0.0.1:6379", "head.example.org:1", "[fe80::1]:65535"])
def test_addresses_that_are_allowed(address: str) -> None:
    ray_cluster.check_address(address)


def test_ray_that_is_not_installed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "ray.py").write_text("raise ImportError(\"No module named 'ray'\")\n")
    result = _sweep(tmp_path, "--executor=ray", PYTHONPATH=str(tmp_path))
    _check(result, 2, ["--executor=ray: No module named 'ray'", "pip install 'collab-ensembles[ray]'"])


def test_an_address_that_nobody_listens_on(tmp_path: pathlib.Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.monotonic()
    result = _sweep(tmp_path, "--executor=ray", f"--address=127.0.0.1:{port}")
    _check(result, 1, [f"--address=127.0.0.1:{port}: cannot connect", "ray start --head", "docs/SCALING.md"])
    assert time.monotonic() - start < 30


def test_a_name_that_is_none(tmp_path: pathlib.Path) -> None:
    result = _sweep(tmp_path, "--executor=ray", "--address=a..b:6379")
    _check(result, 1, ["--address=a..b:6379: cannot connect"])


@pytest.fixture(params=["says nothing", "speaks gRPC"])
def another_server(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server that is no head of a cluster; Ray's own for clients speaks gRPC too."""
    if request.param == "says nothing":
        with socket.create_server(("127.0.0.1", 0)) as silent:
            yield silent.getsockname()[1]
        return
    import grpc

    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


@pytest.mark.ray
def test_a_server_that_is_no_head_of_a_cluster(another_server: int, tmp_path: pathlib.Path) -> None:
    start = time.monotonic()
    result = _sweep(tmp_path, "--executor=ray", f"--address=127.0.0.1:{another_server}")
    _check(
        result,
        1,
        [f"--address=127.0.0.1:{another_server}: the server at this address is not the head of a Ray cluster"],
    )
    assert time.monotonic() - start < 60
