"""The rows of the lists that only a package has on Windows."""

from typing import Annotated

from commands.language.items import Column, Row
from commands.language.names import Name


class ProgramRow(Row):
    """An installed program, as it is registered to be taken away again."""

    name: Annotated[str, Column(1, identity=True)]
    version: Annotated[str, Column()] = ""
    publisher: Annotated[str, Column()] = ""
    install_date: Annotated[str, Column()] = ""
    location: Annotated[str, Column()] = ""
    uninstall: Annotated[str, Column()] = ""
    key: Annotated[str, Column()] = ""


class ServiceRow(Row):
    """A service; a field that the system does not give says so in `error`."""

    service_name: Annotated[str, Column(1, identity=True)]
    display_name: Annotated[str, Column()] = ""
    current_state: Annotated[str, Column()] = ""
    start_type: Annotated[str, Column()] = ""
    account: Annotated[str, Column()] = ""
    binary_path: Annotated[str, Column()] = ""
    process_id: Annotated[int | None, Column()] = None
    description: Annotated[str, Column()] = ""
    error: Annotated[str, Column()] = ""


class TaskRow(Row):
    """A scheduled task, as its file has it: in no language."""

    path: Annotated[Name, Column(1, identity=True)]
    enabled: Annotated[bool | None, Column()] = None
    hidden: Annotated[bool | None, Column()] = None
    author: Annotated[str, Column()] = ""
    principal: Annotated[str, Column()] = ""
    logon_type: Annotated[str, Column()] = ""
    run_level: Annotated[str, Column()] = ""
    actions: Annotated[str, Column()] = ""
    triggers: Annotated[str, Column()] = ""
    description: Annotated[str, Column()] = ""
    error: Annotated[str, Column()] = ""
