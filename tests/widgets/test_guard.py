import logging

from lfads_nb.errors import CollectionError
from lfads_nb.widgets.guard import Notice, guarded, notice_html


def raising(error):
    raise error


def test_what_the_package_raises_on_purpose_is_shown_as_it_stands():
    notice = Notice()
    guarded(notice, raising)(CollectionError("choose at least one"))
    assert "choose at least one" in notice.value
    assert 'role="alert"' in notice.value
    assert notice.layout.display == ""


def test_a_bug_is_named_in_one_line_and_logged_whole(caplog):
    notice = Notice()
    with caplog.at_level(logging.ERROR):
        guarded(notice, raising)(KeyError("spam"))
    assert "KeyError" in notice.value
    assert "Traceback" not in notice.value
    assert caplog.records[0].exc_info


def test_the_message_goes_when_the_next_step_is_well():
    notice = Notice()
    guarded(notice, raising)(CollectionError("no"))
    guarded(notice, lambda: None)()
    assert notice.layout.display == "none"
    assert not notice.value


def test_names_with_markup_do_no_harm():
    text = notice_html("error", "<script>", details="<img>", points=("<b>",))
    assert "<script>" not in text
    assert "<img>" not in text
    assert "<b>" not in text
