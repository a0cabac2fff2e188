"""REINFORCE with a baseline, on a bandit whose best arm depends on the state."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(77)
policy = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 3))
value = nn.Linear(3, 1)
optimizer = torch.optim.Adam(list(policy.parameters()) + list(value.parameters()), lr=2e-2)
for episode in range(30):
    states = torch.eye(3)[torch.randint(0, 3, (32,))]
    logits = policy(states)
    probs = F.softmax(logits, dim=-1)
    actions = torch.multinomial(probs, 1)
    log_probs = F.log_softmax(logits, dim=-1).gather(1, actions).squeeze(-1)
    rewards = (actions.squeeze(-1) == states.argmax(dim=-1)).float()
    baseline = value(states).squeeze(-1)
    advantage = rewards - baseline.detach()
    entropy = -(probs * probs.log()).sum(-1).mean()
    loss = -(log_probs * advantage).mean() + F.smooth_l1_loss(baseline, rewards) - 0.01 * entropy
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if episode % 10 == 9:
        print(f"{episode}: reward {rewards.mean():.3f} entropy {entropy:.3f} loss {loss.item():+.4f}")
returns, R = [], 0
for r in [1.0, 0.0, 2.0][::-1]:
    R = r + 0.9 * R
    returns.insert(0, R)
returns = torch.tensor(returns)
print(returns, (returns - returns.mean()) / (returns.std() + 1e-8))
