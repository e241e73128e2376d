"""The version of the package, as installed."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("lfads-nb")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0+unknown"
