"""What `mytorch train configs/digits-cnn.yaml` does, as a PyTorch user would write it: the other side of that row.

    python benchmarks/programs/digits_torch.py OUTPUT_DIRECTORY [--count N] [--epochs N] [--threads N]

The same images, split, model, shuffling and optimizer; metrics.csv, norms.csv, predictions.csv, the weights and the
same three plots. The images are drawn by mytorch's generator, which needs nothing else of mytorch: its file is loaded
by itself.
"""

import argparse
import csv
import importlib.util
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

BATCH, SCORED_AT_ONCE = 64, 256
WHITE = 255


def load(count):
    path = Path(__file__).parents[2] / "mytorch" / "data" / "drawn_digits.py"
    spec = importlib.util.spec_from_file_location("drawn_digits", path)
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    images, digits = generator.draw_digits(
        count=count, seed=0, shift=2.5, scale=0.2, rotation=15.0, shear=0.3, bend=0.06, stroke=2.2, noise=0.15
    )
    test = np.arange(len(images)) % 4 == 0
    return images[~test], digits[~test], images[test], digits[test]


def main(out, count, epochs, threads):
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    train_images, train_digits, test_images, test_digits = load(count)
    x, x_test = (torch.from_numpy(images).float() / WHITE for images in (train_images, test_images))
    y, y_test = torch.from_numpy(train_digits), torch.from_numpy(test_digits)

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 10),
    )  # fmt: skip
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    batches = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=epochs * len(batches))
    started = time.perf_counter()
    rows, norms = [], []
    for epoch in range(1, epochs + 1):
        total = gradient = 0.0
        rate = optimizer.param_groups[0]["lr"]
        for images, digits in batches:
            optimizer.zero_grad()
            loss = criterion(model(images), digits)
            loss.backward()
            gradient += torch.nn.utils.get_total_norm([p.grad for p in model.parameters()]).item()
            optimizer.step()
            scheduler.step()
            total += loss.item() * len(images)
        rows.append([epoch, time.perf_counter() - started, rate, gradient / len(batches), total / len(x)])
        norms.append([epoch, *(v.norm().item() for p in model.parameters() for v in (p.detach(), p.grad))])
    header = ["epoch", "seconds", "learning_rate", "gradient_norm", "train_loss"]
    with open(out / "metrics.csv", "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    with open(out / "norms.csv", "w", newline="") as file:
        csv.writer(file).writerows(norms)
    torch.save(model.state_dict(), out / "last.pt")
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, out / "state.pt")

    model.eval()
    with torch.no_grad():
        logits = {
            name: torch.cat([model(some) for some in images.split(SCORED_AT_ONCE)])
            for name, images in (("train", x), ("test", x_test))
        }
    true = {"train": y, "test": y_test}
    predicted = {name: value.argmax(1) for name, value in logits.items()}
    scores = {
        name: {
            "loss": criterion(value, true[name]).item(),
            "accuracy": (predicted[name] == true[name]).float().mean().item(),
        }
        for name, value in logits.items()
    }
    with open(out / "predictions.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["split", "row", "target", "prediction", *(f"probability:{k}" for k in range(10))])
        for name, value in logits.items():
            table = zip(true[name].tolist(), predicted[name].tolist(), value.softmax(1).tolist(), strict=True)
            writer.writerows(
                [name, row, target, guess, *(f"{p:.9g}" for p in probabilities)]
                for row, (target, guess, probabilities) in enumerate(table)
            )
    (out / "summary.json").write_text(json.dumps(scores))
    plot_loss(out, rows)
    plot_confusion(out, y_test.numpy(), predicted["test"].numpy())
    plot_samples(out, test_images, test_digits, logits["test"].softmax(1).numpy())
    print(json.dumps(scores))


def plot_loss(out, rows):
    table = np.array(rows)
    figure, axes = plt.subplots(figsize=(8, 4.5))
    axes.semilogy(table[:, 0], table[:, 4], label="train loss")
    rate = axes.twinx()
    rate.plot(table[:, 0], table[:, 2], linewidth=0.8, color="gray")
    axes.legend()
    figure.savefig(out / "loss.png", dpi=110)


def plot_confusion(out, true, predicted):
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (true, predicted), 1)
    figure, axes = plt.subplots(figsize=(6, 6))
    axes.imshow(counts, cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        axes.text(column, row, count, ha="center", va="center", color="white" if count > 50 else "black")
    axes.set(xlabel="predicted", ylabel="true", xticks=range(10), yticks=range(10))
    figure.savefig(out / "confusion.png", dpi=110)


def plot_samples(out, images, digits, probabilities):
    """40 test images, the mistakes first, with class and prediction."""
    order = np.argsort(probabilities.argmax(1) == digits, kind="stable")[:40]
    figure, grid = plt.subplots(5, 8, figsize=(8, 7))
    for axes, row in zip(grid.flat, order, strict=True):
        guess = probabilities[row].argmax()
        axes.imshow(images[row, 0], cmap="gray", vmin=0, vmax=WHITE)
        axes.set_title(f"{digits[row]}: {guess} {probabilities[row, guess]:.0%}", fontsize=8)
        axes.axis("off")
    figure.savefig(out / "samples.png", dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=8000, help="images (8000)")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    main(options.out, options.count, options.epochs, options.threads)
