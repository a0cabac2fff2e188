"""What `mytorch train configs/boston.yaml` does, as a PyTorch user would write it: the other side of that row.

    python benchmarks/programs/boston_torch.py OUTPUT_DIRECTORY [--epochs N] [--threads N]

The same data, split, model, shuffling, optimizer and schedule; metrics.csv, the weights and the same two plots.
"""

import argparse
import csv
import json
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BATCH = 64


def load():
    table = np.loadtxt(Path(__file__).parents[2] / "datasets" / "boston.csv", delimiter=",", skiprows=1)
    test = np.arange(len(table)) % 4 == 0
    x, y = table[:, :-1], table[:, -1:]
    return x[~test], y[~test], x[test], y[test]


def main(out, epochs, threads):
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    train_x, train_y, test_x, test_y = load()
    mean_x, std_x, mean_y, std_y = train_x.mean(0), train_x.std(0), train_y.mean(0), train_y.std(0)
    x = torch.tensor((train_x - mean_x) / std_x, dtype=torch.float32)
    y = torch.tensor((train_y - mean_y) / std_y, dtype=torch.float32)
    xt = torch.tensor((test_x - mean_x) / std_x, dtype=torch.float32)

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(13, 192), nn.ReLU(), nn.Dropout(0.15),
        nn.Linear(192, 96), nn.ReLU(), nn.Dropout(0.15),
        nn.Linear(96, 1),
    )  # fmt: skip
    criterion = nn.SmoothL1Loss(beta=0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.03)
    batches = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=epochs * len(batches))
    started = time.perf_counter()
    rows = []
    for epoch in range(1, epochs + 1):
        total = norms = 0.0
        rate = optimizer.param_groups[0]["lr"]
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            norms += torch.nn.utils.get_total_norm([p.grad for p in model.parameters()]).item()
            optimizer.step()
            scheduler.step()
            total += loss.item() * len(inputs)
        rows.append([epoch, time.perf_counter() - started, rate, norms / len(batches), total / len(x)])
    with open(out / "metrics.csv", "w", newline="") as file:
        csv.writer(file).writerows([["epoch", "seconds", "learning_rate", "gradient_norm", "train_loss"], *rows])
    torch.save(model.state_dict(), out / "last.pt")

    model.eval()
    with torch.no_grad():
        predicted = [(model(inputs).numpy() * std_y + mean_y) for inputs in (x, xt)]
    scores = {
        name: {"mae": float(abs(p - t).mean()), "rmse": float(((p - t) ** 2).mean() ** 0.5)}
        for name, p, t in zip(("train", "test"), predicted, (train_y, test_y), strict=True)
    }
    (out / "summary.json").write_text(json.dumps(scores))
    plot(out, rows, predicted, (train_y, test_y), scores)
    print(json.dumps(scores))


def plot(out, rows, predicted, true, scores):
    table = np.array(rows)
    figure, axes = plt.subplots(figsize=(8, 4.5))
    axes.semilogy(table[:, 0], table[:, 4], label="train loss")
    rate = axes.twinx()
    rate.plot(table[:, 0], table[:, 2], linewidth=0.8, color="gray")
    axes.legend()
    figure.savefig(out / "loss.png", dpi=110)
    figure, grid = plt.subplots(2, 2, figsize=(12, 7), width_ratios=[3, 1])
    for (line, scatter), name, p, t in zip(grid, ("train", "test"), predicted, true, strict=True):
        line.set_title(f"{name}: MAE {scores[name]['mae']:.3f}")
        line.plot(t, label="true")
        line.plot(p, label="predicted")
        line.legend()
        scatter.scatter(t, p, s=8)
        scatter.plot([0, 50], [0, 50], color="gray")
    figure.savefig(out / "predictions.png", dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    main(options.out, options.epochs, options.threads)
