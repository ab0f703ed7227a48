"""Requests that a browser abandoned: the web server reports them as errors of the application, which they are not.

Starlette raises RuntimeError("No response returned.") where a client hung up before the answer began
(starlette/middleware/base.py); uvicorn logs it with a traceback.
"""

import logging

LOGGER = "uvicorn.error"
SAYS = "No response returned."


def drop() -> None:
    """Keep abandoned requests out of the log from now on."""
    logging.getLogger(LOGGER).addFilter(is_worth_saying)


def is_worth_saying(record: logging.LogRecord) -> bool:
    """Whether a record is of anything but an abandoned request."""
    fault = record.exc_info[1] if record.exc_info else None
    return not (isinstance(fault, RuntimeError) and str(fault) == SAYS)
