"""Print every figure that the README claims: ``python -m benchmarks``."""

from benchmarks import coverage, features, labelling, model_families, prediction, taste_quality

if __name__ == "__main__":
    taste_quality.main()
    model_families.main()
    coverage.main()
    features.main()
    labelling.main()
    prediction.main()
