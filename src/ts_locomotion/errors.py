"""Every error a user can cause, each naming what was given and what was expected."""


class LocomotionError(Exception):
    """Base of all errors this package raises on purpose."""


class InvalidInput(LocomotionError):
    """Input that is refused: wrong shape, not finite, unknown name, absent layer."""


class BundleMismatch(LocomotionError):
    """A model bundle that does not fit its contract, or a contract unfit for this software."""


class InvalidFrame(InvalidInput):
    """A low-level robot frame with the wrong size, header or checksum."""


class ConfigurationError(LocomotionError):
    """A setting that does not exist or is out of range."""


class TrainingDiverged(LocomotionError):
    """A training whose losses or weights are no longer finite."""
