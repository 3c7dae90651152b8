"""Search, fetch and store over DICOMweb, and every way in which the other side can fail."""

from __future__ import annotations

import logging
import stat
import threading
import time
from dataclasses import replace

import keyring
import pydicom
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import null
from keyring.credentials import SimpleCredential

from napari_cmr import io
from napari_cmr.cli.pacs import _line
from napari_cmr.core import CancelledError, InputError, NothingToReadError
from napari_cmr.io.dicomweb import Pacs, results_in
from napari_cmr.io.pacs_errors import (
    AnsweredError,
    CertificateError,
    IncompleteFetchError,
    LoginError,
    PacsError,
    UnreachableError,
    UnsupportedFilterError,
)
from napari_cmr.io.pacs_login import Login, find_login, service
from napari_cmr.io.pacs_search import FoundStudy, Query
from napari_cmr.io.pacs_server import Server
from tests.io.dicomweb_server import PASSWORD, TOKEN, USER, DicomWeb, serving
from tests.io.stacks import cine

PATIENT, NUMBER = "Sentinel^Anna", "ID-31415"
LOGIN = Login(USER, PASSWORD)


@pytest.fixture(autouse=True)
def _nobodys_keyring():
    """The keyring of whoever runs the tests is not asked."""
    before = keyring.get_keyring()
    keyring.set_keyring(null.Keyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Six files of one study of a person with a name."""
    folder = tmp_path_factory.mktemp("pacs")
    io.write_dicom(cine((2, 3, 8, 6)), folder)
    paths = sorted(folder.iterdir())
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.PatientName, dataset.PatientID = PATIENT, NUMBER
        dataset.StudyDate = "20240501"
        dataset.save_as(path)
    return paths


@pytest.fixture(scope="module")
def study_uid(files):
    return str(pydicom.dcmread(files[0]).StudyInstanceUID)


@pytest.fixture
def web(files):
    return DicomWeb(files)


@pytest.fixture
def url(web):
    with serving(web) as address:
        yield address


@pytest.fixture
def pacs(url):
    return Pacs(Server(url))


def fetched_names(folder):
    return {p.name for p in folder.iterdir()}


def names_on(web):
    return {f"{uid}.dcm" for uid in web.instances}


# search


@pytest.mark.parametrize(
    "query",
    [
        Query(),
        Query(patient_id=NUMBER),
        Query(patient_id="ID-*"),
        Query(name="sentinel*"),
        Query(date="2024-05-01"),
        Query(date="2024-01-01..2024-12-31"),
        Query(date="2024-05-01.."),
        Query(modality="mr"),
        Query(NUMBER, "Sentinel*", "20240501", "MR"),
    ],
)
def test_a_study_is_found_by_number_name_date_and_modality(pacs, query, study_uid):
    (study,) = pacs.search(query).studies
    assert (study.uid, study.name, study.patient_id) == (study_uid, PATIENT, NUMBER)
    assert (study.date, study.modalities, study.n_images) == ("20240501", ("MR",), 6)


@pytest.mark.parametrize(
    "query",
    [Query("ID-9"), Query(name="Nobody"), Query(date="..2024-04-30"), Query(modality="CT")],
)
def test_no_match_is_an_empty_list(pacs, query):
    assert pacs.search(query).studies == ()


@pytest.mark.parametrize(
    ("keyword", "query", "word"),
    [
        ("PatientID", Query(patient_id="ID-9"), "number"),
        ("PatientName", Query(name="Nobody*"), "name"),
        ("StudyDate", Query(date="2023-01-01"), "date"),
        ("ModalitiesInStudy", Query(modality="CT"), "modality"),
    ],
)
def test_a_filter_that_is_refused_or_ignored_is_told_apart_from_no_match(
    web, pacs, keyword, query, word
):
    assert pacs.search(query).studies == ()
    web.ignored = (keyword,)
    with pytest.raises(UnsupportedFilterError, match=f"took no notice of .*{word}"):
        pacs.search(query)
    web.unsupported = (keyword,)
    with pytest.raises(UnsupportedFilterError, match=f"cannot search by .*{word}; leave it out"):
        pacs.search(query)


def test_a_warning_in_the_header_is_understood(web, pacs):
    web.warning = '299 pacs: "The PatientName parameter is not supported"'
    with pytest.raises(UnsupportedFilterError, match="cannot search by the patient's name;"):
        pacs.search(Query(name="Sentinel*", modality="MR"))
    web.warning = '299 pacs: "There are 12 additional results that can be requested"'
    assert pacs.search(Query()).more
    web.warning = ""
    assert not pacs.search(Query()).more


def test_a_loosely_matched_name_is_not_taken_for_an_ignored_filter(web, pacs):
    web.ignored = ("PatientName",)
    for name in ("anna sentinel", "Séntinel", "Sentinel^A*"):
        assert len(pacs.search(Query(name=name)).studies) == 1


@pytest.mark.parametrize(
    "date", ["1 May", "2024-05", "2024-13-01", "20230229", "2024-05-02..2024-05-01"]
)
def test_a_date_that_cannot_be_meant_is_refused(date):
    with pytest.raises(PacsError, match="date"):
        Query(date=date)


# fetch


def test_a_fetched_study_is_the_study_and_its_folder_is_its_owners(
    pacs, files, study_uid, tmp_path
):
    steps = []
    out = tmp_path / "new" / "study"
    done = pacs.fetch(study_uid, out, progress=lambda *step: steps.append(step))
    assert (done.had, done.came, steps[0], steps[-1]) == (0, 6, (0, 6), (6, 6))
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    for file in files:
        sent = pydicom.dcmread(file)
        assert pydicom.dcmread(out / f"{sent.SOPInstanceUID}.dcm") == sent
    assert io.open_stack(out).shape == (2, 3, 8, 6)
    assert pacs.fetch(study_uid, out).came == 0


@pytest.mark.parametrize("without_length", [False, True])
def test_what_arrived_before_the_server_went_is_kept_and_the_rest_comes_later(
    web, pacs, study_uid, tmp_path, without_length
):
    web.dies_after, web.cut_parts = 4, without_length
    with pytest.raises(IncompleteFetchError, match=r"broke off.*4 of 6 files are kept") as caught:
        pacs.fetch(study_uid, tmp_path)
    assert (caught.value.arrived, caught.value.total) == (4, 6)
    arrived = fetched_names(tmp_path)
    assert len(arrived) == 4
    assert arrived < names_on(web)
    assert all(len(pydicom.dcmread(p).PixelData) == 96 for p in tmp_path.iterdir())
    web.dies_after = None
    web.requests.clear()
    done = pacs.fetch(study_uid, tmp_path)
    assert (done.had, done.came) == (4, 2)
    assert fetched_names(tmp_path) == names_on(web)
    assert sum("/series/" in path for path, _ in web.requests) == 2


def test_a_server_that_is_gone_for_good_is_said_to_be(study_uid, tmp_path):
    with serving(DicomWeb()) as url:
        pass
    with pytest.raises(UnreachableError, match="cannot be reached"):
        Pacs(Server(url)).fetch(study_uid, tmp_path)


def test_one_instance_that_the_server_fails_on_does_not_keep_the_others(
    web, pacs, study_uid, tmp_path
):
    web.broken = (list(web.instances)[1],)
    with pytest.raises(IncompleteFetchError, match=r"failed \(500\); 5 of 6 files are kept"):
        pacs.fetch(study_uid, tmp_path)
    assert len(fetched_names(tmp_path)) == 5


@pytest.mark.parametrize(("page", "knows_offset", "n"), [(4, True, 6), (6, False, 6)])
def test_long_lists_come_in_pages(web, pacs, study_uid, tmp_path, page, knows_offset, n):
    web.page, web.knows_offset = page, knows_offset
    assert pacs.fetch(study_uid, tmp_path).came == n


def test_a_study_that_is_not_there_and_a_name_that_is_no_uid_are_refused(pacs, tmp_path):
    with pytest.raises(NothingToReadError, match="no study of this UID"):
        pacs.fetch("1.2.3", tmp_path / "out")
    for uid in ("../../etc", "", "1.2/3", "1" * 65):
        with pytest.raises(InputError, match="digits and dots"):
            pacs.fetch(uid, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_cancelling_keeps_what_arrived(pacs, study_uid, tmp_path):
    seen = []
    with pytest.raises(CancelledError):
        pacs.fetch(
            study_uid,
            tmp_path,
            progress=lambda done, _: seen.append(done),
            cancel=lambda: len(seen) > 3,
        )
    assert len(fetched_names(tmp_path)) == 3
    assert pacs.fetch(study_uid, tmp_path).had == 3


def test_a_slow_server_is_given_up_after_the_time_allowed(web, url):
    web.silent.set()
    begun = time.monotonic()
    with pytest.raises(UnreachableError, match=r"did not answer within 0\.2 s.*--timeout"):
        Pacs(Server(url, timeout_s=0.2)).search(Query())
    assert time.monotonic() - begun < 5


def test_a_page_for_people_is_no_pacs(web, pacs, study_uid, tmp_path):
    web.html = True
    for ask in (lambda: pacs.search(Query()), lambda: pacs.fetch(study_uid, tmp_path)):
        with pytest.raises(AnsweredError, match="not DICOMweb"):
            ask()


def test_a_wrong_path_is_told(url):
    with pytest.raises(AnsweredError, match="nothing there"):
        Pacs(Server(url + "/elsewhere")).search(Query())


# login


def test_user_and_password_or_a_token_let_in_and_wrong_ones_do_not(web, url):
    web.needs_login = True
    for login in (LOGIN, Login(token=TOKEN)):
        assert Pacs(Server(url), login).search(Query()).studies
    with pytest.raises(LoginError, match="asks for a login"):
        Pacs(Server(url)).search(Query())
    for wrong in (replace(LOGIN, password="wr0ng-secret"), Login(token="wr0ng-secret")):
        with pytest.raises(LoginError, match="refused the login") as caught:
            Pacs(Server(url), wrong).search(Query())
        assert "wr0ng-secret" not in str(caught.value) + repr(wrong)


def test_a_login_of_netrc_is_not_sent(web, url, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    Pacs(Server(url)).search(Query())
    assert all("Authorization" not in headers for _, headers in web.requests)


class MemoryKeyring(KeyringBackend):
    """Passwords by (service, user)."""

    priority = 1

    def __init__(self, kept):
        super().__init__()
        self.kept = kept

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def get_credential(self, service, username):
        users = [u for s, u in self.kept if s == service and username in (None, u)]
        return SimpleCredential(users[0], self.kept[service, users[0]]) if users else None

    def set_password(self, service, username, password):
        raise NotImplementedError


def test_the_login_comes_from_the_environment_else_from_the_keyring():
    url = "https://pacs.example/dicom-web"
    environment = {"NAPARI_CMR_PACS_USER": "u", "NAPARI_CMR_PACS_PASSWORD": "p"}
    keyring.set_keyring(MemoryKeyring({(service(url), "u"): "from keyring"}))
    assert find_login(url, environment) == Login("u", "p")
    assert find_login(url, environment | {"NAPARI_CMR_PACS_TOKEN": "t"}) == Login(token="t")
    assert find_login(url, {"NAPARI_CMR_PACS_USER": "u"}) == Login("u", "from keyring")
    assert find_login(url + "/", {}) == Login("u", "from keyring")
    keyring.set_keyring(MemoryKeyring({(service(url), "bearer-token"): "t"}))
    assert find_login(url, {}) == Login(token="t")
    assert find_login("https://other.example", {}) is None
    with pytest.raises(LoginError, match="no password"):
        find_login(url, {"NAPARI_CMR_PACS_USER": "u"})
    with pytest.raises(LoginError, match="cannot be sent") as caught:
        find_login(url, {"NAPARI_CMR_PACS_TOKEN": "two\nlines"})
    assert "two" not in str(caught.value)


# the way there


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1 with its key, and the certificate alone."""
    pytest.importorskip("cryptography", reason="makes the certificate")
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    public = signed.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "both.pem").write_bytes(private + public)
    (folder / "ca.pem").write_bytes(public)
    return folder / "both.pem", folder / "ca.pem"


def test_a_certificate_that_nobody_vouches_for_is_refused_unless_its_ca_is_given(
    web, certificate, monkeypatch
):
    both, ca_file = certificate
    with serving(web, both) as url:
        with pytest.raises(CertificateError, match=r"refused \(self.signed certificate.*--ca-file"):
            Pacs(Server(url), LOGIN).search(Query())
        assert web.requests == []  # so no login was sent
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(both.parent / "none.pem"))
        assert Pacs(Server(url, ca_file=ca_file)).search(Query()).studies


def test_a_certificate_of_another_host_is_refused(web, certificate):
    both, ca_file = certificate
    with (
        serving(web, both) as url,
        pytest.raises(CertificateError, match="localhost"),
    ):
        Pacs(Server(url.replace("127.0.0.1", "localhost"), ca_file=ca_file)).search(Query())


def test_https_where_only_http_is_spoken_is_told(url):
    with pytest.raises(CertificateError, match="No secure connection"):
        Pacs(Server(url.replace("http:", "https:"))).search(Query())


def test_addresses_that_would_leak_or_mean_nothing_are_refused(tmp_path):
    for url in ("", "pacs.example", "ftp://pacs.example", "https://", "https://x:port/"):
        with pytest.raises(PacsError, match="https://host/path"):
            Server(url)
    with pytest.raises(LoginError, match="holds a login") as caught:
        Server("https://me:s3cret@pacs.example")
    assert "s3cret" not in str(caught.value)
    with pytest.raises(PacsError, match=r"without encryption.*--plain-http"):
        Server("http://pacs.example/dicom-web")
    assert Server("http://pacs.example/dicom-web", plain_http=True).is_readable_on_the_way
    with pytest.raises(CertificateError, match="cannot be read"):
        Server("https://pacs.example", ca_file=tmp_path / "none.pem")
    (tmp_path / "text.pem").write_text("no certificate")
    with pytest.raises(CertificateError, match="not a file of certificates"):
        Server("https://pacs.example", ca_file=tmp_path / "text.pem")


def test_nothing_of_patient_or_login_is_logged_or_warned_of(web, url, study_uid, tmp_path, caplog):
    web.needs_login = True
    caplog.set_level(logging.DEBUG)
    pacs = Pacs(Server(url), LOGIN)
    found = pacs.search(Query(patient_id=NUMBER, name=PATIENT))
    pacs.fetch(study_uid, tmp_path / "out")
    web.unsupported = ("PatientID",)
    query = Query(patient_id=NUMBER)
    with pytest.raises(UnsupportedFilterError) as caught:
        pacs.search(query)
    chain = []
    error = caught.value
    while error is not None:
        chain.append(repr(error))
        error = error.__cause__ or error.__context__
    told = caplog.text + repr(query) + repr(found) + repr(pacs) + "".join(chain)
    for secret in (PATIENT, "Sentinel", NUMBER, PASSWORD, "Authorization", "Basic"):
        assert secret not in told
    logging.getLogger("urllib3.connectionpool").warning("of somebody else")
    assert "of somebody else" in caplog.text


# store


def test_what_is_stored_is_on_the_server_as_it_was(files):
    web = DicomWeb()
    with serving(web) as url:
        stored = Pacs(Server(url)).store(files)
    assert stored.taken == tuple(files)
    assert stored.refused == ()
    assert [d for d, _ in web.instances.values()] == [pydicom.dcmread(f) for f in files]


@pytest.mark.parametrize("status", [200, 202, 409])
def test_each_refused_file_is_named_with_its_reason_and_the_others_are_stored(files, status):
    web = DicomWeb()
    web.broken = (str(pydicom.dcmread(files[1]).SOPInstanceUID),)
    web.refusal = (status, 0xA700)
    with serving(web) as url:
        stored = Pacs(Server(url)).store(files[:3])
    assert stored.taken == (files[0], files[2])
    assert stored.refused == ((files[1], "the server is out of space"),)


def test_results_are_picked_out_of_a_folder_and_what_is_no_dicom_is_refused(files, tmp_path):
    with pytest.raises(NothingToReadError, match="no segmentation"):
        results_in([files[0].parent])
    assert results_in(files[:2]) == files[:2]
    (tmp_path / "text.dcm").write_text("text")
    for path in (tmp_path / "text.dcm", tmp_path / "none.dcm"):
        with pytest.raises(InputError, match=r"not DICOM|cannot be read"):
            results_in([path])
    with serving(DicomWeb()) as url, pytest.raises(InputError, match="not DICOM"):
        Pacs(Server(url)).store([files[0], tmp_path / "text.dcm"])


# the terminal


def cli(arguments, monkeypatch, capsys, **environment):
    """The program in this process: exit code, what it said, and its errors."""
    from napari_cmr.cli import main

    for name in ("USER", "PASSWORD", "TOKEN", "URL"):
        monkeypatch.delenv(f"NAPARI_CMR_PACS_{name}", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(f"NAPARI_CMR_PACS_{name}", value)
    monkeypatch.setattr("sys.argv", ["napari-cmr", "pacs", *map(str, arguments)])
    code = 0
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code or 0
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_verbs_find_fetch_and_store(web, url, files, study_uid, tmp_path, monkeypatch, capsys):
    web.needs_login = True
    login = {"USER": USER, "PASSWORD": PASSWORD, "URL": url}
    asked = ["search", "--patient-id", NUMBER, "--modality", "MR", "--json", tmp_path / "f.json"]
    code, out, _ = cli(asked, monkeypatch, capsys, **login)
    assert code == 0
    assert out.split()[:3] == [study_uid, "2024-05-01", "MR"]
    assert study_uid in (tmp_path / "f.json").read_text()
    asked = ["fetch", study_uid, "--out", tmp_path / "out"]
    code, out, _ = cli(asked, monkeypatch, capsys, **login)
    assert (code, len(fetched_names(tmp_path / "out"))) == (0, 6)
    assert "fetched 6 file(s); open with: napari-cmr review" in out
    code, out, _ = cli(["store", files[0]], monkeypatch, capsys, **login)
    assert (code, out) == (0, "stored 1 of 1 file(s)\n")


def test_every_failure_is_one_sentence_and_exit_code_2(
    web, url, files, tmp_path, monkeypatch, capsys
):
    def fails_with(sentence, *arguments, **environment):
        code, _, err = cli(arguments, monkeypatch, capsys, **({"URL": url} | environment))
        assert code == 2
        assert err.splitlines()[-1].startswith("napari-cmr: ")
        assert sentence in err
        assert PASSWORD not in err

    fails_with("Say which PACS", "search", URL="")
    fails_with("No study matches", "search", "--name", "Nobody")
    fails_with("no study of this UID", "fetch", "1.2.3", "--out", tmp_path / "out")
    web.unsupported = ("ModalitiesInStudy",)
    fails_with("cannot search by the modality", "search", "--modality", "MR")
    web.broken = (str(pydicom.dcmread(files[0]).SOPInstanceUID),)
    web.refusal = (409, 0x0122)
    fails_with("does not take this kind of object", "store", files[0])
    web.needs_login = True
    fails_with("asks for a login", "search")
    fails_with("refused the login", "search", USER=USER, PASSWORD="wr0ng")
    fails_with("without encryption", "search", URL="http://pacs.example")


def test_two_threads_keep_quiet_apart(url, caplog):
    """Quiet is a matter of one thread: another thread's log is not lost."""
    from napari_cmr.io.pacs_session import without_traces

    caplog.set_level(logging.DEBUG)
    log = logging.getLogger("urllib3.connectionpool")
    with without_traces():
        log.warning("ours")
        other = threading.Thread(target=log.warning, args=("theirs",))
        other.start()
        other.join()
    assert "theirs" in caplog.text
    assert "ours" not in caplog.text


def test_what_a_server_sends_does_not_steer_the_terminal():
    study = FoundStudy("1.2", "\x1b[2J7", "Doe\r^Jane", "20240501", "MR\x07 heart\x9b1m", ("MR",))
    line = _line(study)
    assert line.isprintable()
    assert line.startswith("1.2  2024-05-01  MR  MR  heart")
