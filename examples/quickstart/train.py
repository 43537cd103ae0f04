"""Trains the two versions of the model "digits" and writes their weights beside this file.

    python3 examples/quickstart/train.py

Version 7 is what a first attempt looks like: an unregularised logistic regression on 150 digits. Version 8 is better: a
small neural network on three quarters of the data. Both are measured on the same 450 digits that neither has seen, with
the rounded weights that are written, so that whoever computes with those weights must find the same numbers.

The digits are the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, UCI Machine Learning
Repository, CC BY 4.0): 1797 images of 8 x 8 pixels from 0 (white) to 16 (black). scikit-learn brings them along. When
scikit-learn is missing, it is installed into a virtual environment below .signalbox.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

SCIKIT_LEARN = "scikit-learn>=1.5,<2"
HELD_OUT_ROWS = 450
VERSION_7_ROWS = 150
PIXEL_MAXIMUM = 16
PIXEL_CHARACTERS = "0123456789abcdefg"

HERE = Path(__file__).resolve().parent


def main():
    require_scikit_learn()
    training, held_out = load_digits()
    versions = {"7": train_version_7(*training), "8": train_version_8(*training)}
    weights = {version: weights_of(version, estimator, held_out) for version, estimator in versions.items()}
    for version, values in weights.items():
        path = HERE / f"digits-{version}.weights.json"
        path.write_text(json.dumps(values, separators=(",", ":")) + "\n")
        measured = values["heldOut"]
        print(f"digits@{version}: {measured['correct']} of {measured['rows']} held-out digits right, "
              f"accuracy {measured['accuracy']:.4f}, {path.stat().st_size} bytes")
    if weights["8"]["heldOut"]["correct"] <= weights["7"]["heldOut"]["correct"]:
        sys.exit("version 8 must be better than version 7; nothing that follows makes sense otherwise")
    write_held_out(*held_out)
    write_request(*held_out, weights)


def load_digits():
    """((pixels, labels) for training, (pixels, labels) held out); the same split every time."""
    from sklearn.datasets import load_digits as bundled_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = bundled_digits(return_X_y=True)
    training_pixels, held_out_pixels, training_labels, held_out_labels = train_test_split(
        pixels, labels, test_size=HELD_OUT_ROWS, stratify=labels, random_state=1)
    return (training_pixels, training_labels), (held_out_pixels, held_out_labels)


def train_version_7(pixels, labels):
    """An estimator for raw pixels: its weights are scaled back after training on pixels from 0 to 1."""
    from sklearn.linear_model import LogisticRegression

    rows = slice(0, VERSION_7_ROWS)
    estimator = LogisticRegression(C=1e4, max_iter=2000)
    estimator.fit(pixels[rows] / PIXEL_MAXIMUM, labels[rows])
    estimator.coef_ = estimator.coef_ / PIXEL_MAXIMUM
    return estimator


def train_version_8(pixels, labels):
    """An estimator for raw pixels, like train_version_7."""
    from sklearn.neural_network import MLPClassifier

    estimator = MLPClassifier(hidden_layer_sizes=(48,), alpha=1e-3, max_iter=500, random_state=8)
    estimator.fit(pixels / PIXEL_MAXIMUM, labels)
    estimator.coefs_[0] = estimator.coefs_[0] / PIXEL_MAXIMUM
    return estimator


def weights_of(version, estimator, held_out):
    """The layers, each a list of neurons, each a list of weights; and how good they are."""
    if hasattr(estimator, "coefs_"):
        matrices, biases = [matrix.T for matrix in estimator.coefs_], estimator.intercepts_
        method = f"neural network with {len(biases[0])} hidden neurons"
    else:
        matrices, biases, method = [estimator.coef_], [estimator.intercept_], "logistic regression"
    last = len(matrices) - 1
    layers = [
        {"activation": "softmax" if index == last else "relu", "bias": rounded(bias),
         "weights": [rounded(row) for row in matrix]}
        for index, (matrix, bias) in enumerate(zip(matrices, biases))
    ]
    pixels, labels = held_out
    correct = sum(1 for row, label in zip(pixels, labels) if predict(layers, row)[0] == label)
    return {
        "model": "digits", "version": version, "method": method,
        "heldOut": {"rows": len(labels), "correct": correct, "accuracy": round(correct / len(labels), 6)},
        "layers": layers,
    }


def predict(layers, row):
    """(class, its margin over the next) from the rounded weights: the reference for other implementations."""
    import numpy

    values = numpy.asarray(row, dtype=float)
    for layer in layers:
        values = numpy.asarray(layer["weights"]) @ values + numpy.asarray(layer["bias"])
        if layer["activation"] == "relu":
            values = numpy.maximum(values, 0)
    order = numpy.argsort(values)
    return int(order[-1]), float(values[order[-1]] - values[order[-2]])


def rounded(values):
    return [float(f"{value:.5g}") for value in values]


def write_held_out(pixels, labels):
    """One digit a line; a pixel is one character: 0 to 9, then a (10) to g (16)."""
    lines = [
        '    { "label": %d, "pixels": "%s" }' % (label, "".join(PIXEL_CHARACTERS[int(pixel)] for pixel in row))
        for row, label in zip(pixels, labels)
    ]
    text = '{\n  "pixelCharacters": "%s",\n  "digits": [\n%s\n  ]\n}\n' % (PIXEL_CHARACTERS, ",\n".join(lines))
    (HERE / "held-out.json").write_text(text)


def write_request(pixels, labels, weights):
    """The body to send: the first held-out digit that both versions read rightly. One row of pixels is one line."""
    for row, label in zip(pixels, labels):
        if all(predict(values["layers"], row)[0] == label for values in weights.values()):
            break
    lines = [", ".join(f"{int(pixel):2d}" for pixel in row[start:start + 8]) for start in range(0, 64, 8)]
    data = ",\n".join(f"        {line}" for line in lines)
    (HERE / "request.json").write_text(
        '{\n  "id": "a-handwritten-%d",\n  "inputs": [\n    {\n      "name": "pixels",\n      "shape": [1, 64],\n'
        '      "datatype": "FP64",\n      "data": [\n%s\n      ]\n    }\n  ]\n}\n' % (label, data))


def require_scikit_learn():
    """Runs this script again with the Python of its own virtual environment when scikit-learn is missing here."""
    try:
        import sklearn  # noqa: F401
        return
    except ImportError:
        pass
    folder = HERE.parent.parent / ".signalbox" / "tools" / "train"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if Path(sys.prefix).resolve() == folder.resolve():
        print(f"installing {SCIKIT_LEARN} into {folder} (about 60 MB) ...", flush=True)
        if subprocess.call([str(python), "-m", "pip", "install", "--quiet", SCIKIT_LEARN]) != 0:
            sys.exit("scikit-learn could not be installed (pip's message is above): check the network or pip's index "
                     "setting, or run this script with a Python that has scikit-learn.")
        return
    if not python.exists():
        subprocess.check_call([sys.executable, "-m", "venv", str(folder)])
    sys.exit(subprocess.call([str(python), str(Path(__file__).resolve()), *sys.argv[1:]]))


if __name__ == "__main__":
    main()
