"""Signals to a gateway: SIGTERM and SIGINT end it; SIGHUP makes it read its settings again.

A SIGHUP that comes while the gateway is about to begin anew, or begins, must not end it, as by default it would: it is
noted by the handler of this process, or waits for that of the next one, for a blocked signal survives exec(2).
"""

import asyncio
import logging
import signal
from collections.abc import Callable

from reedmesh.config.settings import Config
from reedmesh.errors import ConfigError
from reedmesh.service.systemd import ServiceNotifier

log = logging.getLogger(__name__)


def hold_reloads() -> None:
    """Have a SIGHUP wait until somebody handles it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


class Signals:
    """The effect of signals on `task`. anew: whether the process shall begin anew."""

    def __init__(
        self, task: "asyncio.Task[None]", notifier: ServiceNotifier, reread: Callable[[], Config] | None
    ) -> None:
        self.anew = False
        self._ends = False
        self._task = task
        self._notifier = notifier
        self._reread = reread
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGINT, self._end)
        self._loop.add_signal_handler(signal.SIGTERM, self._end)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    def close(self) -> None:
        """The next process will read what a later SIGHUP wants read."""
        hold_reloads()
        self._loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, _leave)  # for threads that do not block it

    @property
    def ends(self) -> bool:
        """Whether a signal ended the task, which else failed."""
        return self._ends

    def _end(self) -> None:
        self.anew = False
        self._notifier.stopping()
        self._cancel()

    def _reload(self) -> None:
        if self._ends:
            return  # it begins anew already, or ends
        self._notifier.reloading()
        try:
            if self._reread:
                self._reread()
        except ConfigError as error:
            for fault in str(error).splitlines():
                log.error("%s", fault)
            log.error("the settings stay as they were; mend the file and reload again")
            self._notifier.status("settings not reloaded, the file is wrong: see `reedmesh check-config`")
            self._notifier.ready()
        else:
            log.info("begins anew with the settings as they are now")
            self.begin_anew()

    def begin_anew(self) -> None:
        """End the task, and have the process begin anew."""
        self.anew = self._reread is not None
        self._cancel()

    def _cancel(self) -> None:
        """Once: a second cancellation would break off what is being written."""
        if not self._ends:
            self._ends = True
            self._task.cancel()


def _leave(*_: object) -> None:
    """The signal has come; nothing is to be done."""
