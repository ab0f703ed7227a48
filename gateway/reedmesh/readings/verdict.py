"""A person's verdict "not a fault" until it is learnt: a round of learning with the windows of that alert. Pure."""

from dataclasses import dataclass

MOST_TRIES = 3  # rounds of learning that may break off before the verdict has failed


@dataclass
class PendingVerdict:
    """The verdict on one sensor. due: the next round of learning shall have the windows of the alert.

    answering: the round that runs has them. lesson: the outcome, "" for a model in service, else the reason why there
    is none; None: no outcome yet. tries: rounds that broke off.
    """

    due: bool = False
    answering: bool = False
    lesson: str | None = None
    tries: int = 0

    def answer(self, failed: str) -> None:
        """End the round that has the windows. failed: why no model came of it; "": its model is in service."""
        if self.answering:
            self.answering, self.tries, self.lesson = False, 0, failed

    def try_again(self, reason: str) -> None:
        """That round broke off: the next one has the windows again; after MOST_TRIES the verdict has failed."""
        self.tries += self.answering
        if self.tries >= MOST_TRIES:
            self.answer(reason)
        elif self.answering:
            self.answering, self.due = False, True
