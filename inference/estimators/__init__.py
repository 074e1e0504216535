"""Gradient estimators under the microscope: bias, noise, and every objective's certificate."""
