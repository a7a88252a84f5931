"""Resolves requirements/*.txt again with uv, in an environment that is thrown away.

No index and no path is written into a lock: it holds names, versions and hashes of every file of
a release, so the same lock installs on x86_64 and aarch64. The machine's own pip settings are
not used for resolving.
"""

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

LOCKS = (
    (
        "lock.txt",
        ["pyproject.toml", "requirements/build.in", "--extra", "server", "--extra", "dev"],
    ),
    (
        "server.txt",
        [
            "pyproject.toml",
            "requirements/build.in",
            "--extra",
            "server",
            "-c",
            "requirements/lock.txt",
        ],
    ),
)
ONLY = {"atheris": "platform_machine == 'x86_64'"}
"""What has wheels for one kind of machine alone: a lock that is resolved for that one says so."""
OPTIONS = [
    "--no-config",
    "--python-version=3.11",
    "--python-platform=linux",
    "--generate-hashes",
    "--upgrade",
    "--no-emit-index-url",
    "--no-annotate",
    "--no-header",
    "--quiet",
]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="fireline-lock-") as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", f"uv=={sys.argv[1]}"],
            check=True,
        )
        for name, sources in LOCKS:
            target = Path("requirements") / name
            words = [python, "-m", "uv", "pip", "compile", *sources, *OPTIONS, "-o", str(target)]
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            for package, where in ONLY.items():
                text = target.read_text()
                target.write_text(re.sub(rf"(?m)^({package}==\S+)", rf"\1 ; {where}", text))
            print(f"wrote {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
