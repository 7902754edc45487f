"""Fetching from a real server that cuts, stalls, lies, refuses, and from one that does none of it."""

from __future__ import annotations

import hashlib
import resource
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
import torch
import xxhash
from safetensors.torch import save

from napari_gfsam.models import MODELS, ModelSpec, fetching, verify
from napari_gfsam.models.fetching import Fetched, FetchError, FetchProgress, Patience, fetch
from napari_gfsam.models.storage import FOLDER_VARIABLE, pin_path, read_pin
from napari_gfsam.models.weights import WeightsError, WeightsMissingError, locate, read_weights
from tests.models.file_server import FileServer, Manners

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MB = 2**20
QUICK = Patience(timeout_s=0.5, tries=3, pause_s=0.01)
CONTENT = save({f"blocks.{n}": torch.randn(MB // 4, generator=torch.Generator().manual_seed(n)) for n in range(4)})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "cache" / "models"
    monkeypatch.setenv(FOLDER_VARIABLE, str(place))
    monkeypatch.delenv(fetching.MIRROR_VARIABLE, raising=False)
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    return place


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(CONTENT) as running:
        yield running


def published(server: FileServer, **changes: object) -> ModelSpec:
    """A model whose file this server publishes, hash and length included."""
    row = replace(
        MODELS["sam_vit_b"],
        source=f"{server.url}/weights/model.bin",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
    )
    return replace(row, **changes)


def unpublished(server: FileServer) -> ModelSpec:
    return published(server, sha256=None, size_bytes=None)


def run(spec: ModelSpec, **options: object) -> Fetched:
    *progress, last = fetch(spec, patience=QUICK, **options)
    assert all(isinstance(event, FetchProgress) and event.model_id == spec.id for event in progress)
    assert isinstance(last, Fetched)
    return last


def check_good(spec: ModelSpec, folder: Path) -> None:
    """The file is whole, its hash is stored, and nothing else is there."""
    assert (folder / spec.file_name).read_bytes() == CONTENT
    assert sorted(path.name for path in folder.iterdir()) == [spec.file_name, f"{spec.file_name}.sha256"]
    assert read_pin(folder / spec.file_name) == hashlib.sha256(CONTENT).hexdigest()


def check_refused(spec: ModelSpec, words: str, *, left: tuple[str, ...] = (), **options: object) -> str:
    with pytest.raises(FetchError, match=words) as caught:
        run(spec, **options)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert spec.id in message or "folder" in message
    place = locate(spec).parent
    assert sorted(path.name for path in place.iterdir()) == sorted(left) if place.is_dir() else not left
    return message


def test_a_file_is_fetched_and_its_hash_stored(server: FileServer, folder: Path) -> None:
    spec = published(server)
    events = list(fetch(spec, patience=QUICK))
    assert events[-1] == Fetched(spec.id, folder / spec.file_name, spec.sha256)
    stages = [event.stage for event in events[:-1]]
    assert stages == sorted(stages, key=("download", "check").index)
    downloads = [event for event in events[:-1] if event.stage == "download"]
    assert (downloads[0].done_bytes, downloads[-1].done_bytes) == (0, len(CONTENT))
    assert {event.total_bytes for event in events[:-1]} == {len(CONTENT)}
    check_good(spec, folder)
    assert verify(spec).ok
    assert [request.path for request in server.requests] == ["/weights/model.bin"]


def test_nothing_happens_before_it_is_asked_for(server: FileServer, folder: Path) -> None:
    events = fetch(published(server))
    assert not server.requests
    assert not folder.exists()
    events.close()


def test_an_intact_file_is_not_fetched_again(server: FileServer, folder: Path) -> None:
    spec = published(server)
    run(spec)
    run(spec)
    assert len(server.requests) == 1


def test_a_damaged_file_is_replaced(server: FileServer, folder: Path) -> None:
    spec = published(server)
    folder.mkdir(parents=True)
    (folder / spec.file_name).write_bytes(CONTENT[:-1])
    run(spec)
    check_good(spec, folder)


def test_no_credentials_and_no_compression(server: FileServer, folder: Path, tmp_path, monkeypatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    run(published(server))
    headers = server.requests[0].headers
    assert "authorization" not in headers
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("cuts", [[3 * MB], [2 * MB, MB], [100, 50, 2 * MB]])
def test_a_cut_is_taken_up_where_it_was(server: FileServer, folder: Path, cuts: list[int]) -> None:
    server.manners = [*(Manners(cut_after=cut) for cut in cuts), Manners()]
    spec = published(server)
    waits = [
        event for event in fetch(spec, patience=QUICK) if isinstance(event, FetchProgress) and event.stage == "wait"
    ]
    assert len({id(event) for event in waits}) == len(cuts)
    assert all("The server was cut off" in event.message for event in waits)
    check_good(spec, folder)
    assert len(server.requests) == len(cuts) + 1
    if cuts[-1] >= MB:
        last = server.requests[-1].headers
        assert int(last["range"].removeprefix("bytes=").removesuffix("-")) > cuts[-1] - 2**17
        assert last["if-range"] == '"one"'


def test_a_server_that_always_cuts_is_given_up_and_the_rest_kept(server: FileServer, folder: Path) -> None:
    server.manners = [Manners(cut_after=3 * MB), Manners(cut_after=10)]
    spec = published(server)
    message = check_refused(spec, "was cut off", left=(f"{spec.file_name}.part", f"{spec.file_name}.part.json"))
    assert "3 MB are kept for the next try" in message
    assert len(server.requests) == 1 + QUICK.tries
    server.manners = [Manners()]
    run(spec)
    check_good(spec, folder)
    assert "range" in server.requests[-1].headers


def test_a_stalled_server_is_asked_again(server: FileServer, folder: Path) -> None:
    server.manners = [Manners(stall_after=2 * MB), Manners()]
    spec = published(server)
    waits = [
        event for event in fetch(spec, patience=QUICK) if isinstance(event, FetchProgress) and event.stage == "wait"
    ]
    assert waits
    assert waits[0].message == "The server stalls"
    check_good(spec, folder)


def test_a_server_that_never_answers_is_given_up(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        spec = replace(MODELS["sam_vit_b"], source=f"http://127.0.0.1:{silent.getsockname()[1]}/x")
        check_refused(spec, "stalls: check the connection")


def test_without_a_network_the_message_says_where_the_file_belongs(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    spec = replace(MODELS["sam_vit_h"], source=f"http://127.0.0.1:{port}/sam_vit_h.pth")
    message = check_refused(spec, "cannot be reached")
    assert spec.source in message
    assert f"put it as sam_vit_h_4b8939.pth into the folder {folder}." in message


def test_cancelling_keeps_what_arrived(server: FileServer, folder: Path) -> None:
    server.manners = [Manners(stall_after=2 * MB)]
    spec = published(server)
    events = fetch(spec, patience=Patience(timeout_s=0.3, tries=9, pause_s=5))
    event = next(event for event in events if event.done_bytes >= 2 * MB - 2**17)
    events.close()
    part = folder / f"{spec.file_name}.part"
    assert part.stat().st_size == event.done_bytes
    assert not (folder / spec.file_name).exists()
    server.manners = [Manners()]
    run(spec)
    check_good(spec, folder)
    assert server.requests[-1].headers["range"] == f"bytes={event.done_bytes}-"


def test_cancelling_while_checking_costs_no_second_transfer(server: FileServer, folder: Path) -> None:
    spec = published(server)
    events = fetch(spec, patience=QUICK)
    next(event for event in events if event.stage == "check")
    events.close()
    run(spec)
    check_good(spec, folder)
    assert server.requests[-1].headers["range"] == f"bytes={len(CONTENT)}-"


def test_a_server_that_ignores_ranges_is_read_from_the_start(server: FileServer, folder: Path) -> None:
    server.manners = [Manners(cut_after=2 * MB), Manners(ignores_range=True)]
    spec = published(server)
    run(spec)
    check_good(spec, folder)


def test_a_server_that_answers_another_range_is_asked_for_the_whole(server: FileServer, folder: Path) -> None:
    server.manners = [Manners(cut_after=2 * MB), Manners(wrong_range=True), Manners()]
    spec = published(server)
    run(spec)
    check_good(spec, folder)
    assert "range" not in server.requests[-1].headers


@pytest.mark.parametrize("etag", ['"two"', None])
def test_a_file_that_changed_meanwhile_is_not_patched_together(server: FileServer, folder: Path, etag) -> None:
    server.manners = [Manners(cut_after=2 * MB, etag=etag and '"one"'), Manners(etag=etag)]
    spec = unpublished(server)
    run(spec)
    check_good(spec, folder)
    assert ("if-range" in server.requests[-1].headers) == bool(etag)


def test_a_length_that_is_claimed_but_never_sent(server: FileServer, folder: Path) -> None:
    server.manners = [Manners(claimed_length=len(CONTENT) + 1000)]
    spec = unpublished(server)
    check_refused(published(server), f"offers {len(CONTENT) + 1000} bytes instead of {len(CONTENT)}, which is another")
    check_refused(spec, "was cut off", left=(f"{spec.file_name}.part", f"{spec.file_name}.part.json"))


def test_a_length_that_is_too_short(server: FileServer, folder: Path) -> None:
    server.manners = [Manners(claimed_length=3 * MB)]
    check_refused(published(server), f"offers {3 * MB} bytes instead of {len(CONTENT)}, which is another file")
    check_refused(unpublished(server), "is truncated, and was deleted")


def test_a_file_without_a_length(server: FileServer, folder: Path) -> None:
    server.manners = [Manners(no_length=True)]
    spec = published(server)
    run(spec)
    check_good(spec, folder)
    check_refused(
        published(server, size_bytes=3 * MB, file_name="b"),
        "sends more than 3145728 bytes",
        left=tuple(path.name for path in folder.iterdir()),
    )


@pytest.mark.parametrize("known", ["sha256", "xxh128"])
def test_a_wrong_hash_leaves_nothing(server: FileServer, folder: Path, known: str) -> None:
    server.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    hashes = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "xxh128": xxhash.xxh128(CONTENT).hexdigest()}
    spec = published(server, **{"sha256": None, known: hashes[known]})
    check_refused(spec, "is not the one published.*, and was deleted: fetch it again or use another mirror")


def test_a_published_xxh128_is_enough(server: FileServer, folder: Path) -> None:
    spec = published(server, sha256=None, size_bytes=None, xxh128=xxhash.xxh128(CONTENT).hexdigest())
    run(spec)
    check_good(spec, folder)


def test_the_first_hash_is_kept_where_none_is_published(server: FileServer, folder: Path) -> None:
    spec = unpublished(server)
    assert run(spec).sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert verify(spec).message.endswith("as when it was first used.")
    other = bytearray(CONTENT)
    other[-1] ^= 1
    locate(spec).write_bytes(other)
    with pytest.raises(WeightsError, match="is damaged or another file"):
        read_weights(spec)
    server.content = bytes(other)
    place = locate(spec)
    check_refused(spec, "is not the one first fetched", left=(place.name, pin_path(place).name))


@pytest.mark.parametrize("status", [404, 403, 410])
def test_an_address_without_the_file(server: FileServer, folder: Path, status: int) -> None:
    server.manners = [Manners(status=status)]
    message = check_refused(published(server), f"answers {status}")
    assert len(server.requests) == 1
    assert f"into the folder {folder}." in message


def test_a_busy_server_is_asked_again(server: FileServer, folder: Path) -> None:
    server.manners = [Manners(status=503, headers={"Retry-After": "0"}), Manners(status=429), Manners()]
    spec = published(server)
    run(spec)
    check_good(spec, folder)
    server.manners = [Manners(status=503)]
    check_refused(published(server, file_name="b"), "answers 503", left=tuple(p.name for p in folder.iterdir()))


def test_a_busy_server_is_left_alone_as_long_as_it_asks(server: FileServer, folder: Path) -> None:
    server.manners = [Manners(status=503, headers={"Retry-After": "1"}), Manners()]
    events = fetch(published(server), patience=QUICK)
    waits = [event for event in events if isinstance(event, FetchProgress) and event.stage == "wait"]
    assert len(waits) == 5
    assert waits[0].message == "The server answers 503 (Service Unavailable)"


def test_a_login_page_is_not_taken_for_the_file(server: FileServer, folder: Path) -> None:
    server.content, server.manners = b"<html>Please log in</html>", [Manners(content_type="text/html; charset=utf-8")]
    check_refused(unpublished(server), "answers with a web page instead of the file")
    server.manners = [Manners()]
    check_refused(unpublished(server), "is truncated or no weights file, and was deleted")


def test_mirrors_take_the_publishers_place_in_turn(server: FileServer, folder: Path, monkeypatch) -> None:
    spec = replace(published(server), source="http://127.0.0.1:9/never")
    server.manners = [Manners(status=404), Manners()]
    run(spec, mirror=f"{server.url}/a/ {server.url}/b")
    assert [request.path for request in server.requests] == [f"/a/{spec.file_name}", f"/b/{spec.file_name}"]
    check_good(spec, folder)
    shutil.rmtree(folder)
    monkeypatch.setenv(fetching.MIRROR_VARIABLE, f"{server.url}/c")
    run(spec)
    assert server.requests[-1].path == f"/c/{spec.file_name}"


def test_every_mirror_that_failed_is_named(server: FileServer, folder: Path) -> None:
    server.manners = [Manners(status=404), Manners(status=403)]
    message = check_refused(published(server), "could not be fetched", mirror=f"{server.url}/a {server.url}/b")
    assert "/a/sam_vit_b_01ec64.pth answers 404 (Not Found), and http" in message


@pytest.mark.parametrize("mirror", ["ftp://127.0.0.1/x", "/mnt/models"])
def test_a_mirror_must_be_a_web_address(server: FileServer, folder: Path, mirror: str) -> None:
    check_refused(published(server), "which is no web address: put sam_vit_b_01ec64.pth into", mirror=mirror)
    check_refused(replace(published(server), source=""), "no web address")


def test_a_proxy_that_is_not_there_is_named(server: FileServer, folder: Path, monkeypatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
    check_refused(published(server), "cannot be reached through the proxy that HTTP_PROXY or HTTPS_PROXY names")
    assert not server.requests


def test_a_full_disk_is_seen_beforehand(server: FileServer, folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(9, 9, 5 * MB))
    check_refused(published(server), rf"takes 4 MB and {folder} has 5 MB left: free some, or set {FOLDER_VARIABLE}")
    assert not server.requests


def test_a_disk_that_fills_up_leaves_nothing(server: FileServer, folder: Path) -> None:
    """A limit on the size of files makes the very write fail, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MB, hard))
    try:
        check_refused(published(server), "has no room left: free some room there")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_folder_that_cannot_be_made_is_named(server: FileServer, folder: Path) -> None:
    folder.parent.parent.joinpath("cache").write_text("a file, no folder")
    check_refused(
        published(server), rf"{folder} cannot be written \(.*: free some room there, or set {FOLDER_VARIABLE}"
    )
    assert not server.requests


def test_two_programs_do_not_fetch_the_same_file(server: FileServer, folder: Path) -> None:
    server.manners = [Manners(stall_after=MB), Manners()]
    spec = published(server)
    first = fetch(spec, patience=Patience(timeout_s=20))
    next(first)
    with pytest.raises(FetchError, match="is being fetched by another program: wait for it or stop it"):
        run(spec)
    first.close()
    run(spec)
    check_good(spec, folder)


def test_bundled_and_local_files_are_only_checked(folder: Path, tmp_path: Path) -> None:
    *_, done = fetch("mobile_sam")
    assert done.sha256 == MODELS["mobile_sam"].sha256
    with pytest.raises(WeightsMissingError, match="is missing: choose another file"):
        read_weights(MODELS["sam_vit_b"].with_file(tmp_path / "own.pt"))
    with pytest.raises(FetchError, match="is missing: choose another file"):
        list(fetch(MODELS["sam_vit_b"].with_file(tmp_path / "own.pt")))
    assert not folder.exists()


def test_a_pickle_from_a_server_is_not_run(server: FileServer, folder: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return exec, (f"open({str(tmp_path / 'sprung')!r}, 'w')",)

    buffer = BytesIO()
    torch.save({"model_state": {"x": torch.ones(2)}, "extra": Trap()}, buffer)
    server.content = buffer.getvalue()
    spec = unpublished(server)
    run(spec)
    with pytest.raises(WeightsError, match=r"holds more than tensors \(it asks for exec, which is not run\)"):
        read_weights(spec)
    assert not (tmp_path / "sprung").exists()


def test_fetching_is_imported_without_torch() -> None:
    code = "import sys, napari_gfsam.models.fetching; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
