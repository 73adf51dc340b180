"""Small models of recurrent layers, in the common API of Keras 2 and 3, and in that of Keras 3 alone."""

from typing import Any

from tests.graph.keras.zoo import Build, stack

STEPS = (5, 3)


def functional(make: Any, *shapes: tuple[int, ...]) -> Build:
    """A model of what `make(layers, *inputs)` gives."""

    def build(keras: Any) -> Any:
        inputs = [keras.Input(shape, name=f"in{place}") for place, shape in enumerate(shapes)]
        return keras.Model(inputs, make(keras.layers, *inputs))

    return build


def _encoder_decoder(k: Any, source: Any, target: Any) -> Any:
    _, h, c = k.LSTM(4, return_state=True)(source)
    decoded = k.LSTM(4, return_sequences=True)(target, initial_state=[h, c])
    return k.Dense(3, activation="softmax")(decoded)


def _bidirectional_states(k: Any, x: Any) -> list[Any]:
    y, *states = k.Bidirectional(k.GRU(3, return_sequences=True, return_state=True))(x)
    return [y, *states]


def _bidirectional_from_states(k: Any, x: Any, *states: Any) -> Any:
    return k.Bidirectional(k.LSTM(2, return_sequences=True))(x, initial_state=list(states))


def _conv_lstm_states(k: Any, x: Any) -> list[Any]:
    y, h, c = k.ConvLSTM2D(2, 3, padding="same", return_state=True)(x)
    again = k.ConvLSTM2D(2, 3, padding="same")(x, initial_state=[h, c])
    return [y, h, c, again]


def _stacked(k: Any) -> list[Any]:
    return [k.LSTMCell(4), k.GRUCell(2), k.SimpleRNNCell(3)]


def _masked(*layers: Any) -> Build:
    return stack(STEPS, lambda k: k.Masking(0.0), *layers)


_EVERY: dict[str, Any] = {
    "lstm": lambda k, **a: k.LSTM(4, **a),
    "gru": lambda k, **a: k.GRU(4, **a),
    "gru reset before": lambda k, **a: k.GRU(4, reset_after=False, **a),
    "simple rnn": lambda k, **a: k.SimpleRNN(4, **a),
    "rnn": lambda k, **a: k.RNN(k.GRUCell(4), **a),
    "stacked": lambda k, **a: k.RNN(k.StackedRNNCells(_stacked(k)), **a),
}
_SETTINGS: dict[str, dict[str, Any]] = {
    " of sequences": {"return_sequences": True},
    " backwards": {"go_backwards": True, "return_sequences": True},
}

COMMON: dict[str, Build] = {
    **{
        name: stack(STEPS, lambda k, make=make: make(k)) for name, make in _EVERY.items()
    },
    **{
        f"masked {name}{what}": _masked(lambda k, make=make, a=a: make(k, **a))
        for name, make in _EVERY.items()
        for what, a in _SETTINGS.items()
    },
    **{
        f"bidirectional {name} of sequences": _masked(
            lambda k, make=make: k.Bidirectional(make(k, return_sequences=True))
        )
        for name, make in _EVERY.items()
    },
    "masked lstm": _masked(lambda k: k.LSTM(4)),
    "masked gru unrolled": _masked(lambda k: k.GRU(4, unroll=True)),
    "masked lstm in both directions": _masked(lambda k: k.Bidirectional(k.LSTM(4))),
    **{
        f"bidirectional {mode}": stack(
            STEPS,
            lambda k, mode=mode: k.Bidirectional(
                k.LSTM(3, return_sequences=True), merge_mode=mode
            ),
        )
        for mode in ("sum", "mul", "ave")
    },
    "bidirectional unmerged": functional(
        lambda k, x: k.Bidirectional(k.LSTM(3, return_sequences=True), merge_mode=None)(x), STEPS
    ),
    "bidirectional with another backward layer": stack(
        STEPS,
        lambda k: k.Bidirectional(
            k.LSTM(3, return_sequences=True),
            backward_layer=k.GRU(2, return_sequences=True, go_backwards=True),
        ),
    ),
    "bidirectional states": functional(_bidirectional_states, STEPS),
    "bidirectional from states": functional(
        _bidirectional_from_states, STEPS, (2,), (2,), (2,), (2,)
    ),
    "without bias": stack(STEPS, lambda k: k.LSTM(4, use_bias=False)),
    "gru without bias": stack(STEPS, lambda k: k.GRU(4, use_bias=False)),
    "hard sigmoid": stack(STEPS, lambda k: k.LSTM(4, recurrent_activation="hard_sigmoid")),
    "other activations": stack(
        STEPS, lambda k: k.GRU(4, activation="relu", recurrent_activation="softmax")
    ),
    "training arguments": stack(
        STEPS,
        lambda k: k.LSTM(
            4, unit_forget_bias=False, dropout=0.2, recurrent_dropout=0.3, kernel_regularizer="l2",
            recurrent_regularizer="l1", bias_regularizer="l2", recurrent_constraint="max_norm",
            recurrent_initializer="he_normal", activity_regularizer="l2",
        ),
    ),
    "frozen": stack(STEPS, lambda k: k.Bidirectional(k.GRU(4), trainable=False)),
    "lstm states": functional(lambda k, x: list(k.LSTM(4, return_state=True)(x)), STEPS),
    "lstm states of sequences": functional(
        lambda k, x: list(k.LSTM(4, return_state=True, return_sequences=True)(x)), STEPS
    ),
    "masked states": functional(
        lambda k, x: list(k.GRU(4, return_state=True)(k.Masking(0.0)(x))), STEPS
    ),
    "encoder and decoder": functional(_encoder_decoder, STEPS, (4, 2)),
    "initial state": functional(
        lambda k, x, h: k.GRU(4)(x, initial_state=h), STEPS, (4,)
    ),
    "initial state and mask": functional(
        lambda k, x, h: k.GRU(4, return_sequences=True)(k.Masking(0.0)(x), initial_state=h),
        STEPS,
        (4,),
    ),
    "deep": stack(
        STEPS,
        lambda k: k.Masking(-1.0),
        lambda k: k.Bidirectional(k.LSTM(4, return_sequences=True)),
        lambda k: k.BatchNormalization(),
        lambda k: k.Dropout(0.5),
        lambda k: k.LSTM(5, return_sequences=True),
        lambda k: k.Dense(4, activation="relu"),
        lambda k: k.Activation("tanh"),
        lambda k: k.GRU(3),
        lambda k: k.Dense(2, activation="softmax"),
    ),
    "sequence to vector to sequence": stack(
        STEPS,
        lambda k: k.LSTM(4),
        lambda k: k.RepeatVector(6),
        lambda k: k.LSTM(3, return_sequences=True),
        lambda k: k.TimeDistributed(k.Dense(2)),
    ),
    "mask that ends in a convolution": _masked(
        lambda k: k.Conv1D(4, 2), lambda k: k.LSTM(3)
    ),
    "mask that ends in an average": _masked(
        lambda k: k.Dense(4), lambda k: k.GlobalAveragePooling1D()
    ),
    "masks joined by concatenation": functional(
        lambda k, x, y: k.LSTM(3)(k.Concatenate()([k.Masking(0.0)(x), k.Masking(1.0)(y)])),
        STEPS,
        STEPS,
    ),
    "mask and no mask joined by concatenation": functional(
        lambda k, x, y: k.LSTM(3)(k.Concatenate()([k.Masking(0.0)(x), y])), STEPS, STEPS
    ),
    "masks joined along time": functional(
        lambda k, x, y: k.LSTM(3)(k.Concatenate(axis=1)([k.Masking(0.0)(x), k.Masking(1.0)(y)])),
        STEPS,
        STEPS,
    ),
    "masks joined by a sum": functional(
        lambda k, x, y: k.LSTM(3)(k.Add()([k.Masking(0.0)(x), k.Masking(1.0)(y)])), STEPS, STEPS
    ),
    "mask and no mask joined by a sum": functional(
        lambda k, x, y: k.LSTM(3)(k.Add()([k.Masking(0.0)(x), y])), STEPS, STEPS
    ),
    "conv lstm 1": stack((3, 6, 2), lambda k: k.ConvLSTM1D(3, 2, strides=2, padding="same")),
    "conv lstm 2 of sequences": stack(
        (3, 5, 6, 2),
        lambda k: k.ConvLSTM2D(
            3, (2, 3), return_sequences=True, recurrent_activation="hard_sigmoid", dilation_rate=2
        ),
    ),
    "conv lstm 3 backwards": stack(
        (2, 3, 4, 3, 2),
        lambda k: k.ConvLSTM3D(2, 2, go_backwards=True, return_sequences=True, use_bias=False),
    ),
    "conv lstm in both directions": stack(
        (3, 4, 4, 2),
        lambda k: k.Bidirectional(
            k.ConvLSTM2D(
                2, 3, padding="same", return_sequences=True, recurrent_activation="sigmoid"
            )
        ),
    ),
    "conv lstm states": functional(_conv_lstm_states, (3, 4, 4, 2)),
    "time distributed dense": stack(
        STEPS, lambda k: k.TimeDistributed(k.Dense(4, activation="softmax"))
    ),
    "time distributed normalizations": stack(
        (5, 3, 4),
        lambda k: k.TimeDistributed(k.BatchNormalization()),
        lambda k: k.TimeDistributed(k.BatchNormalization(axis=1)),
        lambda k: k.TimeDistributed(k.LayerNormalization()),
        lambda k: k.TimeDistributed(k.Dropout(0.3)),
    ),
    "time distributed convolution": stack(
        (3, 6, 5, 2),
        lambda k: k.TimeDistributed(k.Conv2D(4, 3, activation="relu")),
        lambda k: k.TimeDistributed(k.MaxPooling2D(2)),
        lambda k: k.TimeDistributed(k.Flatten()),
        lambda k: k.LSTM(3),
    ),
    "time distributed lstm": stack((3, 4, 2), lambda k: k.TimeDistributed(k.LSTM(3))),
    "time distributed twice": stack(
        (3, 4, 2), lambda k: k.TimeDistributed(k.TimeDistributed(k.Dense(3)))
    ),
    "time distributed with a mask": _masked(
        lambda k: k.TimeDistributed(k.Dense(4)), lambda k: k.LSTM(3)
    ),
}  # fmt: skip


def _time_distributed_model(keras: Any) -> Any:
    k = keras.layers
    given = keras.Input((4, 4, 1))
    x = k.Conv2D(3, 2, activation="relu")(given)
    x = k.BatchNormalization()(x)
    inner = keras.Model(given, k.Dense(2)(k.Flatten()(x)))
    frames = keras.Input((3, 4, 4, 1))
    return keras.Model(frames, k.GRU(3)(k.TimeDistributed(inner)(frames)))


def _shared_lstm(keras: Any) -> Any:
    k = keras.layers
    left, right = keras.Input((5, 3), name="left"), keras.Input((4, 3), name="right")
    shared = k.Bidirectional(k.LSTM(3))
    masking = k.Masking(0.0)
    x = k.Concatenate()([shared(masking(left)), shared(masking(right))])
    return keras.Model([left, right], k.Dense(1)(x))


def _nested(keras: Any) -> Any:
    k = keras.layers
    given = keras.Input((5, 3))
    inner = keras.Model(given, k.GRU(4, return_sequences=True)(k.Masking(0.0)(given)))
    x = keras.Input((5, 3))
    return keras.Model(x, k.LSTM(2)(k.Dense(4)(inner(x))))


MODELS: dict[str, Build] = {
    "time distributed model": _time_distributed_model,
    "shared lstm": _shared_lstm,
    "nested model with a mask": _nested,
}


def _state_in_place(k: Any, x: Any, h: Any) -> Any:
    return k.GRU(4, return_sequences=True)(x, h)


def _explicit_mask(k: Any, x: Any, y: Any) -> Any:
    mask = k.Masking(0.0).compute_mask(y)
    return k.LSTM(3, return_sequences=True, zero_output_for_mask=True)(x, mask=mask)


def _stated_mask_and_state(k: Any, x: Any, h: Any) -> Any:
    masking = k.Masking(0.0)
    y = masking(x)
    return k.GRU(4, return_sequences=True)(y, mask=masking.compute_mask(x), initial_state=h)


KERAS3: dict[str, Build] = {
    "stated mask and initial state": functional(_stated_mask_and_state, STEPS, (4,)),
    "mask behind an initial state": functional(
        lambda k, x, h: k.LSTM(3)(
            k.GRU(4, return_sequences=True)(k.Masking(0.0)(x), initial_state=h)
        ),
        STEPS,
        (4,),
    ),
    "initial state in its place": functional(_state_in_place, STEPS, (4,)),
    "explicit mask": functional(_explicit_mask, STEPS, STEPS),
    "mask through rescaling": _masked(
        lambda k: k.Rescaling(0.5), lambda k: k.Identity(), lambda k: k.LSTM(3)
    ),
}


def _text_classifier(keras: Any) -> Any:
    k = keras.layers
    return keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            k.Embedding(9, 4, mask_zero=True),
            k.Dropout(0.2),
            k.Bidirectional(k.LSTM(3)),
            k.Dense(2, activation="softmax"),
        ]
    )


def _translator(keras: Any) -> Any:
    """Words in, words out: the decoder goes on from the encoder's states."""
    k = keras.layers
    source = keras.Input((6,), dtype="int32", name="source")
    target = keras.Input((4,), dtype="int32", name="target")
    _, h, c = k.LSTM(5, return_state=True)(k.Embedding(9, 4, mask_zero=True)(source))
    decoded = k.LSTM(5, return_sequences=True)(
        k.Embedding(8, 3, mask_zero=True)(target), initial_state=[h, c]
    )
    return keras.Model(
        [source, target], k.TimeDistributed(k.Dense(8, activation="softmax"))(decoded)
    )


WORDS: dict[str, Build] = {"text classifier": _text_classifier, "translator": _translator}
