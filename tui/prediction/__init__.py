"""What the Predict room knows: the rows of a batch, what is said of one photo, and in which words."""
