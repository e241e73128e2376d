"""What holds for all tests."""

import os

from hypothesis import settings

# No test judges by time: a busy machine may take a second over anything. CI tries the same examples
# every time; new ones are found by people, who can look at them.
settings.register_profile(
    "lfads_nb", deadline=None, derandomize=os.environ.get("LFADS_NB_REQUIRE_BROWSER") == "1"
)
settings.load_profile("lfads_nb")
