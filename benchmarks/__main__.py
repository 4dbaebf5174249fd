"""Print every figure that the README claims: ``python -m benchmarks``."""

from benchmarks import coverage, feature_speed, labelling, model_families, prediction, taste_quality

if __name__ == "__main__":
    taste_quality.main()
    model_families.main()
    coverage.main()
    feature_speed.main()
    labelling.main()
    prediction.main()
