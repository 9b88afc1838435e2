"""From labelled pictures to a published model version: datasets, presets, training, evaluation, export."""
