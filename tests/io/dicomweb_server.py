"""A small DICOMweb server in the test's own process, which can be made to fail in many ways."""

from __future__ import annotations

import base64
import io
import json
import re
import ssl
import threading
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pydicom

USER, PASSWORD, TOKEN = "reader", "s3cret-pass", "t0ken-of-bearer"
SEARCHED = ("PatientID", "PatientName", "StudyDate", "ModalitiesInStudy")


class DicomWeb:
    """What the server holds and how it behaves; tests set its attributes."""

    def __init__(self, files=()):
        self.instances = {}
        self.stored = []
        self.requests = []
        self.needs_login = False
        self.unsupported = ()  # filters answered with 400
        self.ignored = ()  # filters that it takes no notice of
        self.warning = ""
        self.page = 1000
        self.knows_offset = True
        self.dies_after = None  # whole instances sent before it breaks off in the middle of one
        self.cut_parts = False  # half a body, and no length that would give it away
        self.silent = threading.Event()
        self.may_go_on = threading.Event()
        self.broken = ()  # SOP instance UIDs that it fails to send
        self.refusal = None  # (HTTP status, failure reason) for what is stored
        self.html = False
        for file in files:
            self.add(pydicom.dcmread(file), file.read_bytes())

    def add(self, dataset, content):
        self.instances[str(dataset.SOPInstanceUID)] = (dataset, content)

    def studies(self, query):
        first = {d.StudyInstanceUID: d for d, _ in self.instances.values()}
        items = []
        for uid, dataset in first.items():
            of_study = [d for d, _ in self.instances.values() if d.StudyInstanceUID == uid]
            values = {
                "PatientID": str(dataset.PatientID),
                "PatientName": str(dataset.PatientName),
                "StudyDate": str(dataset.get("StudyDate", "")),
                "ModalitiesInStudy": sorted({str(d.Modality) for d in of_study}),
            }
            if all(k in self.ignored or _matches(query, values, k) for k in SEARCHED):
                items.append(
                    {
                        "0020000D": {"vr": "UI", "Value": [str(uid)]},
                        "00100020": {"vr": "LO", "Value": [values["PatientID"]]},
                        "00100010": {"vr": "PN", "Value": [{"Alphabetic": values["PatientName"]}]},
                        "00080020": {"vr": "DA", "Value": [values["StudyDate"]]},
                        "00080061": {"vr": "CS", "Value": values["ModalitiesInStudy"]},
                        "00201208": {"vr": "IS", "Value": [len(of_study)]},
                    }
                )
        return items


def _matches(query, values, keyword):
    wanted = query.get(keyword)
    if not wanted:
        return True
    value = values[keyword]
    if keyword == "ModalitiesInStudy":
        return wanted in value
    if keyword == "StudyDate" and "-" in wanted:
        first, last = wanted.split("-")
        return first <= value <= (last or "9")
    return fnmatch(value.lower(), wanted.lower())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    @property
    def web(self):
        return self.server.web

    def do_GET(self):
        if not self._may():
            return
        parts = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        if self.web.silent.is_set():
            self.web.may_go_on.wait(60)
        path = parts.path.removeprefix("/dicom-web")
        if self.web.html:
            self._answer(200, b"<html>Welcome</html>", "text/html")
        elif path == "/studies":
            self._search(query)
        elif match := re.fullmatch(r"/studies/([^/]+)/instances", path):
            self._list(match[1], query)
        elif match := re.fullmatch(r"/studies/[^/]+/series/[^/]+/instances/([^/]+)", path):
            self._send_instance(match[1])
        else:
            self._answer(404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._may():
            return
        self.web.requests.append((self.path, dict(self.headers)))
        boundary = re.search(r'boundary="([^"]+)"', self.headers["Content-Type"])[1]
        content = body.split(b"\r\n\r\n", 1)[1].rsplit(f"\r\n--{boundary}--".encode(), 1)[0]
        dataset = pydicom.dcmread(io.BytesIO(content))
        item = {
            "00081150": {"vr": "UI", "Value": [str(dataset.SOPClassUID)]},
            "00081155": {"vr": "UI", "Value": [str(dataset.SOPInstanceUID)]},
        }
        if self.web.refusal and str(dataset.SOPInstanceUID) in self.web.broken:
            status, reason = self.web.refusal
            item["00081197"] = {"vr": "US", "Value": [reason]}
            answer = {"00081198": {"vr": "SQ", "Value": [item]}}
        else:
            status, answer = 200, {"00081199": {"vr": "SQ", "Value": [item]}}
            self.web.add(dataset, content)
        self._json(status, answer)

    def _may(self):
        self.web.requests.append((self.path, dict(self.headers)))
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        known = (f"Basic {pair}", f"Bearer {TOKEN}")
        if self.web.needs_login and self.headers.get("Authorization") not in known:
            self._answer(401)
            return False
        return True

    def _search(self, query):
        if any(query.get(k) for k in self.web.unsupported):
            self._answer(400, b"unknown parameter")
            return
        found = self.web.studies(query)[: int(query.get("limit", 1000))]
        headers = {"Warning": self.web.warning} if self.web.warning else {}
        if found:
            self._json(200, found, headers)
        else:
            self._answer(204, headers=headers)

    def _list(self, study, query):
        of_study = [
            {
                "00080018": {"vr": "UI", "Value": [uid]},
                "0020000E": {"vr": "UI", "Value": [str(dataset.SeriesInstanceUID)]},
            }
            for uid, (dataset, _) in self.web.instances.items()
            if dataset.StudyInstanceUID == study
        ]
        first = int(query.get("offset", 0)) if self.web.knows_offset else 0
        self._json(200, of_study[first : first + min(self.web.page, int(query["limit"]))])

    def _send_instance(self, uid):
        web = self.web
        if uid in web.broken:
            self._answer(500)
            return
        body = b"--part\r\nContent-Type: application/dicom\r\n\r\n" + web.instances[uid][1]
        body += b"\r\n--part--"
        kind = 'multipart/related; type="application/dicom"; boundary=part'
        cut = web.dies_after == 0
        if web.dies_after:
            web.dies_after -= 1
        if cut and web.cut_parts:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Connection", "close")
            self.end_headers()
        else:
            self._head(200, kind, len(body), {})
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def _json(self, status, value, headers=None):
        kind = "application/dicom+json; charset=utf-8"
        self._answer(status, json.dumps(value).encode(), kind, headers)

    def _answer(self, status, body=b"", kind="text/plain", headers=None):
        self._head(status, kind, len(body), headers or {})
        self.wfile.write(body)

    def _head(self, status, kind, length, headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that hangs up is part of the tests."""


@contextmanager
def serving(web, certificate=None):
    """The address of a running server; over TLS with a certificate and key in one file."""
    server = _Quiet(("127.0.0.1", 0), _Handler)
    server.web = web
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}/dicom-web"
    finally:
        web.may_go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()
