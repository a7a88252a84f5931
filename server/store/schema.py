"""The tables, in the order they came; a change is a new entry, never an edited one."""

from typing import Final

MIGRATIONS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE records (
        journal TEXT NOT NULL,
        seq INTEGER NOT NULL,
        kind TEXT NOT NULL,
        line BLOB NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (journal, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sessions_begun ON records (seq) WHERE kind = 'session_begun';
    CREATE INDEX sessions_sealed ON records (seq) WHERE kind = 'session_sealed';
    CREATE TABLE verdicts (
        session TEXT PRIMARY KEY,
        ok INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE devices (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE COLLATE NOCASE,
        serial TEXT NOT NULL,
        tags TEXT NOT NULL,
        platform TEXT NOT NULL,
        enrolled_at TEXT NOT NULL,
        revoked_at TEXT,
        facts TEXT NOT NULL,
        last_seen TEXT
    ) STRICT;
    CREATE TABLE certificates (
        serial TEXT PRIMARY KEY,
        device TEXT NOT NULL,
        issued_at TEXT NOT NULL,
        not_after TEXT NOT NULL,
        revoked_at TEXT
    ) STRICT;
    CREATE INDEX certificates_by_device ON certificates (device);
    CREATE TABLE tokens (
        hash BLOB PRIMARY KEY,
        name_pattern TEXT NOT NULL,
        tags TEXT NOT NULL,
        expires_at REAL NOT NULL,
        used_at TEXT,
        made_by TEXT NOT NULL
    ) STRICT;
    CREATE TABLE library_versions (
        name TEXT NOT NULL COLLATE NOCASE,
        version INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        size INTEGER NOT NULL,
        manifest TEXT NOT NULL,
        added_by TEXT NOT NULL,
        added_at TEXT NOT NULL,
        deleted_at TEXT,
        PRIMARY KEY (name, version)
    ) STRICT;
    CREATE TABLE person_seen (
        person TEXT NOT NULL,
        script TEXT NOT NULL COLLATE NOCASE,
        version INTEGER NOT NULL,
        PRIMARY KEY (person, script)
    ) STRICT;
    CREATE TABLE history (
        id INTEGER PRIMARY KEY,
        person TEXT NOT NULL,
        line TEXT NOT NULL
    ) STRICT;
    CREATE INDEX history_by_person ON history (person, id);
    """,
    """
    CREATE TABLE script_runs (
        script TEXT NOT NULL COLLATE NOCASE,
        version INTEGER NOT NULL,
        runs INTEGER NOT NULL,
        last_at TEXT NOT NULL,
        PRIMARY KEY (script, version)
    ) STRICT;
    CREATE TABLE preferences (
        person TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT;
    CREATE INDEX library_changes ON records (seq) WHERE kind = 'library_changed';
    """,
    """
    CREATE TABLE actions (
        id INTEGER PRIMARY KEY,
        device TEXT NOT NULL,
        open INTEGER NOT NULL,
        value BLOB NOT NULL
    ) STRICT;
    CREATE INDEX actions_by_device ON actions (device, id);
    CREATE INDEX actions_open ON actions (id) WHERE open = 1;
    CREATE TABLE wishes (
        device TEXT NOT NULL,
        what TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (device, what)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE device_keys (
        device TEXT PRIMARY KEY,
        key TEXT NOT NULL
    ) STRICT;
    CREATE INDEX packages ON records (journal, seq) WHERE kind = 'package_kept';
    """,
    """
    CREATE TABLE changed_devices (
        person TEXT NOT NULL,
        device TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (person, device)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    ALTER TABLE devices ADD COLUMN machine TEXT NOT NULL DEFAULT '';
    """,
    """
    CREATE INDEX refused ON records (journal)
        WHERE kind = 'decided' AND instr(line, '"allowed":false');
    """,
)
