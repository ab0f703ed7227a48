"""`reedmesh credit show | export | settle`: points owed for updates that helped, and processor time that was lent."""

import argparse
import csv
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reedmesh.commands.keys import trust_of
from reedmesh.config.settings import Config, load_config
from reedmesh.errors import DeployError, WireError
from reedmesh.provenance import credit, netting
from reedmesh.provenance.credit import Account
from reedmesh.store import credit_table, database, lending_table

COLUMNS = ("neighbour", "owed", "due", "agreed", "disputed", "balance")
LENT = ("borrowed s", "lent s", "balance s", "disagreed")
LIMIT = 30 * credit.BUDGET  # points owed to one neighbour that are told of: what a gateway spends in 30 days


def add(commands: Any, default: Path) -> None:
    """The command's arguments; default: the config file's path."""
    verbs = commands.add_parser("credit", help="points owed to neighbours, and due from them").add_subparsers(
        required=True, metavar="VERB"
    )
    show = verbs.add_parser("show", help="the account with each neighbour")
    export = verbs.add_parser("export", help="the accounts, a JSON object a line")
    export.add_argument("--csv", action="store_true", help="as a table for spreadsheets")
    settle = verbs.add_parser("settle", help="debts that run in a circle and cancel, as far as both sides agree")
    for verb, run in ((show, _show), (export, _export), (settle, _settle)):
        verb.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
        verb.set_defaults(run=run)


def _show(chosen: argparse.Namespace) -> None:
    accounts = _accounts(load_config(chosen.config))
    print(f"{'neighbour':<20}" + "".join(f"{column:>10}" for column in COLUMNS[1:]))
    for row in _rows(accounts):
        print(f"{row['neighbour']:<20}" + "".join(f"{row[column]:>10}" for column in COLUMNS[1:]))
    for name, account in accounts.items():
        if account.disputed:
            print(f"{name}: it agrees to {account.agreed} of the {account.owed} points that we owe it, so far")
        if account.balance < -LIMIT:
            print(f"{name}: we owe it more than {LIMIT} points: settle")
    print("\n".join(_lent(chosen)))


def _lent(chosen: argparse.Namespace) -> list[str]:
    """Processor time between us and neighbours, in seconds; nothing where nobody lent any."""
    with database.reading(Path(load_config(chosen.config).state)) as db:
        found = lending_table.accounts(db)
    if not found:
        return []
    lines = [f"\n{'processor time':<20}" + "".join(f"{column:>12}" for column in LENT)]
    for name, each in found.items():
        seconds = each.borrowed / 1000, each.lent / 1000, (each.lent - each.borrowed) / 1000
        lines.append(f"{name:<20}" + "".join(f"{value:>12.1f}" for value in seconds) + f"{each.disagreed:>12}")
    return lines


def _export(chosen: argparse.Namespace) -> None:
    rows = _rows(_accounts(load_config(chosen.config)))
    if chosen.csv:
        table = csv.DictWriter(sys.stdout, COLUMNS)
        table.writeheader()
        table.writerows(rows)
    else:
        for row in rows:
            print(json.dumps(row))


def _settle(chosen: argparse.Namespace) -> None:
    """Show which circles of debts cancel; nobody's balance changes by them."""
    settings = load_config(chosen.config)
    debts = agreed_debts(settings)
    try:
        circles, left = netting.net(debts)
    except ValueError as error:
        raise DeployError(str(error)) from error
    for circle in circles:
        print(f"set off {circle.amount} points: {' -> '.join([*circle.parties, circle.parties[0]])}")
    if not circles:
        print("no debts cancel")
    for (debtor, creditor), amount in sorted(left.items()):
        print(f"{debtor} still owes {creditor} {amount} points")


def agreed_debts(settings: Config) -> dict[tuple[str, str], int]:
    """Points owed between gateways that are known here and that both sides state, the lower of their two figures."""
    trust = trust_of(settings)
    with database.reading(Path(settings.state)) as db:
        accounts, frames = credit_table.accounts(db), credit_table.statements(db)
    stated = {settings.name: {name: (each.owed, each.due) for name, each in accounts.items()}}
    for name, frame in frames.items():
        try:
            stated[name] = dict(credit.unpack(frame, trust.ever(name)).entries)
        except WireError as error:
            raise DeployError(f"{name}: {error}") from error
    return {
        (debtor, creditor): least
        for debtor, entries in stated.items()
        for creditor, (owed, _) in entries.items()
        if (least := min(owed, stated.get(creditor, {}).get(debtor, (0, 0))[1]))
    }


def _accounts(settings: Config) -> dict[str, Account]:
    with database.reading(Path(settings.state)) as db:
        return credit_table.accounts(db)


def _rows(accounts: Mapping[str, Account]) -> list[dict[str, Any]]:
    return [
        {"neighbour": name, "disputed": each.disputed, "balance": each.balance}
        | {"owed": each.owed, "due": each.due, "agreed": each.agreed}
        for name, each in accounts.items()
    ]
