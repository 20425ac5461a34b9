"""What is measured: loads, clocks, resources, machines."""
