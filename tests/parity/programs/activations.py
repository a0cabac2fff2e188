"""Forward hooks that record what the layers of a model give, and backward hooks that record gradients."""

from collections import OrderedDict

import torch
import torch.nn as nn

torch.manual_seed(0)
net = nn.Sequential(OrderedDict([("fc1", nn.Linear(4, 5)), ("act", nn.Tanh()), ("fc2", nn.Linear(5, 2))]))
activation, gradients = {}, {}


def get_activation(name):
    def hook(model, input, output):
        activation[name] = output.detach()

    return hook


def get_gradient(name):
    def hook(module, grad_input, grad_output):
        gradients[name] = grad_output[0].detach().clone()

    return hook


handles = []
for name, layer in net.named_children():
    handles.append(layer.register_forward_hook(get_activation(name)))
    handles.append(layer.register_full_backward_hook(get_gradient(name)))
x = torch.linspace(-1, 1, 12).view(3, 4)
net(x).pow(2).sum().backward()
for name in activation:
    print(name, tuple(activation[name].shape), activation[name].mean().item(), gradients[name].abs().max().item())
for handle in handles:
    handle.remove()
activation.clear()
net(x)
print(len(activation), net)
