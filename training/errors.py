"""What can go wrong between the pictures and the published version.

    TrainingError
    |-- DatasetError       the pictures cannot be found, read or split
    |-- RunError           the run's folder is missing, unfinished or damaged
    |-- CheckpointError    a training cannot be resumed
    |-- WeightsMissing     a backbone's weights are not there
    |-- TrainingDiverged   the loss is no longer a number
    `-- EvaluationError    there is nothing to measure a model on

A version that may not be published is a `contract.versions.PublishError`.
"""


class TrainingError(Exception):
    """A training job that cannot go on; the message says what came and what was wanted."""


class DatasetError(TrainingError):
    """The pictures cannot be found, read or split."""


class RunError(TrainingError):
    """The run's folder is missing, unfinished or damaged."""


class TrainingDiverged(TrainingError):
    """The loss is no longer a number."""


class CheckpointError(TrainingError):
    """A training cannot be resumed: its checkpoint is damaged or of another network."""


class WeightsMissing(TrainingError):
    """The weights of a backbone are not there and cannot be downloaded."""


class EvaluationError(TrainingError):
    """There is nothing to measure a model on, or it is of other labels."""
