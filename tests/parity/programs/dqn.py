"""Q-learning with a replay memory and a target network, on a corridor."""

import random
from collections import deque, namedtuple

import torch
import torch.nn as nn
import torch.optim as optim

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))
random.seed(0)
torch.manual_seed(0)


class ReplayMemory(object):
    def __init__(self, capacity):
        self.memory = deque([], maxlen=capacity)

    def push(self, *args):
        self.memory.append(Transition(*args))

    def sample(self, batch_size):
        return random.sample(self.memory, batch_size)

    def __len__(self):
        return len(self.memory)


def encode(position):
    return torch.nn.functional.one_hot(torch.tensor([position]), 6).float()


policy_net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
target_net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
target_net.load_state_dict(policy_net.state_dict())
optimizer = optim.AdamW(policy_net.parameters(), lr=1e-2, amsgrad=True)
memory = ReplayMemory(200)
GAMMA, TAU, BATCH = 0.9, 0.05, 16
for episode in range(12):
    position = 2
    for t in range(20):
        state = encode(position)
        if random.random() < 0.3:
            action = torch.tensor([[random.randrange(2)]], dtype=torch.long)
        else:
            with torch.no_grad():
                action = policy_net(state).max(1).indices.view(1, 1)
        position = max(0, position + (1 if action.item() == 1 else -1))
        done = position == 5
        reward = torch.tensor([1.0 if done else -0.01])
        memory.push(state, action, None if done else encode(position), reward)
        if len(memory) >= BATCH:
            batch = Transition(*zip(*memory.sample(BATCH)))
            non_final_mask = torch.tensor(tuple(map(lambda s: s is not None, batch.next_state)), dtype=torch.bool)
            non_final_next_states = torch.cat([s for s in batch.next_state if s is not None])
            state_action_values = policy_net(torch.cat(batch.state)).gather(1, torch.cat(batch.action))
            next_state_values = torch.zeros(BATCH)
            with torch.no_grad():
                next_state_values[non_final_mask] = target_net(non_final_next_states).max(1).values
            expected = (next_state_values * GAMMA) + torch.cat(batch.reward)
            loss = nn.SmoothL1Loss()(state_action_values, expected.unsqueeze(1))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_value_(policy_net.parameters(), 100)
            optimizer.step()
            target_state, policy_state = target_net.state_dict(), policy_net.state_dict()
            for key in policy_state:
                target_state[key] = policy_state[key] * TAU + target_state[key] * (1 - TAU)
            target_net.load_state_dict(target_state)
        if done:
            break
    print(episode, t)
print(policy_net(torch.eye(6)).detach(), loss.item())
