from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import pytest
import trustme
from distributed.utils import _CollectErrorThread

from napari_gfsam.datasets import Cluster, DatasetError
from napari_gfsam.datasets.cluster import DaskWorkers
from napari_gfsam.datasets.job import Task
from napari_gfsam.datasets.journal import JOURNAL
from tests.datasets import killing
from tests.datasets.pretending import SCRIPT
from tests.datasets.test_kill import words

if TYPE_CHECKING:
    from pathlib import Path

SCHEDULER = ("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
WORKER = ("-m", "distributed.cli.dask_worker", "--no-nanny", "--nthreads", "1", "--no-dashboard", "--preload", SCRIPT)


class LocalCluster:
    """A scheduler and its workers, each a process of its own that a test may kill; with certificates, all speak TLS."""

    def __init__(self, place: Path, certificates: Certificates | None = None) -> None:
        self.place, self.processes = place, []
        known, secured = place / "scheduler.json", certificates.words() if certificates else ()
        tls = ("--protocol", "tls", *secured) if certificates else ()
        self.scheduler = self.start(*SCHEDULER, *tls, "--scheduler-file", known)
        killing.wait_for(known.exists, "the scheduler")
        self.address = json.loads(known.read_text())["address"]
        self.workers = [self.start(*WORKER, *secured, "--local-directory", place, self.address) for _ in range(2)]

    def start(self, *words):
        with (self.place / "log").open("ab") as log:
            process = subprocess.Popen([sys.executable, *map(str, words)], stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


class Certificates(NamedTuple):
    """Files of an authority of our own, and of a certificate for this machine with its key."""

    ca: Path
    cert: Path
    key: Path

    @classmethod
    def made_in(cls, folder: Path) -> Certificates:
        folder.mkdir()
        files = cls(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(str(files.ca))
        issued.cert_chain_pems[0].write_to_path(str(files.cert))
        issued.private_key_pem.write_to_path(str(files.key))
        return files

    def words(self, ca: str = "--tls-ca-file") -> tuple[object, ...]:
        return (ca, self.ca, "--tls-cert", self.cert, "--tls-key", self.key)


@contextmanager
def local_cluster(place, certificates=None):
    place.mkdir()
    cluster = LocalCluster(place, certificates)
    try:
        yield cluster
    finally:
        cluster.close()


def run_on(cluster, folder, *more):
    return killing.running((sys.executable, SCRIPT), words(folder, "out", "--scheduler", cluster.address, *more))


@pytest.mark.usefixtures("fake_models")
def test_over_tls_a_worker_that_is_killed_in_the_middle_is_done_without(folder):
    folder.targets(*(f"p{number}" for number in range(6)), "wait")
    folder.run(into="whole")
    begun = folder.path / "in" / "wait.begun"
    ours = Certificates.made_in(folder.path / "tls")
    with (
        local_cluster(folder.path / "dask", ours) as cluster,
        run_on(cluster, folder, *map(str, ours.words("--tls-ca"))) as process,
    ):
        assert cluster.address.startswith("tls://")
        killing.wait_for(begun.exists, "a worker")
        holder = int(begun.read_text())
        begun.unlink()
        next(one for one in cluster.workers if one.pid == holder).kill()
        killing.wait_for(begun.exists, "the other worker")
        (folder.path / "in" / "wait.go").touch()
        said, errors = process.communicate(timeout=killing.WAIT_SECONDS)
        assert process.returncode == 0, errors
        assert "7 done, 0 skipped" in said
        assert errors == ""
        strangers = Certificates.made_in(folder.path / "others")
        for certificates in ((), strangers):
            with pytest.raises(DatasetError, match="cannot be reached"):
                folder.run(cluster=Cluster(cluster.address, *certificates))
    assert folder.labels() == folder.labels("whole")


def test_ctrl_c_stops_the_workers_and_a_scheduler_that_goes_away_is_one_sentence(folder):
    folder.targets("a", "wait", "z")
    begun, go = folder.path / "in" / "wait.begun", folder.path / "in" / "wait.go"
    journal = folder.path / "out" / JOURNAL

    def wait_for_two():
        killing.wait_for(lambda: begun.exists() and journal.read_text().count("\n") > 2, "two of three targets")

    with local_cluster(folder.path / "dask") as cluster:
        with run_on(cluster, folder) as process:
            wait_for_two()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=killing.WAIT_SECONDS)
            assert process.returncode == 130
            assert errors.startswith("Note: Stopped after 2 of 3 targets")
        begun.unlink()
        go.touch()
        time.sleep(1)  # what was begun now sees that it is to stop
        go.unlink()
        with run_on(cluster, folder) as process:
            wait_for_two()
            assert sorted(folder.labels()) == ["a_labels.tif", "z_labels.tif"]
            cluster.scheduler.kill()
            _, errors = process.communicate(timeout=killing.WAIT_SECONDS)
            assert process.returncode == 1
            assert errors.startswith(f"Error: The Dask scheduler at {cluster.address} went away; what is done stays")
            assert len(errors.splitlines()) == 1
        assert sorted(folder.labels()) == ["a_labels.tif", "z_labels.tif"]
        go.touch()


class PretendClient:
    """Workers on two machines, and what each is told about its mates with its target."""

    def __init__(self, *seats: str) -> None:
        self.seats, self.told = seats, {}

    def nthreads(self):
        return dict.fromkeys(self.seats, 1)

    def submit(self, work, setup, words, *, workers, **options):
        told = json.loads(setup)
        self.told[workers[0]] = told["number"], told["mates"]
        return Future()


def test_every_worker_of_a_machine_shares_its_cores_with_all_the_others(folder, monkeypatch):
    client = PretendClient(*(f"tcp://one:{port}" for port in range(4)), "tcp://other:1")
    monkeypatch.setattr("napari_gfsam.datasets.cluster._connect", lambda cluster: (client, {}))
    crew = DaskWorkers(folder.plan, Cluster("tcp://one:8786"), "run")
    for message in islice(crew.messages(), 5):
        crew.give(message.seat, Task(0, "a.tif", "a"))
    assert client.told == {f"tcp://one:{port}": (port, 4) for port in range(4)} | {"tcp://other:1": (0, 1)}


def test_a_scheduler_that_is_not_there_is_one_sentence(folder, monkeypatch):
    folder.targets("a")
    monkeypatch.setattr("napari_gfsam.datasets.cluster.CONNECT_SECONDS", 0.5)
    with pytest.raises(DatasetError, match=r"The Dask scheduler at tcp://127\.0\.0\.1:9 cannot be reached"):
        folder.run(cluster=Cluster("tcp://127.0.0.1:9"))


def test_a_client_that_was_never_connected_is_gone_before_the_next_one_starts(folder, monkeypatch):
    folder.targets("a")
    begin = _CollectErrorThread.__init__

    def collecting(*words, **options):
        gc.collect()  # as it may happen at any time; what is collected here and wants to close waits for ever
        begin(*words, **options)

    monkeypatch.setattr(_CollectErrorThread, "__init__", collecting)
    gc.disable()
    try:
        for _ in range(2):
            with pytest.raises(DatasetError, match="cannot be reached"):
                folder.run(cluster=Cluster("tls://127.0.0.1:9"))
    finally:
        gc.enable()
