"""How long training will take, measured on a few steps before it."""

from prep.stages.train.train import Train


def training_seconds(stage: Train, vocabulary: int, length: int) -> float:
    """Return the seconds that the training of a decoder takes on this machine, as busy as it is, evaluations aside."""
    from prep.trainer.network.model import ModelSettings
    from prep.trainer.running.timing import seconds_per_step

    layers, width, heads = stage.shape
    model = ModelSettings(
        vocabulary, length, layers, width, heads, stage.kv_heads, qk_norm=stage.qk_norm, tied=stage.tied
    )
    return stage.steps * seconds_per_step(model, stage.train_settings())
