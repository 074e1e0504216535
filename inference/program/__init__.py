"""What a model and a guide are to an objective: sites, plates, draws, costs; no framework here."""
