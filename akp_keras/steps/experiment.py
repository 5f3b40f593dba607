"""The steps of an experiment, in order: each takes what earlier steps make."""

from akp_keras.hints import hint
from akp_keras.steps.dispersion_test import DISPERSION_TEST
from akp_keras.steps.embedding_writer import EMBEDDING_WRITER
from akp_keras.steps.family_trainer import FAMILY_TRAINER
from akp_keras.steps.probe_set import PROBE_SET
from akp_keras.steps.products import Product
from akp_keras.steps.report import REPORT_STEP
from akp_keras.steps.similarity_evaluator import SIMILARITY_EVALUATOR
from akp_keras.steps.step import Step

STEPS = (
    PROBE_SET,
    FAMILY_TRAINER,
    SIMILARITY_EVALUATOR,
    DISPERSION_TEST,
    EMBEDDING_WRITER,
    REPORT_STEP,
)


def step_named(name: str) -> Step:
    """Return the step of a name; raise a ValueError for an unknown name."""
    steps = {step.name: step for step in STEPS}
    if name not in steps:
        raise ValueError(f"there is no step {name!r}; {hint(name, steps)}")
    return steps[name]


def maker_of(product: Product) -> tuple[Step, str]:
    """Return the step that makes a product, and the name of the output."""
    ((step, output),) = (
        (step, name)
        for step in STEPS
        for name, output in step.outputs.items()
        if output.product == product
    )
    return step, output
