"""Training with libraries whose words look like those of others, in several spellings each; much of it would be wrong there."""

SPELLINGS = {
    "chainer/script": """
import chainer
import chainer.functions as F
import chainer.links as L

model = L.Classifier(L.Linear(None, 10))
optimizer = chainer.optimizers.SGD(lr=0.0)
optimizer.setup(model)
for x, t in batches:
    model.zerograds()
    loss = F.softmax_cross_entropy(F.softmax(model(x)), t)
    loss.backward()
    optimizer.update()
""",
    "chainer/function_of_the_optimizer": """
import chainer
from chainer import optimizers

def train(model, batches):
    optimizer = optimizers.Adam(alpha=1e-10)
    optimizer.setup(model)
    for x, t in batches:
        optimizer.update(model, x, t)
    return optimizer
""",
    "chainer/updater": """
import chainer

class Updater(chainer.training.StandardUpdater):
    def update_core(self):
        generator, critic = self.get_optimizer("generator"), self.get_optimizer("critic")
        batch = self.converter(self.get_iterator("main").next())
        loss = self.critic(self.generator(batch))
        self.generator.cleargrads()
        loss.backward()
        loss.unchain_backward()
        generator.update()
        critic.update()
""",
    "mxnet/gluon_script": """
import mxnet as mx
from mxnet import autograd, gluon

net = gluon.nn.Dense(1)
net.initialize()
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.0})
loss_fn = gluon.loss.SoftmaxCrossEntropyLoss()
for x, y in batches:
    with autograd.record():
        loss = loss_fn(net(x).softmax(), y)
    loss.backward()
    trainer.step(x.shape[0])
""",
    "mxnet/module": """
import mxnet as mx

def fit(module, iterator, metric):
    module.init_optimizer(optimizer="adam", optimizer_params={"learning_rate": 1e-10})
    for epoch in range(10):
        for batch in iterator:
            module.forward(batch, is_train=True)
            module.backward()
            module.update()
""",
    "mxnet/losses_summed": """
from mxnet import autograd

def train(net, loss, trainer, batches, batch_size):
    total = 0.0
    for x, y in batches:
        with autograd.record():
            l = loss(net(x), y).sum()
        l.backward()
        trainer.step(batch_size)
        total += l.asscalar()
    return total
""",
    "mxnet/optimizer_by_hand": """
from mxnet import autograd, nd, optimizer

w = nd.random.normal(shape=(3,))
w.attach_grad()
sgd = optimizer.SGD(learning_rate=0.1)
state = sgd.create_state(0, w)
for x, y in batches:
    with autograd.record():
        loss = ((nd.dot(x, w) - y) ** 2).mean()
    loss.backward()
    sgd.update(0, w, w.grad, state)
""",
    "paddle/script": """
import paddle
import paddle.nn.functional as F

model = paddle.nn.Linear(4, 2)
optimizer = paddle.optimizer.Adam(learning_rate=0.0, parameters=model.parameters())
for x, y in batches:
    loss = F.cross_entropy(F.softmax(model(x)), y)
    loss.backward()
    optimizer.step()
    optimizer.clear_grad()
""",
    "paddle/minimize": """
import paddle.fluid as fluid
from paddle.fluid.dygraph import Linear

def train(model, reader):
    optimizer = fluid.optimizer.SGD(learning_rate=1e-10, parameter_list=model.parameters())
    for x, y in reader():
        loss = fluid.layers.mean(fluid.layers.softmax_with_cross_entropy(model(x), y))
        loss.backward()
        optimizer.minimize(loss)
        model.clear_gradients()
""",
    "paddle/class": """
import paddle
from paddle import nn, optimizer

class Agent(nn.Layer):
    def __init__(self, model):
        super().__init__()
        self.model = model
        self.optim = optimizer.AdamW(parameters=self.model.parameters())

    def learn(self, obs, action):
        loss = -self.model(obs).log_prob(action).mean()
        self.optim.step()
        loss.backward()
""",
    "mindspore/function": """
import mindspore as ms
from mindspore import nn, ops

net = nn.Dense(4, 1)
optimizer = nn.SGD(net.trainable_params(), learning_rate=0.0)

def forward_fn(x, y):
    logits = net(x)
    return nn.MSELoss()(logits, y), logits

grad_fn = ms.value_and_grad(forward_fn, None, optimizer.parameters, has_aux=True)

def train_step(x, y):
    (loss, _), grads = grad_fn(x, y)
    optimizer(grads)
    return loss

for x, y in batches:
    train_step(x, y)
""",
    "mindspore/cells": """
from mindspore import Model, nn

def train(network, dataset):
    loss = nn.SoftmaxCrossEntropyWithLogits(sparse=True)
    optimizer = nn.Adam(network.trainable_params(), 1e-10)
    step = nn.TrainOneStepCell(nn.WithLossCell(network, loss), optimizer)
    step.set_train()
    for x, y in dataset:
        step(x, y)
    Model(network, loss_fn=loss, optimizer=optimizer).train(3, dataset)
""",
    "mindspore/gradients_thrown_away": """
import mindspore
from mindspore import ops

class Trainer(mindspore.nn.Cell):
    def __init__(self, network, optimizer):
        super().__init__(auto_prefix=False)
        self.network, self.optimizer = network, optimizer
        self.grad = ops.GradOperation(get_by_list=True)

    def construct(self, x, y):
        loss = self.network(x, y)
        grads = self.grad(self.network, self.optimizer.parameters)(x, y)
        return loss
""",
    "oneflow/script": """
import oneflow as flow
import oneflow.nn as nn

model = nn.Linear(4, 2).to("cuda")
optimizer = flow.optim.SGD(model.parameters(), lr=0.0)
for x, y in batches:
    loss = nn.CrossEntropyLoss()(model(x).softmax(dim=1), y)
    loss.backward()
    optimizer.step()
""",
    "oneflow/graph": """
import oneflow as flow

class TrainGraph(flow.nn.Graph):
    def __init__(self, model, optimizer):
        super().__init__()
        self.model = model
        self.loss = flow.nn.MSELoss()
        self.add_optimizer(optimizer)

    def build(self, x, y):
        loss = self.loss(self.model(x), y)
        loss.backward()
        return loss

def train(model, batches):
    optimizer = flow.optim.Adam(model.parameters(), lr=1e-10)
    graph = TrainGraph(model, optimizer)
    for x, y in batches:
        graph(x, y)
""",
    "oneflow/class": """
import oneflow

class Trainer:
    def __init__(self, model):
        self.model = model
        self.optim = oneflow.optim.AdamW(model.parameters())

    def epoch(self, loader):
        self.model.eval()
        for x, y in loader:
            self.optim.zero_grad()
            loss = oneflow.nn.functional.mse_loss(self.model(x), y)
            self.optim.step()
""",
    "tinygrad/script": """
from tinygrad import Tensor, nn
from tinygrad.nn.state import get_parameters

model = nn.Linear(4, 2)
optimizer = nn.optim.SGD(get_parameters(model), lr=0.0)
with Tensor.train():
    for x, y in batches:
        loss = model(x).softmax().sparse_categorical_crossentropy(y).backward()
        optimizer.step()
""",
    "tinygrad/jitted": """
from tinygrad import Tensor, TinyJit, nn

def fit(model, x, y):
    opt = nn.optim.Adam(nn.state.get_parameters(model), lr=1e-10)

    @TinyJit
    def train_step():
        opt.zero_grad()
        loss = model(x).cross_entropy(y)
        opt.schedule_step()
        return loss

    for _ in range(10):
        train_step()
""",
    "tinygrad/class": """
import tinygrad
from tinygrad.nn import optim

class Trainer:
    def __init__(self, model):
        self.model, self.optimizer = model, optim.AdamW([model.weight])

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = ((self.model(x) - y) ** 2).mean()
        loss.backward()
        self.optimizer.zero_grad()
        self.optimizer.step()
""",
    "mlx/script": """
import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim

model = nn.Linear(4, 1)
optimizer = optim.SGD(learning_rate=0.0)

def loss_fn(model, x, y):
    return nn.losses.cross_entropy(mx.softmax(model(x)), y, reduction="mean")

loss_and_grad_fn = nn.value_and_grad(model, loss_fn)
for x, y in batches:
    loss, grads = loss_and_grad_fn(model, x, y)
    optimizer.update(model, grads)
    mx.eval(model.parameters(), optimizer.state)
""",
    "mlx/compiled": """
from functools import partial

import mlx.core as mx
from mlx import nn, optimizers

def train(model, batches):
    optimizer = optimizers.Adam(learning_rate=1e-10)
    state = [model.state, optimizer.state]

    @partial(mx.compile, inputs=state, outputs=state)
    def step(x, y):
        loss, grads = nn.value_and_grad(model, lambda x, y: ((model(x) - y) ** 2).mean())(x, y)
        optimizer.update(model, grads)
        return loss

    for x, y in batches:
        step(x, y)
""",
    "mlx/gradients_by_value": """
import mlx.core as mx
import mlx.optimizers as optim

def fit(params, x, y):
    optimizer = optim.SGD(0.1)
    for _ in range(10):
        grads = mx.grad(lambda p: mx.mean((x @ p["w"] - y) ** 2))(params)
        params = optimizer.apply_gradients(grads, params)
        optimizer.apply_gradients(grads, params)
    return params
""",
    "autograd/script": """
import autograd.numpy as np
from autograd import grad
from autograd.misc.optimizers import adam

def loss(params, i):
    return np.mean((x @ params - y) ** 2)

params = adam(grad(loss), np.zeros(3), step_size=0.0, num_iters=10)
""",
    "autograd/descent_by_hand": """
import autograd.numpy as np
from autograd import value_and_grad

def train(params, x, y):
    value_and_gradient = value_and_grad(lambda p: np.mean((np.dot(x, p) - y) ** 2))
    for _ in range(10):
        loss, grads = value_and_gradient(params)
        params = params - 1e-10 * grads
    grads, loss = value_and_gradient(params)
    return params
""",
    "autograd/class": """
from autograd import elementwise_grad, numpy as anp, value_and_grad

class Regression:
    def __init__(self, optimizer):
        self.weights, self.optimizer = anp.zeros(3), optimizer
        self.value_and_grad = value_and_grad(self.loss)

    def loss(self, weights, x, y):
        return anp.mean((x @ weights - y) ** 2)

    def fit(self, batches):
        for x, y in batches:
            loss, grads = self.value_and_grad(self.weights, x, y)
            updates, state = self.optimizer.update(grads, None)
""",
}
