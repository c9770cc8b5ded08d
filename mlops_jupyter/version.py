"""The version, on the lowest floor: those who name it need not import the door of the package."""

__version__ = "0.1.0"
