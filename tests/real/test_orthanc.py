"""A real Orthanc, in a network of its own: a study goes there and back, and its results follow."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pydicom
import pytest

from napari_cmr import io, measure, phantom
from napari_cmr.core import InputError, View
from napari_cmr.io.dicomweb import Pacs, Stored, results_in
from napari_cmr.io.pacs_login import Login
from napari_cmr.io.pacs_search import Query
from napari_cmr.io.pacs_server import Server

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
PROGRAM = Path(sys.executable).parent / "napari-cmr"
ENVIRONMENT = os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
CLONE_NEWNET = 0x40000000
USER, PASSWORD = "reader", "s3cret-pass"
URL = "http://127.0.0.1:8042/dicom-web"
CONFIG = phantom.PhantomConfig(n_phases=2, n_slices=4, rows=48, columns=52, pixel_mm=(4.0, 4.0))


@contextmanager
def running(folder):
    """An Orthanc in a network of its own, on what its folder held before; gives its process."""
    config = {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "HttpPort": 8042,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    script = 'ip link set lo up && exec Orthanc "$0"'
    command = ["unshare", "--net", "sh", "-c", script, str(folder / "config.json")]
    server = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    drain = threading.Thread(target=lambda: None)
    try:
        said = []
        for line in server.stderr:
            said.append(line)
            if "Orthanc has started" in line:
                break
        else:
            pytest.fail("Orthanc did not start: " + "".join(said[-5:]))
        drain = threading.Thread(target=server.stderr.read)  # a full pipe would stop it
        drain.start()
        yield server
    finally:
        server.terminate()
        server.wait(timeout=60)
        if drain.ident is not None:
            drain.join()
        server.stderr.close()


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    """Process id of a running Orthanc."""
    _skip_where_impossible()
    with running(tmp_path_factory.mktemp("orthanc")) as server:  # pytest makes it its owner's only
        yield server.pid


def _skip_where_impossible():
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root may make a network namespace for Orthanc")
    needed = ("Orthanc", "unshare", "nsenter", "ip")
    lacking = [n for n in needed if shutil.which(n, path=ENVIRONMENT["PATH"]) is None]
    lacking += [] if PLUGIN.exists() else ["its DICOMweb plugin"]
    if lacking:
        pytest.skip(f"{', '.join(lacking)} not installed (Debian: orthanc, orthanc-dicomweb)")
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip("this system lets no test make a network namespace")


def in_the_network_of(process, function):
    """Call a function in a process's network: namespaces are a matter of one thread."""

    def enter():
        libc = ctypes.CDLL(None, use_errno=True)
        with Path(f"/proc/{process}/ns/net").open() as network:
            assert libc.setns(network.fileno(), CLONE_NEWNET) == 0
        return function()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(enter).result()


@pytest.fixture
def beside(orthanc):
    """Call a function in Orthanc's network."""
    return partial(in_the_network_of, orthanc)


@pytest.fixture
def terminal(orthanc):
    """Run `napari-cmr pacs` in Orthanc's network."""

    def call(*arguments, code=0, password=PASSWORD):
        login = {"NAPARI_CMR_PACS_USER": USER, "NAPARI_CMR_PACS_PASSWORD": password}
        done = subprocess.run(
            ["nsenter", f"--target={orthanc}", "--net", str(PROGRAM), "pacs", *map(str, arguments)],
            env=ENVIRONMENT | login | {"NAPARI_CMR_PACS_URL": URL},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr + done.stdout
        return done

    return call


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The phantom's study as DICOM, with its true labels."""
    made = phantom.make(CONFIG)
    folder = tmp_path_factory.mktemp("study")
    for path in phantom.write_dicom_study(made, folder):
        dataset = pydicom.dcmread(path)
        dataset.PatientName, dataset.PatientID = "Phantom^Åsa", "PH-1"
        dataset.StudyDate = "20240501"
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.save_as(path)
    return folder, made.segmentations[View.SAX]


def write_results(images, truth, folder):
    """SEG of the true labels, and SR of the numbers measured on them."""
    sources = io.source_images(io.sax_cine(io.scan(images)))
    files = io.write_seg(truth, sources, folder)
    report = folder / "report.dcm"
    io.write_report(measure.function(truth), sources, report, segmentations=files)
    return [*files, report]


def test_a_study_goes_to_orthanc_and_back_and_its_results_are_found_there(beside, study, tmp_path):
    pacs = Pacs(Server(URL), Login(USER, PASSWORD))
    folder, truth = study
    images = sorted(folder.iterdir())
    assert beside(lambda: pacs.store(images)) == Stored(tuple(images))

    for query in (
        Query(patient_id="PH-1"),
        Query(name="phantom*"),
        Query(date="2024-05-01"),
        Query(date="2024-04-01..2024-06-01", modality="MR"),
    ):
        found = beside(lambda query=query: pacs.search(query)).studies
        assert len(found) == 1, query.filters()
    (first,) = found
    assert (first.name, first.modalities) == ("Phantom^Åsa", ("MR",))
    assert first.n_images == len(images)
    assert not beside(lambda: pacs.search(Query("PH-2"))).studies
    assert not beside(lambda: pacs.search(Query(modality="CT"))).studies

    got = beside(lambda: pacs.fetch(first.uid, tmp_path / "got"))
    assert (got.had, got.came) == (0, len(images))
    sent = {d.SOPInstanceUID: d for d in map(pydicom.dcmread, images)}
    for file in (tmp_path / "got").iterdir():
        instance = pydicom.dcmread(file)
        assert instance == sent[instance.SOPInstanceUID]
    next((tmp_path / "got").iterdir()).unlink()
    again = beside(lambda: pacs.fetch(first.uid, tmp_path / "got"))
    assert (again.had, again.came) == (len(images) - 1, 1)

    results = write_results(tmp_path / "got", truth, tmp_path / "results")
    assert results_in([tmp_path]) == sorted([*results])
    assert beside(lambda: pacs.store(results)) == Stored(tuple(results))
    (now,) = beside(lambda: pacs.search(Query("PH-1"))).studies
    assert (now.uid, set(now.modalities)) == (first.uid, {"MR", "SEG", "SR"})
    assert now.n_images == len(images) + CONFIG.n_phases + 1

    beside(lambda: pacs.fetch(first.uid, tmp_path / "got"))
    sources = io.source_images(io.sax_cine(io.scan(tmp_path / "got")))
    back = tmp_path / "back"
    back.mkdir()
    for file in (tmp_path / "got").iterdir():
        if pydicom.dcmread(file, specific_tags=["Modality"]).Modality == "SEG":
            shutil.copy(file, back)
    assert (io.read_seg(back, sources).labels == truth.labels).all()


def test_the_terminal_tells_a_wrong_password_and_no_match(terminal):
    assert "refused the login (401)" in terminal("search", code=2, password="wrong").stderr
    assert "No study matches" in terminal("search", "--patient-id", "PH-2", code=2).stderr


def test_an_orthanc_that_goes_in_the_middle_costs_only_what_had_not_come(study, tmp_path):
    _skip_where_impossible()
    pacs = Pacs(Server(URL, timeout_s=2.0), Login(USER, PASSWORD))
    images = sorted(study[0].iterdir())
    (tmp_path / "orthanc").mkdir()
    with running(tmp_path / "orthanc") as server:
        beside = partial(in_the_network_of, server.pid)
        beside(lambda: pacs.store(images))
        (found,) = beside(lambda: pacs.search(Query("PH-1"))).studies

        def gone_after_two(done, total):
            if done == 2:
                server.kill()

        with pytest.raises(InputError, match=f"2 of {len(images)} files are kept"):
            beside(lambda: pacs.fetch(found.uid, tmp_path / "got", progress=gone_after_two))
    assert len(list((tmp_path / "got").glob("[!.]*"))) == 2
    with running(tmp_path / "orthanc") as server:
        beside = partial(in_the_network_of, server.pid)
        server.send_signal(signal.SIGSTOP)
        with pytest.raises(InputError, match="did not answer"):
            beside(lambda: pacs.search(Query("PH-1")))
        server.send_signal(signal.SIGCONT)
        got = beside(lambda: pacs.fetch(found.uid, tmp_path / "got"))
    assert (got.had, got.came) == (2, len(images) - 2)
