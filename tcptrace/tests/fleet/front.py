"""ClickHouse's HTTP interface in front of chDB, which has the engine of today and no server: as much of it
as tcptrace ship and the tests take.

front.py PORT FOLDER [CONFIGURATION]. Beside what the interface has, POST /front takes `lose`: so many answers of INSERTs are
not sent, though the rows are there.
"""

import gzip
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pyarrow
from chdb.session import Session

# Parameters that are no settings of the engine.
ASIDE = {
    "query", "query_id", "database", "user", "password", "default_format", "compress", "decompress",
    "wait_end_of_query", "session_id",
}
# Errors that are answered with another status than 500: UNKNOWN_TABLE, UNKNOWN_DATABASE.
STATUS = {60: 404, 81: 404}

engine = Session(sys.argv[2] + (f"?config-file={sys.argv[3]}" if len(sys.argv) > 3 else ""))
# It takes one query at a time.
alone = threading.Lock()
to_lose = 0


def text(value):
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def asked(parameters, query):
    """Runs a query with the settings and parameters of its URL."""
    settings = [(name, value) for name, value in parameters if name not in ASIDE]
    given = dict(parameters)
    with alone:
        engine.query(f"USE {given.get('database') or 'default'}")
        for name, value in settings:
            engine.query(f"SET {name} = {text(value)}")
        try:
            return engine.query(query, given.get("default_format", "TabSeparated")).bytes()
        finally:
            for name, _ in settings:
                if not name.startswith("param_"):
                    engine.query(f"SET {name} = DEFAULT")


class Asked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match self.headers.get("Content-Encoding"):
            case "gzip":
                return gzip.decompress(body)
            case "zstd":
                return pyarrow.CompressedInputStream(pyarrow.BufferReader(body), "zstd").read()
            case _:
                return body

    def answer(self, status, body, code=None):
        self.send_response(status)
        self.send_header("Content-Type", "text/tab-separated-values; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path in ("/", "/ping"):
            return self.answer(200, b"Ok.\n")
        return self.do_POST()

    def do_POST(self):
        global to_lose
        url = urlsplit(self.path)
        parameters = parse_qsl(url.query, keep_blank_values=True)
        body = self.body()
        if url.path == "/front":
            to_lose = int(dict(parameters)["lose"])
            return self.answer(200, b"")
        query = "\n".join(filter(None, [dict(parameters).get("query"), body.decode()]))
        try:
            told = asked(parameters, query)
        except Exception as error:
            said = str(error)
            code = re.search(r"Code: (\d+)", said)
            code = int(code[1]) if code else 1002
            return self.answer(STATUS.get(code, 500), said.encode() + b"\n", code)
        if to_lose and query.lstrip().upper().startswith("INSERT"):
            to_lose -= 1
            self.close_connection = True
            return None
        return self.answer(200, told)

    def log_message(self, *_):
        pass


ThreadingHTTPServer.allow_reuse_address = True
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Asked).serve_forever()
