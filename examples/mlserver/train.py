"""Trains the two versions of "digits" and saves each, as scikit-learn made it, beside the settings that MLServer reads.

    train.py FOLDER

Writes FOLDER/a/digits/model.joblib (version 7) and FOLDER/b/digits/model.joblib (version 8). The training is that of
examples/quickstart/train.py, so both examples have the same models.
"""

import sys
from pathlib import Path

import joblib

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "quickstart"))
import train  # noqa: E402

folder = Path(sys.argv[1])
training, (pixels, labels) = train.load_digits()
for name, version, estimator in [("a", "7", train.train_version_7(*training)), ("b", "8", train.train_version_8(*training))]:
    joblib.dump(estimator, folder / name / "digits" / "model.joblib")
    print(f"digits@{version}: accuracy {estimator.score(pixels, labels):.4f} on {len(labels)} held-out digits")
