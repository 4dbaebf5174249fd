"""Backbones, the feature vectors they give to photos, and where those are kept."""
