"""`pollwatch worker`: probe what a plan folder says, and tell what was found."""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

import click
import uvloop

from pollwatch.cli.errors import BadInputError, one_line_errors
from pollwatch.cli.node import node_addresses
from pollwatch.worker.listen import ListenError
from pollwatch.worker.logs import logs_to
from pollwatch.worker.main import Settings, work
from pollwatch.worker.process import prepare_process

DEFAULT_LISTEN = ":9877"
EXIT_CODES = """\b
Exit codes:
  0  ended by Ctrl-C or SIGTERM
  1  a defect; the log has it
  2  the options cannot be used
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.option(
    "--plan",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder with plan.json, its parts, and keys.json; read again when it changes.",
)
@click.option(
    "--listen",
    default=DEFAULT_LISTEN,
    show_default=True,
    metavar="ADDR",
    help="Where /metrics, /healthz, /readyz, /feed and /plan are served.",
)
@click.option(
    "--hosts",
    "hosts_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A hosts file that wins over /etc/hosts when what is probed is resolved.",
)
def command(*, plan: Path, listen: str, hosts_file: Path | None) -> None:
    """Probe what a plan folder says, and tell what was found.

    It needs no Kubernetes: an operator writes the folder, or a person does. Addresses that
    POLLWATCH_NODE_ADDRESSES names (separated by commas), and with it the default gateways, are probed only
    where the plan allows it.
    """
    settings = Settings(
        plan=_readable_folder(plan),
        listen=listen,
        hosts_file=hosts_file,
        node_addresses=node_addresses(os.environ),
        max_in_flight=prepare_process(),
    )
    with logs_to(sys.stderr), one_line_errors():
        try:
            uvloop.run(_run(settings))
        except ListenError:
            raise
        except Exception as error:
            # A defect: Kubernetes starts the container again, and who reads the log learns why.
            logging.getLogger("pollwatch.worker").exception("worker failed")
            raise SystemExit(1) from error


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await work(settings, stop)


def _readable_folder(path: Path) -> Path:
    """Refuse what can never have a plan in it; a folder that is empty yet may have one later."""
    try:
        with os.scandir(path):
            return path
    except FileNotFoundError:
        wrong = "no such folder (create it, or mount the worker's Secrets there)"
    except NotADirectoryError:
        wrong = "not a folder (name the one that plan.json is in)"
    except PermissionError:
        wrong = f"permission denied (let user {os.geteuid()} read the folder)"
    except OSError as error:
        wrong = f"cannot be read: {(error.strerror or str(error)).lower()}"
    raise BadInputError([f"--plan {path}: {wrong}"])
