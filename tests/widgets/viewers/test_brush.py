from lfads_nb.widgets.viewers.brush import set_brush
from lfads_nb.widgets.viewers.plot import Plot


def test_a_drawn_rectangle_is_passed_on_and_the_brush_can_be_put_away():
    plot, boxes = Plot("x", "y"), []
    set_brush(plot, True, boxes.append)
    brush = plot.figure.interaction
    brush.selected_x = [3.0, 1.0]
    assert boxes == []
    brush.selected_y = [0.5, 2.0]
    assert boxes == [((1.0, 3.0), (0.5, 2.0))]
    set_brush(plot, False, boxes.append)
    assert plot.figure.interaction is None
