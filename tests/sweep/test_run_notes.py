import pytest

from lfads_nb.errors import RunFolderError
from lfads_nb.sweep.run_notes import RunNotes, tags_of


def test_notes_are_found_again(tmp_path):
    notes = RunNotes(True, ("monkey J", "good"), "the one of figure 3")
    notes.save(tmp_path / "run")
    assert RunNotes.read(tmp_path / "run") == notes


@pytest.mark.parametrize(
    "content", ["", "[]", '{"schema": 9, "star": true}', '{"schema": 1, "star": 1, "tags": 3}']
)
def test_a_file_that_is_none_is_no_notes(tmp_path, content):
    assert RunNotes.read(tmp_path).is_empty
    (tmp_path / "notes.json").write_text(content)
    assert RunNotes.read(tmp_path).is_empty


def test_tags_are_kept_once_and_short():
    assert tags_of([" good ", "good", "", "x" * 99]) == ("good", "x" * 40)
    assert len(tags_of(str(i) for i in range(99))) == 20


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(RunFolderError, match="the notes in"):
        RunNotes(star=True).save(tmp_path / "run")
