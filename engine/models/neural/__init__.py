"""The families that are trained by gradient descent: a head on fixed features, and a whole network with its head."""
