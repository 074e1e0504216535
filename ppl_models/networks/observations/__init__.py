"""What an output says of x, and what is given beside x: likelihoods, labels, conditions."""
