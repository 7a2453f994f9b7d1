"""What runs an action: the container engine, its images, its logs."""
