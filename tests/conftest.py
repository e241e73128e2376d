"""What holds for all tests."""

from hypothesis import settings

# No test judges by time: a busy machine may take a second over anything.
settings.register_profile("lfads_nb", deadline=None)
settings.load_profile("lfads_nb")
