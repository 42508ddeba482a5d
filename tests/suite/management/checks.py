"""Common code of the checks: access to the tracker under test, and the differences found."""

import json
import sys
import time

from wire import Answer, Http

JSON = "application/json"
KEY_JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
ACK = {"status": "ok"}

UNAUTHORIZED = 'Unhandled rejection: Err { reason: "unauthorized" }'
TOKEN_NOT_VALID = 'Unhandled rejection: Err { reason: "token not valid" }'

PATIENCE_S = 60
PAUSE_S = 0.02


def bad_info_hash(text: str) -> str:
    return f'Invalid URL: invalid infohash param: string "{text}", expected a 40 character long string'


def failed(what: str) -> str:
    """The start of the body of a failure with status 500."""
    return f'Unhandled rejection: Err {{ reason: "{what}'


class Checks:
    def __init__(self) -> None:
        self.places = json.loads(sys.argv[1])
        self.token: str = self.places["token"]
        self.api = Http(self.places["api"])
        self.differences: list[str] = []

    def ask(self, method: str, path: str, body: str | None = None, headers=None) -> Answer:
        """Asks the API with the token."""
        mark = "&" if "?" in path else "?"
        return self.api.ask(method, f"{path}{mark}token={self.token}", body, headers)

    def ask_json(self, method: str, path: str, form: object) -> Answer:
        return self.ask(method, path, json.dumps(form), {"content-type": "application/json"})

    def expect(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            self.differences.append(f"{what}: {found!r}, not {wanted!r}")

    def is_so(self, what: str, truth: object) -> None:
        self.expect(what, bool(truth), True)

    def is_json(self, what: str, answer: Answer, wanted: object, status: int = 200) -> None:
        self.expect(f"{what}: status", answer.status, status)
        self.expect(f"{what}: type", answer.content_type, JSON)
        try:
            self.expect(what, answer.json(), wanted)
        except ValueError:
            self.differences.append(f"{what}: no JSON: {answer.body!r}")

    def is_ack(self, what: str, answer: Answer) -> None:
        self.is_json(what, answer, ACK)

    def is_text(self, what: str, answer: Answer, status: int, text: str) -> None:
        self.expect(f"{what}: status and type", (answer.status, answer.content_type), (status, TEXT))
        self.expect(what, answer.text, text)

    def is_text_from(self, what: str, answer: Answer, status: int, begin: str) -> None:
        self.expect(f"{what}: status and type", (answer.status, answer.content_type), (status, TEXT))
        self.expect(f"{what}: {answer.text!r}", answer.text[: len(begin)], begin)

    def is_failure(self, what: str, answer: Answer, begin: str) -> None:
        self.is_text_from(what, answer, 500, failed(begin))
        self.expect(f"{what}: the end of {answer.text!r}", answer.text[-3:], '" }')

    def is_nowhere(self, what: str, answer: Answer) -> None:
        self.expect(f"{what}: status and body", (answer.status, answer.body), (404, b""))

    def until(self, what: str, found, wanted: object) -> None:
        """Waits until `found()` returns the wanted value: figures are published a few times a second."""
        end = time.monotonic() + PATIENCE_S
        while (last := found()) != wanted and time.monotonic() < end:
            time.sleep(PAUSE_S)
        self.expect(what, last, wanted)

    def end(self) -> None:
        for difference in self.differences:
            print(difference)
        sys.exit(1 if self.differences else 0)
