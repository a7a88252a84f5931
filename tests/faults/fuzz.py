"""Decoders under atheris: `fuzz.py FOLDER BOUND NAME…`, each in a process of its own; BOUND is
libFuzzer's: `-runs=N` or `-max_total_time=SECONDS`.

FOLDER gets what is found; each begins with the good inputs. What a decoder raises beyond what it
says ends all with a traceback, as does an input that takes 10 s or 1 GiB.
"""

import contextlib
import os
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["commands", "endpoint_shim", "server", "yaml"]):
    from tests.faults.decoders import CARELESS, DECODERS, Decoder


def main() -> None:
    folder, bound, *names = sys.argv[1:]
    for name in names:
        decoder = {**DECODERS, "careless": CARELESS}[name]
        print(f"{name}:", file=sys.stderr, flush=True)
        if (child := os.fork()) == 0:
            fuzz(decoder, Path(folder) / name, bound)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != 0:
            sys.exit(f"{name} ended with {status}")


def fuzz(decoder: Decoder, folder: Path, bound: str) -> None:
    """Never returns."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    for number, good in enumerate(decoder.good):
        (corpus / str(number)).write_bytes(good)

    def once(data: bytes) -> None:
        with contextlib.suppress(*decoder.raises):
            decoder.decode(data)

    bounds = ["-max_len=4096", "-timeout=10", "-rss_limit_mb=1024", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *bounds, bound, str(corpus)], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
