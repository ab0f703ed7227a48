"""What a sensor answers to an offer it will not take."""


class Refused(Exception):
    """An offer that must not take over; `code` is HTTP-like, the text says why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
