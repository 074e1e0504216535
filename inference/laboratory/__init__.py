"""Gradient estimators under the microscope: bias, variance and signal-to-noise ratio."""
