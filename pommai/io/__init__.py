"""The outside world behind small ports. Real and simulated devices stand side by side; none knows the chart."""
