"""Print every figure that the README claims: ``python -m benchmarks``; only the speeds: ``benchmarks.speed``."""

from benchmarks import coverage, labelling, model_families, prediction, speed, taste_quality

if __name__ == "__main__":
    speed.main()
    labelling.main()
    prediction.main(["--only", "warm", "folder"])
    taste_quality.main()
    model_families.main()
    coverage.main()
