"""`pommai run`: the toy itself."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

EPILOG = """\
examples:
  pommai run                                   on a toy: its button, its lights, its sound card
  pommai run --button keyboard                 at a desk: the space bar is the button
  pommai run --microphone wav:hello.wav --speaker wav:reply.wav --trace trace.jsonl
  pommai run --cloud-url https://cloud.example --device-id bear-7 --device-secret file:/etc/pommai/secret
                                               with tokens of its own, renewed in time, in place of one for ever

With a cloud, what the toy remembers goes there over HTTPS, and a recording of a child goes along only where a guardian
has set allow_uploads. The secret is kept in a file that its owner alone can read (chmod 600), handed over by systemd
(LoadCredential), or sealed in a TPM 2.0 (`tpm2_evictcontrol` gives its handle; read by tpm2_unseal of tpm2-tools).

The button, held when the toy is switched on and until its light has counted to ten, then let go, has the toy forget all
that it has kept. Whoever lets go earlier, or never, has not asked for it.

The server is `pommai gateway`, or any other that speaks the protocol. Ctrl-C ends the toy. Exit code 75: it has ended
by itself, to come up on another update bundle (`pommai bundle --help`), because its server asked it to, or to forget
everything; start it again.
"""


BEGIN_AGAIN = 75
"""The toy has ended by itself, to be started again: sysexits.h's EX_TEMPFAIL."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from pommai.toy.settings import add_setting_arguments

    parser = subparsers.add_parser(
        "run",
        help="run a toy",
        description="Run a toy: button, lights, microphone and speaker, driven by statechart.yaml.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_setting_arguments(parser)


def run(args: argparse.Namespace) -> int:
    import asyncio
    import signal

    from pommai.io.heap import keep_heap_small
    from pommai.toy.logs import configure_logs, report_crashes
    from pommai.toy.settings import as_flags, has_bundles, load_settings
    from pommai.toy.wiring import run_toy

    keep_heap_small()

    def check(place: Path) -> None:
        from pommai.toy.update_check import check_update, told_by_name  # once, after the software has changed

        with told_by_name(place):
            check_update(load_settings(args, bundle=lambda _: place))

    def begin(updates: Path) -> Path | None:
        if not has_bundles(updates):
            return None
        from pommai.bundle.store import Store

        return Store(updates).begin(check)

    settings = load_settings(args, bundle=begin)
    configure_logs(settings.log_level, settings.log_format)
    report_crashes()

    def heed_signals(stop: Callable[[], None]) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)

    wants_start = asyncio.run(run_toy(settings, heed_signals, as_flags(args)))
    return BEGIN_AGAIN if wants_start else 0
