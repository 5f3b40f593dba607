"""Schedules as text, objects and configs."""

import json
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from akp_keras.hotswap import Change, Epoch, Plateau, Schedule, Step, Swap

DESIGN = (
    "@0 activation=relu loss=binary_crossentropy",
    "@0 activation=relu loss=binary_crossentropy; @6 activation=sigmoid",
    "@0 activation=relu loss=binary_crossentropy; @step:900 loss=hinge; "
    "@step:1000 loss=binary_crossentropy",
    "@0 activation=relu loss=binary_crossentropy; @plateau(val_loss,patience=2) activation=gelu",
    "@0 activation=relu loss=binary_crossentropy labels=random(1.0)",
    "@0 activation=relu loss=binary_crossentropy; @4 activation[conv.*]=tanh; @step:900 loss=hinge",
    "@1 optimizer.learning_rate=1e-3 dropout=0.5 weights=noise(0.1) inputs=noise(0.2)",
    "@1 weights=reinitialise[dense[0-9]] activation[block[12]]=LeakyReLU(negative_slope=0.1)",
    "@1 loss=BinaryCrossentropy(from_logits=true) weights[block1]=reinitialise",
    "@plateau(val_accuracy,patience=3,min_delta=0.01,mode=max) loss[head_a]=hinge",
    "",
    "@0 activation=blend(relu,tanh,linear(0→1 over 5 epochs)); @step:9 "
    "dropout[drop]=cosine(0.5->0.1 over 100 steps)",
    "@1 activation[h]=LeakyReLU(negative_slope=linear(0.3→0 over 10 epochs)) "
    "inputs=noise(exponential(1→0.1 over 2 epochs)) optimizer.learning_rate[a|b]=1e-3",
    "@1 loss_weights[a]=0.5 add_loss=0 regularizer=linear(1->0 over 3 epochs) "
    "trainable[base]=false optimizer=SGD(learning_rate=0.1) recurrent_activation=tanh noise=0.1 "
    "momentum=0.9 recurrent_dropout=0.2",
)

patterns = st.sampled_from([None, "conv.*", "block[12]", "Dense|Conv2D", "relu", r"a\d{2}"])
changes = st.one_of(
    st.builds(
        Change,
        st.just("activation"),
        st.sampled_from(["relu", "tanh", "ELU(alpha=0.5)", "mine>f"]),
        patterns,
    ),
    st.builds(
        Change, st.just("loss"), st.sampled_from(["hinge", "BinaryCrossentropy", "f.g"]), patterns
    ),
    st.builds(
        Change, st.just("labels"), st.floats(0, 1, allow_subnormal=False).map("random({})".format)
    ),
    st.builds(Change, st.just("dropout"), st.sampled_from(["0", "0.25", "2.5e-1"]), patterns),
)
some_changes = st.lists(
    changes, min_size=1, max_size=3, unique_by=lambda change: (change.target, change.pattern)
).map(tuple)
plateaus = st.builds(
    Plateau,
    st.sampled_from(["val_loss", "head/accuracy"]),
    st.integers(1, 20),
    st.sampled_from([0.0, 0.01, 1e-7]),
    st.sampled_from(["auto", "min", "max"]),
)


@st.composite
def schedules(draw):
    epochs = sorted(draw(st.sets(st.integers(0, 500), max_size=4)))
    steps = sorted(draw(st.sets(st.integers(0, 10**6), max_size=4)))
    whens = [Epoch(n) for n in epochs]
    for when in [*map(Step, steps)]:
        # Any place keeps the order of epochs; steps stay in order because each is put last.
        whens.append(when)
    for when in draw(st.lists(plateaus, max_size=2)):
        whens.insert(draw(st.integers(0, len(whens))), when)
    return Schedule(tuple(Swap(when, draw(some_changes)) for when in whens))


@pytest.mark.parametrize("text", DESIGN)
def test_text_of_the_design_is_printed_as_it_was_read(text):
    assert str(Schedule.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        (" @00  activation=relu ;@step:007 loss=hinge ", "@0 activation=relu; @step:7 loss=hinge"),
        (
            "@plateau( val_loss, mode=auto, min_delta=0, patience=2 ) loss=hinge",
            "@plateau(val_loss,patience=2) loss=hinge",
        ),
        (
            "@0 noise=linear( 1 -> 0  over 5 epochs ) activation=blend(relu, tanh, "
            "cosine(0→1 over 2 steps))",
            "@0 noise=linear(1->0 over 5 epochs) "
            "activation=blend(relu,tanh,cosine(0→1 over 2 steps))",
        ),
    ],
)
def test_other_spellings_are_printed_in_one_form_for_good(text, printed):
    assert str(Schedule.parse(text)) == printed
    assert Schedule.parse(printed) == Schedule.parse(text)
    assert str(Schedule.parse(printed)) == printed


def test_objects_are_printed_with_their_options():
    import keras

    schedule = Schedule(
        (
            Swap(
                Epoch(0),
                (
                    Change("activation", keras.layers.LeakyReLU(negative_slope=0.3)),
                    Change("loss", keras.losses.Huber(delta=2.0)),
                    Change("activation", keras.layers.ReLU(), "conv"),
                    Change("loss", keras.losses.BinaryCrossentropy(), "a"),
                ),
            ),
        )
    )
    text = (
        "@0 activation=LeakyReLU(negative_slope=0.3) loss=Huber(delta=2.0) "
        "activation[conv]=ReLU loss[a]=binary_crossentropy"
    )
    assert str(schedule) == text
    assert str(Schedule.parse(text)) == text


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(schedules())
def test_every_schedule_survives_text_and_config(schedule):
    assert Schedule.parse(str(schedule)) == schedule
    config = json.loads(json.dumps(schedule.get_config()))
    assert Schedule.from_config(config) == schedule
    assert Schedule.of(config) == Schedule.of(str(schedule)) == Schedule.of(schedule.swaps)


def test_spaces_that_mean_nothing_are_dropped():
    loose = "  @0   activation=relu\n loss=hinge ;@plateau( val_loss , patience=2 ) loss=mse "
    assert str(Schedule.parse(loose)) == (
        "@0 activation=relu loss=hinge; @plateau(val_loss,patience=2) loss=mse"
    )


def test_objects_say_when_and_what():
    schedule = Schedule.parse(DESIGN[5])
    assert schedule.swaps[1] == Swap(Epoch(4), (Change("activation", "tanh", "conv.*"),))
    assert schedule.swaps[2] == Swap(Step(900), (Change("loss", "hinge"),))


def test_labels_are_split_off_for_the_data_stage():
    schedule = Schedule.parse("@0 activation=relu labels=random(0.5); @2 labels=random(1.0)")
    assert [(str(when), change.call.arguments) for when, change in schedule.changes("labels")] == [
        ("@0", (0.5,)),
        ("@2", (1.0,)),
    ]
    assert str(schedule.without("labels")) == "@0 activation=relu"


def test_a_custom_object_is_a_value():
    def mine(x):
        return x

    change = Change("activation", mine)
    assert str(change) == "activation=mine"
    with pytest.raises(ValueError, match="a function of the arguments epoch, step or both"):
        Change("dropout", mine)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@0 activaton=relu", "unknown target 'activaton'; did you mean 'activation'"),
        ("@0", "character 1: @0 changes nothing"),
        ("activation=relu", "character 1: 'activation=relu' stands where a swap begins"),
        ("@0 activation=relu;", "character 19: a semicolon has no swap after it"),
        ("; @0 activation=relu", "character 1: a semicolon has no swap before it"),
        ("@0 loss=hinge;; @1 loss=mse", "character 15: a semicolon has no swap before it"),
        ("@4 loss=hinge; @2 loss=mse", "out of order: @2 stands after @4"),
        ("@step:9 loss=hinge; @step:8 loss=mse", "out of order: @step:8 stands after @step:9"),
        ("@4 loss=hinge; @4 activation=relu", "has @4 twice"),
        ("@0 loss=hinge loss=mse", "swap @0 changes loss twice"),
        ("@0 activation= relu", "character 4: 'activation=' has no value"),
        ("@0 =relu", "character 4: '=relu' names no target"),
        ("@0 relu", "character 4: 'relu' is not a change"),
        ("@0 loss=hinge @1 loss=mse", "character 15: '@1' begins a swap; put a semicolon"),
        ("@-1 loss=hinge", "'@-1' is not a time of a swap"),
        ("@1.5 loss=hinge", "'@1.5' is not a time of a swap"),
        ("@step:x loss=hinge", "'@step:x' is not a time of a swap"),
        ("@plateau(val_loss) loss=hinge", "has no patience"),
        ("@plateau(val_loss,patience=0) loss=hinge", "patience of a plateau must be a whole"),
        ("@plateau(val_loss,patience=two) loss=hinge", "patience must be a number, not 'two'"),
        ("@plateau(val_loss,patence=2) loss=hinge", "did you mean 'patience'"),
        ("@plateau(val_loss,patience=2,mode=up) loss=hinge", "must be auto, min or max"),
        ("@plateau(val_loss,patience=2 loss=hinge", "opens a parenthesis"),
        ("@0 activation[conv(]=relu", "opens a parenthesis"),
        ("@0 activation[*]=relu", "no regular expression"),
        ("@0 activation[]=relu", "empty layer filter"),
        ("@0 labels[a]=random(1.0)", "labels takes no layer filter"),
        ("@0 labels=random(2)", r"must be random\(p\) with p from 0 to 1"),
        ("@0 labels=shuffle", r"must be random\(p\)"),
        ("@0 dropout=1", "must be a rate from 0 to below 1"),
        ("@0 optimizer.learning_rate=0", "must be a number above 0"),
        ("@0 optimizer.learning_rate=nan", "must be a number above 0"),
        ("@0 weights=zero", "must be noise"),
        ("@0 inputs=noise(-1)", "with sigma from 0"),
        ("@0 loss=3", "must be a name"),
        ("@0 trainable=maybe", "must be true or false"),
        ("@0 optimizer[a]=SGD", "optimizer takes no layer filter"),
        ("@0 momentum=2", "must be a momentum from 0 to 1"),
        ("@0 dropout=linear(0→1 over 5 epochs)", "a rate from 0 to below 1, or one that moves"),
        ("@0 noise=linear(1→0 over 0 epochs)", "or one that moves, as linear"),
        ("@0 noise=linear(1→0 over 5 days)", "or one that moves, as linear"),
        ("@0 noise=exponential(1→0 over 5 epochs)", "two numbers of the same sign, other than 0"),
    ],
)
def test_wrong_text_is_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        Schedule.parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Epoch(-1),
        lambda: Epoch(1.5),
        lambda: Step(True),
        lambda: Plateau("", 2),
        lambda: Swap(3, (Change("loss", "hinge"),)),
        lambda: Swap(Epoch(0), ()),
        lambda: Swap(Epoch(0), ("loss=hinge",)),
        lambda: Schedule("@0 loss=hinge"),
        lambda: Schedule.of(3),
        lambda: Schedule.from_config({}),
        lambda: Schedule.from_config({"swaps": [{"when": {"day": 1}, "changes": []}]}),
        lambda: Schedule.from_config({"swaps": [3]}),
        lambda: Schedule.from_config({"swaps": [{"when": {"epoch": 0}, "changes": 3}]}),
        lambda: Schedule.from_config({"swaps": [{"when": {"epoch": 0}, "changes": ["loss=mse"]}]}),
        lambda: Schedule.from_config(
            {"swaps": [{"when": {"epoch": 0}, "changes": [{"target": 3, "value": "mse"}]}]}
        ),
        lambda: Change("dropout", lambda layer: 0.5),
        lambda: Change("dropout", 0.5),
    ],
)
def test_wrong_objects_are_refused(build):
    with pytest.raises(ValueError):
        build()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@0 activation=reluu", "swap @0: unknown activation 'reluu'; did you mean 'relu'"),
        ("@1 loss=higne", "swap @1: unknown loss 'higne'; did you mean 'hinge'"),
        ("@1 loss=Loss", "unknown loss 'Loss'"),
        ("@1 activation=relu(max_value=6)", "takes no arguments here"),
        ("@1 activation=ReLU(max=6)", "ReLU"),
        ("@1 loss=Huber(beta=6)", "Huber"),
    ],
)
def test_unknown_names_are_refused(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        Schedule.parse(text).check_names()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", DESIGN[:7])
def test_known_names_are_accepted(text):
    Schedule.parse(text).check_names()


def test_importing_and_parsing_imports_neither_keras_nor_tensorflow():
    code = (
        "import sys, akp_keras.hotswap as h; h.Schedule.parse('@0 activation=relu');"
        "assert not {'keras', 'tensorflow', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_callback_imports_no_other_room():
    code = (
        "import sys; from akp_keras.hotswap import HotSwap; HotSwap('@0 activation=relu');"
        "rooms = {name.split('.')[1] for name in sys.modules if name.startswith('akp_keras.')};"
        "assert rooms == {'hotswap', 'hints'}, rooms"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
