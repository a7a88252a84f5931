"""The journal of one live session: its records, its recording, its results, its evidence."""

import asyncio
from concurrent.futures import Executor
from pathlib import Path
from time import monotonic

from server.audit.errors import RecordingBroken
from server.audit.folder_sync import FolderSync, NewName
from server.audit.folders import Folders, make_folder, make_name
from server.audit.recording import Recording
from server.audit.records import Body, Ended, SessionEnded, SessionSealed, Started
from server.audit.results import Budget, ResultFile
from server.audit.writer import Appended, JournalWriter
from server.store.sqlite import Store


class SessionJournal(JournalWriter):
    """Made by `Journal.open_session`; ended once, by `end`."""

    def __init__(
        self,
        store: Store,
        session: str,
        broker: JournalWriter,
        folders: Folders,
        recording: Recording,
        results: Budget,
        names: FolderSync,
        pool: Executor,
    ) -> None:
        super().__init__(store, session)
        self.recording = recording
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._broker = broker
        self._folders = folders
        self._results = results
        self._names = names
        self._results_name: NewName | None = None
        self._pool = pool
        self._began = monotonic()
        self._ending: asyncio.Task[None] | None = None

    @property
    def length_s(self) -> float:
        """How long it has been open."""
        return monotonic() - self._began

    @property
    def results_used(self) -> int:
        """Bytes of its budget for results."""
        return self._results.used

    @property
    def evidence(self) -> Path:
        """The folder of what was taken, made when it is first asked for."""
        folder = self._folders.evidence(self.id)
        make_folder(folder)
        return folder

    def incoming(self, number: int, name: str = "") -> Path:
        """Where a file lies until its digests agree; after a crash it becomes NAME.partial."""
        return self._folders.incoming / (f"{self.id}-{number}" + (f"-{name}" if name else ""))

    def result(self, number: int) -> ResultFile:
        """Start the result file of a command."""
        path = self._folders.result(self.id, number)
        try:
            if make_name(path.parent):
                self._results_name = NewName(self._names)
            return ResultFile.create(path, self._results, self._pool, self._results_name)
        except OSError as error:
            raise RecordingBroken(f"the result cannot be kept: {error.strerror}") from error

    def result_path(self, number: int) -> Path:
        """Where it lies; `results.read` reads it, while it runs too."""
        return self._folders.result(self.id, number)

    async def append(self, body: Body) -> Appended:
        """Seal and store; a command's start and end are commit points of the recording too."""
        appended = await super().append(body)
        if isinstance(body, Started | Ended):
            self.recording.commit()
        return appended

    async def end(self, reason: str) -> None:
        """Close the recording and seal the journal; a second call waits for the first.

        A caller that is cancelled does not stop it: a session that ended says so.
        """
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(reason), name=f"{self.id}-end")
        await asyncio.shield(self._ending)

    async def _end(self, reason: str) -> None:
        try:
            position = await self.recording.close()
            await self._store.room()
            ended = SessionEnded(
                reason=reason,
                length_ms=int(self.length_s * 1000),
                recording_bytes=position.offset,
                recording_head=position.head.hex(),
                files_read=self.recording.files,
            )
            await seal_session(self, self._broker, ended)
        finally:
            self.ended.set_result(None)


async def seal_session(session: JournalWriter, broker: JournalWriter, ended: SessionEnded) -> None:
    """The session's last record, and the broker's word for its length and head, as one commit."""
    last, durable = session.submit(ended)
    _, sealed = broker.submit(SessionSealed(session.id, last.seq, last.hash))
    session.close()
    await durable
    await sealed
