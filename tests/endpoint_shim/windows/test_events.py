"""Events as wevtutil writes them, of both kinds of names that Windows has for their data."""

from endpoint_shim.windows.events import Event, events, words

SYSTEM = (
    "<System><Provider Name='x'/><EventID>{number}</EventID>"
    "<TimeCreated SystemTime='2026-11-29T10:00:00.5000000Z'/>"
    "<EventRecordID>{record}</EventRecordID></System>"
)


def written(number: int, record: int, **data: str) -> str:
    named = "".join(
        f"<Data Name='{name.replace('_', ' ')}'>{value}</Data>" for name, value in data.items()
    )
    head = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>"
    return (
        f"{head}{SYSTEM.format(number=number, record=record)}<EventData>{named}</EventData></Event>"
    )


def test_an_event_is_its_number_its_place_its_time_and_its_data() -> None:
    (event,) = events(written(3077, 12, File_Name=r"\Device\a.exe"))
    assert (event.number, event.record, event.at_ms) == (3077, 12, 1_795_946_400_500)
    assert event.value("File Name", "FileNameBuffer") == r"\Device\a.exe"
    (other,) = events(written(3077, 13, FileNameBuffer="b.exe"))
    assert other.value("File Name", "FileNameBuffer") == "b.exe"


def test_events_come_one_behind_the_other_with_anything_between() -> None:
    text = f"\ufeff{written(1, 1)}\r\n{written(2, 2)}{written(3, 3)[:-9]}"
    assert [one.number for one in events(text)] == [1, 2]


def test_what_xml_cannot_write_and_what_is_no_event_loses_nothing_else() -> None:
    text = written(1, 1, File_Name="a\x07b") + "<Event>broken<</Event>" + written(2, 2)
    assert [(one.number, one.value("File Name")) for one in events(text)] == [(1, "a�b"), (2, "")]


def test_markup_in_a_name_is_data() -> None:
    name = "&lt;/Data&gt;&lt;Data Name='x'&gt;"
    (event,) = events(written(1, 1, File_Name=name))
    assert event.data == {"File Name": "</Data><Data Name='x'>"}


def test_entities_are_not_made() -> None:
    text = "<!DOCTYPE a [<!ENTITY b 'c'>]>" + written(1, 1, File_Name="&b;")
    assert list(events(text)) == []


def test_a_time_that_is_none_is_nought() -> None:
    assert Event(1, 1, "yesterday").at_ms == 0


def test_the_question_names_the_numbers_and_the_record() -> None:
    assert words("A/B", (1, 2), 7, 50) == [
        *("qe", "A/B", "/q:*[System[(EventID=1 or EventID=2) and (EventRecordID > 7)]]"),
        *("/f:xml", "/c:50", "/uni:true"),
    ]
