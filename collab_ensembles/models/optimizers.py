"""Optimizers with one operation for each variable.

These operations are TensorFlow's. With JAX, XLA puts operations together: there the formulas stand in `keras.ops`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from collab_ensembles.tensor import Tensor

KERAS_EPSILON = 1e-7
"""Keras' default for Adam."""


@keras.saving.register_keras_serializable("collab_ensembles")
class Adam(keras.optimizers.Adam):
    """Adam with one operation for each variable: the kernel that TensorFlow 1's optimizer runs.

    Formula and numbers are, within rounding, those of Keras' Adam, which uses about thirty operations for each update;
    in small networks, these take a fifth of a training step. Dense float32 gradients only.

    Attributes:
      rates: the learning rates of members by name, if each has its own; `learning_rate` then has no effect.
    """

    def __init__(
        self,
        learning_rate: float = 2.0**-10,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        name: str = "adam",
        rates: Mapping[str, float] | None = None,
    ) -> None:
        """The defaults are those of the reference code; Keras' own epsilon is KERAS_EPSILON.

        `rates` has the learning rate of each of a model's members by name, in place of `learning_rate`.
        """
        super().__init__(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, name=name)
        self.rates = {
            member: self.add_variable((), keras.initializers.Constant(rate), name=f"learning_rate_{number}")
            for number, (member, rate) in enumerate((rates or {}).items())
        }
        self._rates_by_index: list[keras.Variable] = []

    def divide(self, variables: Mapping[str, Sequence[keras.Variable]]) -> None:
        """Says which trained variables are whose; the optimizer must be built for all of them, if there are `rates`.

        Raises:
          ValueError: `rates` has other members.
        """
        if not self.rates:
            return
        if self.rates.keys() != variables.keys():
            raise ValueError(
                f"received learning rates of {', '.join(self.rates)}; needed: one for each member, "
                f"{', '.join(variables)}"
            )
        owners = {self._get_variable_index(each): name for name, own in variables.items() for each in own}
        self._rates_by_index = [self.rates[owners[index]] for index in range(len(owners))]

    def apply(self, grads: Sequence[Tensor], trainable_variables: Sequence[keras.Variable] | None = None) -> None:
        """Updates all variables; see `keras.Optimizer.apply`."""
        if keras.config.backend() == "tensorflow":
            self._set_beta_powers()
        super().apply(grads, trainable_variables)

    def _set_beta_powers(self) -> None:
        import tensorflow as tf

        step = tf.cast(tf.convert_to_tensor(self.iterations) + 1, tf.float32)
        self._beta_powers = tf.pow(self.beta_1, step), tf.pow(self.beta_2, step)

    def update_step(self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """Updates one variable and its moments."""
        if self._rates_by_index:
            learning_rate = keras.ops.convert_to_tensor(self._rates_by_index[self._get_variable_index(variable)])
        if keras.config.backend() != "tensorflow":
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self._beta_powers[0],
            beta2_power=self._beta_powers[1],
            lr=tf.convert_to_tensor(learning_rate),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )

    def moments(self, variables: Sequence[keras.Variable]) -> list[keras.Variable]:
        """The moments of some variables: for each the first, and then the second; the optimizer must be built."""
        places = map(self._get_variable_index, variables)
        return [moments[place] for place in places for moments in (self._momentums, self._velocities)]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = super().get_config()
        rates = {"rates": {name: float(rate) for name, rate in self.rates.items()}} if self.rates else {}
        return {key: config[key] for key in ("name", "learning_rate", "beta_1", "beta_2", "epsilon")} | rates


@keras.saving.register_keras_serializable("collab_ensembles")
class SGD(keras.optimizers.SGD):
    """SGD with momentum and a coupled weight decay, as TensorFlow 1's MomentumOptimizer and PyTorch's SGD have them.

    With the gradient g of variable w, decay d and momentum m: v = m v + (g + d w), then w -= rate v, or, with
    Nesterov's momentum, w -= rate (g + d w + m v). Keras' SGD includes the rate in v, which makes a difference when the
    rate changes, and its `weight_decay` is decoupled.
    """

    def __init__(
        self,
        learning_rate: float = 0.1,
        momentum: float = 0.0,
        nesterov: bool = False,
        decay: float = 0.0,
        name: str = "sgd",
    ) -> None:
        """The momentum is from 0 to below 1; `decay`, from 0, applies to all trained variables."""
        super().__init__(learning_rate, momentum=momentum, nesterov=nesterov, name=name)
        self.decay = decay

    def update_step(self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """Updates one variable and its momentum."""
        if self.decay:
            gradient = gradient + self.decay * variable
        if keras.config.backend() != "tensorflow":
            self._update(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        rate = tf.convert_to_tensor(learning_rate)
        if self.momentum == 0:
            tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)
            return
        tf.raw_ops.ResourceApplyMomentum(
            var=variable.handle,
            accum=self.momentums[self._get_variable_index(variable)].value.handle,
            lr=rate,
            grad=gradient,
            momentum=self.momentum,
            use_nesterov=self.nesterov,
        )

    def _update(self, gradient: Tensor, variable: keras.Variable, rate: Tensor) -> None:
        """The formula of the class."""
        step = gradient
        if self.momentum:
            momentum = self.momentums[self._get_variable_index(variable)]
            self.assign(momentum, self.momentum * momentum + gradient)
            step = gradient + self.momentum * momentum if self.nesterov else momentum
        self.assign_sub(variable, rate * step)

    def take_over(self, sources: Sequence[keras.Variable], targets: Sequence[keras.Variable]) -> None:
        """Copies the momenta of some variables to others; the optimizer must be built for all of them."""
        for source, target in zip(sources, targets, strict=True):
            before, after = (self.momentums[self._get_variable_index(variable)] for variable in (source, target))
            after.assign(before)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = super().get_config()
        return {key: config[key] for key in ("name", "learning_rate", "momentum", "nesterov")} | {"decay": self.decay}
